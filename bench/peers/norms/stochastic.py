import math

import torch

from ..peer import Peer, empty
from .alpha_dropout import seed_of, words

N = 32


def normal_pairs(count, device):
    """Two normal numbers of each channel, of the words that our op draws (native/core/normal.h)."""
    drawn = words(2 * count, device).reshape(count, 2).double() // 256
    radius = torch.sqrt(-2 * torch.log((drawn[:, 0] + 1) * 2.0**-24))
    angle = 2 * math.pi * drawn[:, 1] * 2.0**-24
    return radius * torch.cos(angle), radius * torch.sin(angle)


def tensors(setting, normal):
    seed = seed_of(normal)
    z1, z2 = normal_pairs(setting.channels, seed.device)
    part = 2 / (9 * (N - 1))
    chi2 = (N - 1) * (1 - part + z1 * math.sqrt(part))**3
    # Of type float32, as the op has them.
    u, v = (z2 / math.sqrt(N)).float(), torch.sqrt(N / chi2).float()
    return {"seed": seed, "u": empty(normal), "v": empty(normal), "drawn_u": u, "drawn_v": v}


def stochastic(t, setting, x, gamma, beta):
    """With PyTorch's own random numbers; in double precision, which is for comparison, with ours."""
    if x.dtype == torch.float64:
        u, v = t["drawn_u"], t["drawn_v"]
    else:
        u = torch.randn_like(gamma) / math.sqrt(N)
        v = torch.rsqrt(torch._standard_gamma(torch.full_like(gamma, (N - 1) / 2)) * (2 / N))
    return (x - u) * (gamma * v) + beta


PEER = Peer(
    op="TfjsStochasticAffine",
    attributes=lambda setting: {"effective_n": N},
    torch=stochastic,
    bytes_per_element=(8, 12),
    tensors=tensors,
    gpu_shapes=(((32, 56, 56, 256), False), ((8192, 4096), False)),
)
