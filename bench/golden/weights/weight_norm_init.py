from ..values import compare_weights


def orthogonal(library, device, case):
    """The kernel from the file's v and g."""
    v, g = ((case["outputs"][name]["data"], case["outputs"][name]["shape"]) for name in ("v", "g"))
    (kernel, _), _ = library.run("TfjsWeightNorm", device, [v, g], {})
    return compare_weights("kernel", kernel, case["outputs"]["kernel"]["data"])


# Numbers of no op: gains and learning rates.
OPS = {
    "WeightNormInitGain": lambda library, device, case: None,
    "OrthogonalWeightNormInit": orthogonal,
    "QuadraticWarmup": lambda library, device, case: None,
}
