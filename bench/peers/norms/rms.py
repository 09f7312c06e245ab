import torch.nn.functional as F

from ..peer import Peer, empty

PEER = Peer(
    op="TfjsRmsNorm",
    attributes=lambda setting: {"epsilon": setting.epsilon},
    torch=lambda t, setting, x, gamma: F.rms_norm(x, x.shape[-1:], gamma, setting.epsilon),
    bytes_per_element=(8, 12),
    tensors=lambda setting, normal: {"beta": empty(normal)},
    parameters=("gamma",),
    gpu_shapes=(((8192, 4096), True), ((16384, 1024), False), ((2048, 16384), False)),
)
