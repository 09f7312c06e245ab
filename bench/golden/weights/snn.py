from ..values import compare_weights

LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772
SEED = ([0] * 8, [8])
DROP_ALL = 1 << 24


def flat(tensor):
    return tensor["data"], tensor["shape"]


def merged(mask, kept, dropped):
    """A result by its mask: of a call that drops nothing and of one that drops everything."""
    return [k if keep else d for keep, k, d in zip(mask, kept, dropped)]


def from_output(library, device, case, op, forward, attributes):
    """y, and dx by the gradient op that takes y."""
    y = forward(attributes)
    inputs = [flat(case["gradOutput"]), (y, case["outputs"]["y"]["shape"])]
    [(dx, _)] = library.run(f"{op}Grad", device, inputs, attributes)
    return compare_weights("y", y, case["outputs"]["y"]["data"]) + compare_weights("dx", dx, case["grads"]["x"]["data"])


def selu(library, device, case):
    attrs = case["attrs"]
    attributes = {"positive": attrs["lambda"], "negative": attrs["lambda"] * attrs["alpha"]}
    forward = lambda a: library.run("TfjsSelu", device, [flat(case["inputs"]["x"])], a)[0][0]
    return from_output(library, device, case, "TfjsSelu", forward, attributes)


def masked(library, device, case, op, tensor, attributes):
    results = [
        library.run(op, device, [flat(tensor), SEED], {**attributes, "threshold": threshold})[0][0]
        for threshold in (0, DROP_ALL)
    ]
    return merged(case["inputs"]["mask"]["data"], *results)


def alpha_dropout(library, device, case):
    attrs = case["attrs"]
    a, b = attrs["a"], attrs["b"]
    attributes = {"slope": a, "offset": b, "dropped": b + a * attrs["alphaPrime"]}
    y = masked(library, device, case, "TfjsAlphaDropout", case["inputs"]["x"], attributes)
    dx = masked(library, device, case, "TfjsAlphaDropoutGrad", case["gradOutput"], {"slope": a})
    return compare_weights("y", y, case["outputs"]["y"]["data"]) + compare_weights("dx", dx, case["grads"]["x"]["data"])


def selu_alpha_dropout(library, device, case):
    a, b = case["attrs"]["a"], case["attrs"]["b"]
    attributes = {"positive": a * LAMBDA, "negative": a * LAMBDA * ALPHA, "offset": b}
    op = "TfjsSeluAlphaDropout"
    forward = lambda given: masked(library, device, case, op, case["inputs"]["x"], given)
    return from_output(library, device, case, op, forward, attributes)


OPS = {
    "Selu": selu,
    "AlphaDropout": alpha_dropout,
    "SeluAlphaDropout": selu_alpha_dropout,
    "SeluParameters": lambda library, device, case: None,
    "SeluMomentMap": lambda library, device, case: None,
}
