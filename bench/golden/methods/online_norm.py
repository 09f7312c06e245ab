from ..method import Method


def attributes(case, axis):
    attrs = case["attrs"]
    return {
        "axis": axis, "epsilon": attrs["epsilon"], "training": attrs["training"],
        "error_compensation": ["none", "clamp", "layerScaling"].index(attrs["ecm"]), "clamp_value": attrs["clampValue"],
        "scaling_epsilon": attrs["lsEpsilon"], "update_rate": 1 - attrs["alphaFwd"],
        "control_rate": 1 - attrs["alphaBwd"]
    }


METHOD = Method(
    forward="TfjsOnlineNorm",
    attributes=attributes,
    names={
        "moving_mean": "mu",
        "moving_variance": "var",
        "new_moving_mean": "newMu",
        "new_moving_variance": "newVar"
    },
)
