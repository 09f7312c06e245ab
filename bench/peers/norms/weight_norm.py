from ..peer import Peer

# x is the weight: of a convolution, of a dense layer.
PEER = Peer(
    op="TfjsWeightNorm",
    attributes=lambda setting: {"axis": -1, "kept_axes": 1, "divisor": 0, "center": False, "epsilon": 1e-12,
                                "scale": True},
    torch=lambda t, setting, x, gamma: x * (gamma / x.flatten(0, -2).norm(dim=0)),
    bytes_per_element=(8, 12),
    parameters=("gamma",),
    gpu_shapes=(((3, 3, 512, 512), True), ((4096, 4096), False)),
)
