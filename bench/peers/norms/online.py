import torch

from ..peer import Peer, channels_first

ALPHA_FORWARD, ALPHA_BACKWARD, CLAMP = 0.999, 0.99, 5.0


class OnlineNormalization(torch.autograd.Function):
    """The loop over the samples, with its control process; x is [N, ..., C]. From fresh control states."""

    @staticmethod
    def forward(ctx, x, mean, variance, epsilon):
        positions = tuple(range(x.dim() - 2))
        ys, deviations = [], []
        for sample in x:
            deviations.append(torch.sqrt(variance + epsilon))
            ys.append((sample - mean) / deviations[-1])
            own_variance, own = torch.var_mean(sample, positions, correction=0) if positions else (0, sample)
            d = own - mean
            variance = (ALPHA_FORWARD * variance + (1 - ALPHA_FORWARD) * own_variance +
                        ALPHA_FORWARD * (1 - ALPHA_FORWARD) * d**2)
            mean = mean + (1 - ALPHA_FORWARD) * d
        y = torch.stack(ys)
        ctx.save_for_backward(y, torch.stack(deviations))
        return y

    @staticmethod
    def backward(ctx, dy):
        y, deviations = ctx.saved_tensors
        positions = tuple(range(y.dim() - 2))
        mean = (lambda t: t.mean(positions)) if positions else (lambda t: t)
        u = v = torch.zeros_like(deviations[0])
        dxs = []
        for n, g in enumerate(dy):
            h = g - (1 - ALPHA_BACKWARD) * v * y[n]
            v = v + mean(h * y[n])
            dxs.append(h / deviations[n] - (1 - ALPHA_BACKWARD) * u)
            u = u + mean(dxs[-1])
        return torch.stack(dxs), None, None, None


def online(t, setting, x, gamma, beta):
    y = OnlineNormalization.apply(x, t["moving_mean"], t["moving_variance"], setting.epsilon)
    return channels_first((y * gamma + beta).clamp(-CLAMP, CLAMP))


PEER = Peer(
    op="TfjsOnlineNorm",
    attributes=lambda setting: {
        "epsilon": setting.epsilon, "update_rate": 1 - ALPHA_FORWARD, "control_rate": 1 - ALPHA_BACKWARD,
        "clamp_value": CLAMP},
    torch=online,
    bytes_per_element=(12, 20),
    tensors=lambda setting, normal: {"u": normal(setting.channels) * 0, "v": normal(setting.channels) * 0},
    gpu_shapes=(((32, 56, 56, 256), False), ((32, 7, 7, 2048), False)),
)
