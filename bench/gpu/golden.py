"""Runs the golden vectors (test/golden/*.json, float64) through the op library's C face on one device."""

import json
import math
import pathlib


def tolerance(want, scale, kernel_error, relative_to_gradient):
    middle = 32 * kernel_error * (max(1.0, scale) if relative_to_gradient else 1.0)
    return 1e-6 * max(1.0, scale) + middle + 2e-5 * abs(want)


def compare(name, got, want, kernel_error, relative_to_gradient=False):
    """Gives a message for the worst element out of tolerance, or None."""
    if len(got) != len(want):
        return f"{name}: expected {len(want)} values, got {len(got)}"
    scale = max((abs(w) for w in want), default=0.0)
    for i, (g, w) in enumerate(zip(got, want)):
        if not math.isfinite(g) or abs(g - w) > tolerance(w, scale, kernel_error, relative_to_gradient):
            return f"{name}[{i}]: expected {w!r}, got {g!r}"
    return None


def to_channels_first(tensor):
    """[N, ..., C] data as [N, C, ...]; channels-last when inverted by the caller's shapes."""
    data, shape = tensor["data"], tensor["shape"]
    n, c = shape[0], shape[-1]
    s = math.prod(shape[1:-1])
    out = [data[(i * s + p) * c + k] for i in range(n) for k in range(c) for p in range(s)]
    return {"data": out, "shape": [n, c, *shape[1:-1]]}


def channel_calls(case, axis):
    """(forward op, grad op, input names, shared attributes, forward-only attributes, output names, saves moments)."""
    attrs, inputs = case["attrs"], case["inputs"]
    common = {"axis": axis, "epsilon": attrs["epsilon"]}
    if "groups" in attrs:
        common["groups"] = attrs["groups"]
        return "TfjsGroupNorm", "TfjsGroupNormGrad", ["x", "gamma", "beta"], common, {}, ["y"], True
    if not attrs["training"]:
        names = ["x", "gamma", "beta", "runningMean", "runningVar"]
        return "TfjsBatchNormInference", "TfjsBatchNormInferenceGrad", names, common, {}, ["y"], False
    common["virtual_batch_size"] = attrs.get("virtualBatchSize", 0)
    forward = {"update_rate": 1 - attrs["decay"], "unbiased": attrs["unbiasedRunningVar"]}
    names = ["x", "gamma", "beta", "runningMean", "runningVar"]
    outputs = ["y", "newRunningMean", "newRunningVar"]
    return "TfjsBatchNorm", "TfjsBatchNormGrad", names, common, forward, outputs, True


STATE = ["meanLogits", "varLogits", "runningMean", "runningVar"]


def switchable_calls(case, axis):
    attrs = case["attrs"]
    common = {"axis": axis, "epsilon": attrs["epsilon"], "training": attrs["training"],
              "use_batch": attrs["useBatch"], "unbiased_spatial_variance": attrs["unbiasedSpatialVar"]}
    forward = {"update_rate": 1 - attrs["decay"]}
    moved = attrs["training"] and attrs["useBatch"]
    outputs = ["y"] + (["newRunningMean", "newRunningVar"] if moved else [])
    names = ["x", "gamma", "beta", *STATE]
    return "TfjsSwitchableNorm", "TfjsSwitchableNormGrad", names, common, forward, outputs, True


def row_calls(method, case):
    attrs, inputs = case["attrs"], case["inputs"]
    rank, gamma_rank = len(inputs["x"]["shape"]), len(inputs["gamma"]["shape"])
    common = {"begin_axis": rank - gamma_rank, "epsilon": attrs["epsilon"]}
    if method == "layer_norm":
        return "TfjsLayerNorm", "TfjsLayerNormGrad", ["x", "gamma", "beta"], common, {}, ["y"], True
    columns = math.prod(inputs["gamma"]["shape"])
    common["epsilon_inside"] = attrs["epsilonInsideSqrt"]
    common["partial"] = int(attrs["partial"] * columns) if attrs["partial"] else 0
    common["center"] = "beta" in inputs
    return "TfjsRmsNorm", "TfjsRmsNormGrad", ["x", "gamma", "beta"], common, {}, ["y"], True


EMPTY = {"data": [], "shape": [0]}


def run_case(library, device, method, case, channels_first):
    if method == "switchable_norm":
        op, grad_op, names, common, forward, outputs, saved = switchable_calls(case, 1 if channels_first else -1)
    elif method in ("layer_norm", "rms_norm"):
        op, grad_op, names, common, forward, outputs, saved = row_calls(method, case)
    else:
        op, grad_op, names, common, forward, outputs, saved = channel_calls(case, 1 if channels_first else -1)
    arrange = to_channels_first if channels_first else (lambda tensor: tensor)
    tensors = {name: case["inputs"].get(name, EMPTY) for name in names}
    tensors["x"] = arrange(tensors["x"])
    flat = {name: (t["data"], t["shape"]) for name, t in tensors.items()}
    error = case["float32KernelError"]

    results = library.run(op, device, [flat[name] for name in names], {**common, **forward})
    problems = []
    for name, (got, _) in zip(outputs, results):
        want = case["outputs"][name]
        problems.append(compare(name, got, arrange(want)["data"] if name == "y" else want["data"], error["y"]))

    dy = arrange(case["gradOutput"])
    grad_inputs = [(dy["data"], dy["shape"]), flat["x"], flat["gamma"]]
    if method == "switchable_norm":
        grad_inputs += [flat[name] for name in STATE]
    grad_inputs += [results[-1]] if saved else [flat["runningMean"], flat["runningVar"]]
    grads = library.run(grad_op, device, grad_inputs, common)
    logits = ["meanLogits", "varLogits"] if method == "switchable_norm" else []
    for name, (got, _) in zip(["x", "gamma", "beta", *logits], grads):
        want = case["grads"].get(name)
        if want is None:
            continue
        want = arrange(want)["data"] if name == "x" else want["data"]
        kind = "dx" if name == "x" else "params"
        problems.append(compare(f"d{name}", got, want, error.get(kind, 0.0), kind == "params"))
    return [p for p in problems if p]


def run_all(library, device, folder):
    """Gives (passed, [failure messages])."""
    passed, failures = 0, []
    by_channel = ("batch_norm", "group_norm", "instance_norm", "switchable_norm")
    for method in (*by_channel, "layer_norm", "rms_norm"):
        document = json.loads((pathlib.Path(folder) / f"{method}.json").read_text())
        layouts = (False, True) if method in by_channel else (False,)
        # A case without gradients is of an average over calls.
        for case in (c for c in document["cases"] if "gradOutput" in c):
            for channels_first in layouts:
                if channels_first and len(case["inputs"]["x"]["shape"]) < 3:
                    continue
                label = f"{method}/{case['name']}" + (" channels-first" if channels_first else "")
                problems = run_case(library, device, method, case, channels_first)
                failures += [f"{label}: {p}" for p in problems]
                passed += not problems
    return passed, failures
