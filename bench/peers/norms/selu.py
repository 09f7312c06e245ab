import torch.nn.functional as F

from ..peer import Peer

PEER = Peer(
    op="TfjsSelu",
    attributes=lambda setting: {},
    torch=lambda t, setting, x: F.selu(x),
    bytes_per_element=(8, 12),
    parameters=(),
    gpu_shapes=(((32, 56, 56, 256), False), ((8192, 4096), False)),
)
