from ..values import compare_weights

NONE = ([], [0])


def element_wise(library, device, case, names):
    """A case of TfjsFixup and its gradient; `names`: what the file calls the inputs."""
    relu = case["attrs"].get("activation") == "relu" or "shift" in names
    tensors = case["inputs"]

    def given(part):
        tensor = tensors.get(names.get(part))
        if tensor is None:
            return NONE
        return tensor["data"], tensor["shape"] if part in ("x", "residual") else [1]

    parts = {part: given(part) for part in ("x", "scale", "bias", "shift", "residual")}
    attributes = {"relu": relu, **{f"use_{part}": parts[part] is not NONE for part in list(parts)[1:]}}
    attributes = {name: int(value) for name, value in attributes.items()}
    [(y, _)] = library.run("TfjsFixup", device, list(parts.values()), attributes)
    dy = (case["gradOutput"]["data"], case["gradOutput"]["shape"])
    reads_x = relu or attributes["use_scale"]
    inputs = [
        dy, parts["x"] if reads_x else NONE, parts["scale"], parts["bias"], parts["residual"] if relu else NONE
    ]
    dx, dz, dscale, dbias, dshift = (data for data, _ in library.run("TfjsFixupGrad", device, inputs, attributes))
    dx = dx if reads_x else dy[0]
    dz = dy[0] if not relu else dz if attributes["use_scale"] else dx
    got = {
        "x": dx,
        "scale": dscale,
        "bias": dbias,
        "shift": dshift,
        "residual": dz,
    }
    problems = compare_weights("y", y, case["outputs"]["y"]["data"])
    for part, name in names.items():
        problems += compare_weights(f"d{name}", got[part], case["grads"][name]["data"])
    return problems


def named(**names):
    return lambda library, device, case: element_wise(library, device, case, names)


# Blocks are put together from these ops and convolutions: test/golden/weights/adapters/fixup.ts.
OPS = {
    "FixupBias": named(x="x", bias="bias"),
    "FixupBiasReluBias": named(x="x", bias="bias1", shift="bias2"),
    "FixupScaleBiasResidual": named(x="x", scale="scale", bias="bias", residual="residual"),
    "FixupBasicBlock": lambda library, device, case: None,
    "FixupBottleneckBlock": lambda library, device, case: None,
    "FixupInitStd": lambda library, device, case: None,
}
