import torch

from ..peer import Peer, empty


def filter_response_norm(tensors, setting, x, gamma, beta, tau):
    square = x.square().mean(tuple(range(1, x.dim() - 1)), keepdim=True)
    return torch.maximum(gamma * x * torch.rsqrt(square + 1e-6) + beta, tau)


PEER = Peer(
    op="TfjsFilterResponseNorm",
    attributes=lambda setting: {"tlu": True, "epsilon": 1e-6},
    torch=filter_response_norm,
    bytes_per_element=(12, 20),
    tensors=lambda setting, normal: {"tau": normal(setting.channels) * 0, "learned_epsilon": empty(normal)},
    parameters=("gamma", "beta", "tau"),
    gpu_shapes=(((32, 56, 56, 256), True), ((8, 56, 56, 64), False)),
)
