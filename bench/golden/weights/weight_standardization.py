from ..values import compare_weights

DIVISORS = {"scaled": 0, "biased": 1, "unbiased": 2, "insideSqrt": 3}


def weight_standardization(library, device, case):
    attrs = case["attrs"]
    attributes = {"divisor": DIVISORS[attrs["mode"]], "center": 1, "epsilon": attrs["epsilon"]}
    flat = lambda tensor: (tensor["data"], tensor["shape"])
    x, gain = (flat(case["inputs"][name]) for name in ("kernel", "gain"))
    y, moments = library.run("TfjsWeightNorm", device, [x, gain], attributes)
    dx, dgamma = library.run("TfjsWeightNormGrad", device, [flat(case["gradOutput"]), x, gain, moments], attributes)
    wanted = (("y", y, case["outputs"]["y"]), ("dkernel", dx, case["grads"]["kernel"]), ("dgain", dgamma,
                                                                                        case["grads"]["gain"]))
    return [problem for name, (got, _), want in wanted for problem in compare_weights(name, got, want["data"])]


OPS = {"WeightStandardization": weight_standardization}
