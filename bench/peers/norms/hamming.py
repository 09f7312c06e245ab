import torch

from ..peer import Peer, empty

TAPS = 576


def sums(setting, normal):
    """What the op calls acc is the x of the bench."""
    acc = normal(*setting.shape) * 1.5 + 0.5
    return {"x": acc, "acc": acc, "taps": normal(1) * 0 + TAPS, "r": empty(normal)}


PEER = Peer(
    op="TfjsHammingEpilogue",
    attributes=lambda setting: {"threshold": 1},
    torch=lambda t, setting, x: 0.5 - torch.relu(x * (2 / TAPS)),
    bytes_per_element=(8, 12),
    tensors=sums,
    parameters=(),
    gpu_shapes=(((32, 56, 56, 256), True), ((8192, 4096), False)),
)
