import torch.nn.functional as F

from ..peer import Peer, channels_first, contiguous_as_it_was


def group_norm(groups, setting, x, gamma, beta):
    return contiguous_as_it_was(F.group_norm(channels_first(x), groups, gamma, beta, setting.epsilon))


PEER = Peer(
    op="TfjsGroupNorm",
    attributes=lambda setting: {"epsilon": setting.epsilon, "groups": setting.groups},
    torch=lambda t, setting, *inputs: group_norm(setting.groups, setting, *inputs),
    bytes_per_element=(12, 20),
    gpu_shapes=(
        ((32, 56, 56, 256), True),
        ((2, 64, 64, 320), False),
        ((2, 32, 32, 640), False),
        ((32, 64, 64, 320), False),
        ((1, 512, 512, 256), False),
        ((2, 200, 304, 256), False),
    ),
)
