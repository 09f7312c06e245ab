from ..peer import Peer, channels_first


def global_response(t, setting, x, gamma, beta):
    """As in the authors' ConvNeXt V2."""
    positions = tuple(range(1, x.dim() - 1))
    # Over no axes PyTorch sums over all.
    g = x.square().sum(positions, keepdim=True).sqrt() if positions else x.abs()
    n = g / (g.mean(-1, keepdim=True) + setting.epsilon)
    return channels_first(gamma * (x * n) + beta + x)


PEER = Peer(
    op="TfjsGlobalResponseNorm",
    attributes=lambda setting: {"epsilon": setting.epsilon},
    torch=global_response,
    bytes_per_element=(12, 20),
    gpu_shapes=(((32, 56, 56, 256), False), ((32, 14, 14, 1536), False)),
)
