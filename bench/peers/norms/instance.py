from ..peer import Peer
from .group import group_norm

PEER = Peer(
    op="TfjsGroupNorm",
    attributes=lambda setting: {"epsilon": setting.epsilon, "groups": setting.channels},
    torch=lambda t, setting, *inputs: group_norm(setting.channels, setting, *inputs),
    bytes_per_element=(12, 20),
    gpu_shapes=(((32, 56, 56, 256), True), ((1, 512, 512, 128), False)),
)
