import torch

from ..peer import Peer, channels_first

CLIPPING = (3.0, 1 / 3, 5.0)


def batch_renorm(t, setting, x, gamma, beta):
    positions = tuple(range(x.dim() - 1))
    variance, mean = torch.var_mean(x, positions, correction=0)
    stddev = torch.sqrt(variance + setting.epsilon)
    rmax, rmin, dmax = CLIPPING
    r = (stddev.detach() / t["renorm_stddev"]).clamp(rmin, rmax)
    d = ((mean.detach() - t["renorm_mean"]) / t["renorm_stddev"]).clamp(-dmax, dmax)
    return channels_first(((x - mean) / stddev * r + d) * gamma + beta)


def tensors(setting, normal):
    zero = normal(setting.channels) * 0
    clipping = normal(3) * 0 + torch.tensor(CLIPPING, device=zero.device)
    return {
        "moving_stddev": zero + 1, "renorm_mean": zero + 0.25, "renorm_stddev": zero + 1.25, "clipping": clipping
    }


PEER = Peer(
    op="TfjsBatchRenorm",
    attributes=lambda setting: {
        "epsilon": setting.epsilon, "update_rate": setting.update_rate, "renorm_update_rate": setting.update_rate},
    torch=batch_renorm,
    bytes_per_element=(12, 20),
    tensors=tensors,
    gpu_shapes=(((32, 56, 56, 256), False), ((32, 7, 7, 2048), False)),
)
