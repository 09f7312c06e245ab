import torch

from ..peer import Peer, empty


def tensors(setting, normal):
    none = empty(normal)
    scalar = lambda value: normal(1) * 0 + value
    return {"scale": scalar(1.25), "bias": scalar(0.5), "shift": none, "residual": normal(*setting.shape)}


PEER = Peer(
    op="TfjsFixup",
    attributes=lambda setting: {"relu": True, "use_scale": True, "use_bias": True, "use_residual": True},
    torch=lambda t, setting, x, scale, bias: torch.relu(x * scale + bias + t["residual"]),
    # Forward x, residual, y; backward dy, x, residual, dx, dz.
    bytes_per_element=(12, 20),
    tensors=tensors,
    parameters=("scale", "bias"),
    gpu_shapes=(((32, 56, 56, 256), True), ((8192, 4096), False)),
)
