import torch

from ..peer import Peer


def evo_norm_s0(t, setting, x, v, gamma, beta):
    groups = setting.groups
    grouped = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
    rho = torch.rsqrt(torch.var(grouped, (1, 3), correction=0, keepdim=True) + setting.epsilon)
    gated = (x * torch.sigmoid(v * x)).reshape(grouped.shape)
    return (gated * rho).reshape(x.shape) * gamma + beta


PEER = Peer(
    op="TfjsEvoNormS0",
    attributes=lambda setting: {"groups": setting.groups, "epsilon": setting.epsilon},
    torch=evo_norm_s0,
    bytes_per_element=(12, 20),
    tensors=lambda setting, normal: {"v": normal(setting.channels) * 0 + 1},
    parameters=("v", "gamma", "beta"),
    gpu_shapes=(((32, 56, 56, 256), True), ((2, 64, 64, 320), False)),
)
