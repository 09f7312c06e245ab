import torch

from ..peer import Peer
from .hamming import TAPS, sums

ALPHA = 8


def soft_distance(tensors, setting, x, r):
    c = x * (2 / TAPS)
    return 0.5 - c * (torch.sigmoid(ALPHA * (c - r)) + torch.sigmoid(ALPHA * (-c - r)))


PEER = Peer(
    op="TfjsHammingEpilogue",
    attributes=lambda setting: {"threshold": 3, "alpha": ALPHA},
    torch=soft_distance,
    bytes_per_element=(8, 12),
    tensors=lambda setting, normal: {**sums(setting, normal), "r": normal(setting.channels) * 0 + 0.1},
    parameters=("r",),
    gpu_shapes=(((32, 56, 56, 256), True),),
)
