import torch.nn.functional as F

from ..peer import Peer

PEER = Peer(
    op="TfjsLayerNorm",
    attributes=lambda setting: {"epsilon": setting.epsilon},
    torch=lambda t, setting, x, gamma, beta: F.layer_norm(x, x.shape[-1:], gamma, beta, setting.epsilon),
    bytes_per_element=(8, 12),
    gpu_shapes=(
        ((8192, 4096), True),
        ((50432, 768), True),
        ((200704, 96), False),
        ((4096, 5120), False),
        ((1024, 65536), False),
        ((128, 4096), False),
    ),
)
