"""Vectors and scalars are one unit."""

from ..values import compare_weights


def adaptive_grad_clip(library, device, case):
    gradient, weight = (case["inputs"][name] for name in ("grad", "param"))
    shape = gradient["shape"] or [1]
    attributes = {**case["attrs"], "axis": -1, "kept_axes": int(len(shape) > 1)}
    inputs = [(tensor["data"], shape) for tensor in (gradient, weight)]
    [(y, _)] = library.run("TfjsAdaptiveGradClip", device, inputs, attributes)
    return compare_weights("y", y, case["outputs"]["y"]["data"])


OPS = {"AdaptiveGradClip": adaptive_grad_clip}
