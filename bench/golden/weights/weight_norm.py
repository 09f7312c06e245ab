from ..values import compare_weights


def flat(tensor):
    return tensor["data"], tensor["shape"]


def problems(*wanted):
    """Of (name, (data, shape) as the op gave it, the file's tensor)."""
    return [problem for name, (got, _), want in wanted for problem in compare_weights(name, got, want["data"])]


def weight_norm(library, device, case):
    attrs = case["attrs"]
    v, g, dy = (flat(tensor) for tensor in (case["inputs"]["v"], case["inputs"]["g"], case["gradOutput"]))
    kept = [axis for axis in range(len(v[1])) if axis not in attrs["axes"]] if attrs["kind"] != "all" else []
    attributes = {
        "axis": kept[0] if kept else 0, "kept_axes": len(kept), "center": int(attrs["center"]), "epsilon": attrs["epsilon"]}
    y, moments = library.run("TfjsWeightNorm", device, [v, g], attributes)
    dv, dg = library.run("TfjsWeightNormGrad", device, [dy, v, g, moments], attributes)
    grads = case["grads"]
    return problems(("y", y, case["outputs"]["y"]), ("dv", dv, grads["v"]), ("dg", dg, grads["g"]))


def mean_only_batch_norm(library, device, case):
    x, beta, moving_mean = (flat(case["inputs"][name]) for name in ("x", "beta", "movingMean"))
    attributes = {"update_rate": 1 - case["attrs"]["momentum"]}
    y, moved, moments = library.run("TfjsMeanOnlyBatchNorm", device, [x, beta, moving_mean], attributes)
    dx, dbeta = library.run("TfjsMeanOnlyBatchNormGrad", device, [flat(case["gradOutput"]), x, moments], {})
    outputs, grads = case["outputs"], case["grads"]
    return problems(("y", y, outputs["y"]), ("new_moving_mean", moved, outputs["newMovingMean"]), ("dx", dx, grads["x"]),
                    ("dbeta", dbeta, grads["beta"]))


# The others are this op and a convolution, or statistics of one.
OPS = {
    "WeightNorm": weight_norm,
    "WeightNormConv2D": lambda library, device, case: None,
    "WeightNormDataInit": lambda library, device, case: None,
    "MeanOnlyBatchNorm": mean_only_batch_norm,
}
