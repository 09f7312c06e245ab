import torch

from ..peer import Peer, channels_first, empty

MIXTURES = 10
SQUEEZE_EPSILON = 1e-3


def standardize(x, axes, epsilon):
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + epsilon)


def attentive(t, setting, x, gamma, beta, kernel):
    """With the attention of a new layer, and the biased squeeze, which any number of positions has."""
    variance, mean = torch.var_mean(x, tuple(range(1, x.dim() - 1)), correction=0)
    logits = (mean * torch.rsqrt(variance + SQUEEZE_EPSILON)) @ kernel.T
    weights = torch.nn.functional.hardtanh(standardize(logits, 0, setting.epsilon) / 6 + 0.5, 0, 1)
    spread = lambda matrix: (weights @ matrix).reshape(x.shape[0], *(1,) * (x.dim() - 2), x.shape[-1])
    normal = standardize(x, tuple(range(x.dim() - 1)), setting.epsilon)
    return channels_first(normal * spread(gamma) + spread(beta))


def tensors(setting, normal):
    matrix, ones = (MIXTURES, setting.channels), normal(MIXTURES) * 0 + 1
    return {
        "gamma": 1 + 0.1 * normal(*matrix),
        "beta": 0.1 * normal(*matrix),
        "attention_kernel": normal(*matrix) * (2 / MIXTURES)**0.5,
        "attention_bias": empty(normal),
        "attention_gamma": ones,
        "attention_beta": ones * 0,
        "attention_moving_mean": ones * 0,
        "attention_moving_variance": ones,
    }


PEER = Peer(
    op="TfjsAttentiveNorm",
    attributes=lambda setting: {
        "epsilon": setting.epsilon, "update_rate": setting.update_rate, "squeeze_epsilon": SQUEEZE_EPSILON,
        "unbiased_squeeze_variance": 0},
    torch=attentive,
    bytes_per_element=(12, 20),
    tensors=tensors,
    parameters=("gamma", "beta", "attention_kernel"),
    gpu_shapes=(((32, 56, 56, 256), False), ((32, 7, 7, 2048), False)),
)
