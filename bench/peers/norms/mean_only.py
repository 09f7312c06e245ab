from ..peer import Peer, channels_first


def mean_only(t, setting, x, beta):
    return channels_first(x - x.mean(tuple(range(x.dim() - 1))) + beta)


PEER = Peer(
    op="TfjsMeanOnlyBatchNorm",
    attributes=lambda setting: {"update_rate": setting.update_rate},
    torch=mean_only,
    parameters=("beta",),
    bytes_per_element=(12, 20),
    gpu_shapes=(((32, 56, 56, 256), False), ((32, 7, 7, 2048), False)),
)
