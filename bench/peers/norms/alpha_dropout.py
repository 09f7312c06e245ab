import math

import torch
import torch.nn.functional as F

from ..peer import Peer

RATE = 0.1
SEED = 42
LAMBDA, SATURATION = 1.0507009873554805, 1.7580993408473766
A = ((1 - RATE) * (1 + RATE * SATURATION**2))**-0.5
B = A * RATE * SATURATION
RANDOM = {"threshold": math.ceil(RATE * 2**24), "shared_axes": 0}

LOW = 0xFFFFFFFF


def product(a, b):
    """(high, low) word of a * b, for a tensor of words and a word: what int64 does not hold in one piece."""
    low = (a & 0xFFFF) * b
    high = (a >> 16) * b + (low >> 16)
    return high >> 16, (high << 16 | low & 0xFFFF) & LOW


def words(count, device):
    """The first words of Philox4x32-10 (native/core/philox.h), as PyTorch's own integers have them."""
    block = torch.arange(-(-count // 4), dtype=torch.int64, device=device)
    zero = torch.zeros_like(block)
    c0, c1, c2, c3 = block, zero, zero, zero
    k0, k1 = SEED, 0
    for _ in range(10):
        high0, low0 = product(c0, 0xD2511F53)
        high1, low1 = product(c2, 0xCD9E8D57)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) & LOW, (k1 + 0xBB67AE85) & LOW
    return torch.stack([c0, c1, c2, c3], 1).flatten()[:count]


def kept(count, device):
    """Which elements are kept."""
    return ((words(count, device) >> 8) >= RANDOM["threshold"]).float()


def seed_of(normal):
    """SEED and stream 0 as the ops take them."""
    seed = normal(8) * 0
    seed[0] = SEED
    return seed


def tensors(setting, normal):
    seed = seed_of(normal)
    return {"seed": seed, "kept": kept(math.prod(setting.shape), seed.device).reshape(setting.shape)}


def dropout(t, x):
    """PyTorch's own, whose masks are others; in double precision, which is for comparison, with ours."""
    if x.dtype == torch.float64:
        return torch.where(t["kept"] > 0, x, torch.full_like(x, -SATURATION)) * A + B
    return F.alpha_dropout(x, RATE, training=True)


PEER = Peer(
    op="TfjsAlphaDropout",
    attributes=lambda setting: {"slope": A, "offset": B, "dropped": B - A * SATURATION, **RANDOM},
    torch=lambda t, setting, x: dropout(t, x),
    bytes_per_element=(8, 8),
    tensors=tensors,
    parameters=(),
    gpu_shapes=(((32, 56, 56, 256), False),),
)
