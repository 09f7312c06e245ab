import torch

from ..peer import Peer, empty


def tensors(setting, normal):
    none = empty(normal)
    scalar = lambda value: normal(1) * 0 + value
    return {"scale": none, "bias": scalar(0.25), "shift": scalar(0.5), "residual": none}


PEER = Peer(
    op="TfjsFixup",
    attributes=lambda setting: {"relu": True, "use_bias": True, "use_shift": True},
    torch=lambda t, setting, x, bias, shift: torch.relu(x + bias) + shift,
    bytes_per_element=(8, 12),
    tensors=tensors,
    parameters=("bias", "shift"),
    gpu_shapes=(((32, 56, 56, 256), False), ((8192, 4096), False)),
)
