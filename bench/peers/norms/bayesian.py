import torch

from ..peer import Peer, empty
from .alpha_dropout import seed_of
from .stochastic import normal_pairs


def tensors(setting, normal):
    seed = seed_of(normal)
    e1, e2 = (noise.float() for noise in normal_pairs(setting.channels, seed.device))
    zeros = normal(setting.channels) * 0
    parameters = {"log_scale": zeros, "rho_scale": zeros - 2, "bias": zeros, "rho_bias": zeros - 2}
    none = {"scale_noise": empty(normal), "bias_noise": empty(normal)}
    return {"seed": seed, **parameters, **none, "drawn_scale": e1, "drawn_bias": e2}


def bayesian(t, setting, x, log_scale, rho_scale, bias, rho_bias):
    """With PyTorch's own random numbers; in double precision, which is for comparison, with ours."""
    if x.dtype == torch.float64:
        e1, e2 = t["drawn_scale"], t["drawn_bias"]
    else:
        e1, e2 = torch.randn_like(bias), torch.randn_like(bias)
    return torch.exp(log_scale + torch.exp(rho_scale) * e1) * x + (bias + torch.exp(rho_bias) * e2)


PEER = Peer(
    op="TfjsBayesianAffine",
    attributes=lambda setting: {},
    torch=bayesian,
    bytes_per_element=(8, 12),
    tensors=tensors,
    parameters=("log_scale", "rho_scale", "bias", "rho_bias"),
    gpu_shapes=(((32, 56, 56, 256), False),),
)
