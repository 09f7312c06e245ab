import torch.nn.functional as F

from ..peer import Peer, channels_first


def batch_norm(t, setting, x, gamma, beta):
    return F.batch_norm(
        channels_first(x), t["moving_mean"], t["moving_variance"], gamma, beta, True, setting.update_rate,
        setting.epsilon)


PEER = Peer(
    op="TfjsBatchNorm",
    attributes=lambda setting: {
        "epsilon": setting.epsilon, "update_rate": setting.update_rate, "unbiased": 1},
    torch=batch_norm,
    bytes_per_element=(12, 20),
    gpu_shapes=(
        ((32, 112, 112, 64), True),
        ((32, 56, 56, 256), False),
        ((32, 28, 28, 128), False),
        ((32, 7, 7, 2048), False),
        ((256, 56, 56, 256), False),
    ),
)
