import torch

from ..peer import Peer

PEER = Peer(
    op="TfjsDynamicTanh",
    attributes=lambda setting: {},
    torch=lambda t, setting, x, alpha, gamma, beta: gamma * torch.tanh(alpha * x) + beta,
    bytes_per_element=(8, 12),
    tensors=lambda setting, normal: {"alpha": normal(1) * 0 + 0.5},
    parameters=("alpha", "gamma", "beta"),
    gpu_shapes=(((8192, 4096), True), ((50432, 768), True), ((32, 56, 56, 256), False)),
)
