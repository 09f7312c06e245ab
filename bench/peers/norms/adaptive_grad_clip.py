import torch

from ..peer import Peer

CLIPPING = 1.0
EPSILON = 1e-3


def tensors(setting, normal):
    # Of the gradient about half of the units are longer than their weights.
    gradient = normal(*setting.shape)
    return {"x": gradient, "gradients": gradient, "weights": normal(*setting.shape)}


def clip(t, setting, x):
    length = lambda of: of.flatten(0, -2).norm(dim=0)
    most = CLIPPING * length(t["weights"]).clamp_min(EPSILON)
    norm = length(x)
    return x * torch.where(norm >= most, most / norm.clamp_min(1e-6), 1.0)


# x is the gradient of a weight: of a convolution, of a dense layer.
PEER = Peer(
    op="TfjsAdaptiveGradClip",
    attributes=lambda setting: {"axis": -1, "kept_axes": 1, "clipping": CLIPPING, "epsilon": EPSILON},
    torch=clip,
    # Reads both, writes y.
    bytes_per_element=(12,),
    tensors=tensors,
    parameters=(),
    gpu_shapes=(((3, 3, 512, 512), True), ((4096, 4096), False)),
)
