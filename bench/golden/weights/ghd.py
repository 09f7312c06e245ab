"""The epilogue alone: dense and convolutional layers are products around it."""

from ..values import compare_weights

OUTPUTS = {"distance": 0, "similarity": 1, "centered": 2, "raw": 3}
THRESHOLDS = {"none": 0, "relu": 1, "double": 2, "soft": 3}


def epilogue(library, device, acc, shape, taps, case, gradient):
    """y, and the gradient of acc and r."""
    attrs = case["attrs"]
    threshold = attrs["threshold"]
    channels = shape[-1]
    if threshold == "soft":
        r = case["inputs"]["r"]["data"]
    else:
        r = [attrs["r"]] * channels if threshold == "double" else []
    attributes = {
        "output": OUTPUTS[attrs["output"]],
        "threshold": THRESHOLDS[threshold],
        "alpha": attrs.get("alpha", 1)
    }
    inputs = [(acc, shape), ([taps], [1]), (r, [len(r)])]
    [(y, _)] = library.run("TfjsHammingEpilogue", device, inputs, attributes)
    grads = library.run("TfjsHammingEpilogueGrad", device, [(gradient, shape), *inputs], attributes)
    return y, grads[0][0], grads[1][0]


def dense(library, device, case):
    """Products in double here; the gradients of x and kernel are products too."""
    x, kernel = case["inputs"]["x"], case["inputs"]["kernel"]
    (rows, taps), units = x["shape"], kernel["shape"][1]
    a = [[x["data"][i * taps + l] - 0.5 for l in range(taps)] for i in range(rows)]
    w = [[kernel["data"][l * units + o] - 0.5 for o in range(units)] for l in range(taps)]
    acc = [sum(a[i][l] * w[l][o] for l in range(taps)) for i in range(rows) for o in range(units)]
    y, dacc, dr = epilogue(library, device, acc, [rows, units], taps, case, case["gradOutput"]["data"])
    dx = [sum(dacc[i * units + o] * w[l][o] for o in range(units)) for i in range(rows) for l in range(taps)]
    dkernel = [sum(a[i][l] * dacc[i * units + o] for i in range(rows)) for l in range(taps) for o in range(units)]
    problems = compare_weights("y", y, case["outputs"]["y"]["data"])
    problems += compare_weights("dx", dx, case["grads"]["x"]["data"])
    problems += compare_weights("dkernel", dkernel, case["grads"]["kernel"]["data"])
    return problems + (compare_weights("dr", dr, case["grads"]["r"]["data"]) if "r" in case["grads"] else [])


def shifted_epilogue(library, device, case):
    """The file has products of what is not shifted, and the means that take the shift out."""
    taps = case["attrs"]["L"]
    acc, mean_x, mean_w = (case["inputs"][name]["data"] for name in ("acc", "meanX", "meanW"))
    channels = len(mean_w)
    shifted = [
        taps / 2 * (0.5 + 2 / taps * value - mean_x[i // channels] - mean_w[i % channels]) for i, value in enumerate(acc)
    ]
    shape = case["inputs"]["acc"]["shape"]
    y, dacc, _ = epilogue(library, device, shifted, shape, taps, case, case["gradOutput"]["data"])
    problems = compare_weights("y", y, case["outputs"]["y"]["data"])
    return problems + compare_weights("dacc", dacc, case["grads"]["acc"]["data"])


OPS = {
    "GhdElementwise": lambda library, device, case: None,
    "GhdDense": dense,
    "GhdConv2D": lambda library, device, case: None,
    "GhdEpilogue": shifted_epilogue,
}
