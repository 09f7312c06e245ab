import torch

from ..peer import Peer, channels_first


def switchable(t, setting, x, gamma, beta):
    """Equal weights, as a new layer has them."""
    positions = tuple(range(1, x.dim() - 1))
    own_var, own = torch.var_mean(x, positions, correction=0, keepdim=True)
    means, variances = [own], [own_var]
    for axis in (-1, 0):
        mean = own.mean(axis, keepdim=True)
        means.append(mean)
        variances.append((own_var + (own - mean)**2).mean(axis, keepdim=True))
    rho = torch.rsqrt(sum(variances) / 3 + setting.epsilon)
    return channels_first((x - sum(means) / 3) * rho * gamma + beta)


PEER = Peer(
    op="TfjsSwitchableNorm",
    attributes=lambda setting: {"epsilon": setting.epsilon, "update_rate": setting.update_rate},
    torch=switchable,
    bytes_per_element=(12, 20),
    tensors=lambda setting, normal: {"mean_logits": normal(3) * 0, "variance_logits": normal(3) * 0},
    gpu_shapes=(((32, 56, 56, 256), False), ((2, 64, 64, 320), False)),
)
