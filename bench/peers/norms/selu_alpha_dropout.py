import torch.nn.functional as F

from ..peer import Peer
from .alpha_dropout import LAMBDA, RANDOM, SATURATION, A, B, dropout, tensors

PEER = Peer(
    op="TfjsSeluAlphaDropout",
    attributes=lambda setting: {"positive": A * LAMBDA, "negative": A * SATURATION, "offset": B, **RANDOM},
    torch=lambda t, setting, x: dropout(t, F.selu(x)),
    bytes_per_element=(8, 12),
    tensors=tensors,
    parameters=(),
    gpu_shapes=(((32, 56, 56, 256), False), ((8192, 4096), False)),
)
