from ..method import Method


def attributes(case, axis):
    attrs = case["attrs"]
    return {
        "axis": axis, "epsilon": attrs["epsilon"], "training": attrs["training"], "use_batch": attrs["useBatch"],
        "unbiased_spatial_variance": attrs["unbiasedSpatialVar"], "update_rate": 1 - attrs["decay"]
    }


METHOD = Method(forward="TfjsSwitchableNorm", attributes=attributes, names={"variance_logits": "varLogits"})
