from ..method import Method

SQUEEZES = ["meanOverStd", "mean"]
NORMS = ["none", "batch", "layer"]
ACTIVATIONS = ["hardSigmoid", "sigmoid", "softmax"]


def attributes(case, axis):
    attrs = case["attrs"]
    group = {"groups": attrs["groups"]} if attrs["backbone"] == "group" else {}
    return {
        "axis": axis, "epsilon": attrs["epsilon"], "training": attrs["training"],
        "batch_backbone": attrs["backbone"] == "batch", **group,
        "squeeze": SQUEEZES.index(attrs["squeeze"]), "squeeze_epsilon": attrs["squeezeEpsilon"],
        "unbiased_squeeze_variance": attrs["unbiasedSqueezeVar"],
        "use_attention_bias": "attnBias" in case["inputs"],
        "attention_norm": NORMS.index(attrs["attnNorm"]),
        "attention_activation": ACTIVATIONS.index(attrs["attnActivation"]), "update_rate": 1 - attrs["decay"]
    }


METHOD = Method(
    forward="TfjsAttentiveNorm",
    attributes=attributes,
    names={
        "attention": "lambda",
        "attention_kernel": "attnWeight",
        "attention_bias": "attnBias",
        "attention_gamma": "attnGamma",
        "attention_beta": "attnBeta",
        "attention_moving_mean": "attnRunningMean",
        "attention_moving_variance": "attnRunningVar",
        "new_attention_moving_mean": "newAttnRunningMean",
        "new_attention_moving_variance": "newAttnRunningVar",
    })
