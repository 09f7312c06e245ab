"""Golden numbers: the acceptance rule of test/golden/README.md, and their layouts."""

import math

EMPTY = {"data": [], "shape": [0]}


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


def compare_weights(name, got, want):
    """By the rule of weights/*.json. A list with a message for the first element out of tolerance, or an empty one."""
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        # A NaN is not within any bound.
        if not abs(g - w) <= 2e-5 + 2e-5 * abs(w):
            return [f"{name}[{i}]: expected {w!r}, got {g!r}"]
    return []


def to_channels_first(tensor):
    """[N, ..., C] data as [N, C, ...]; channels-last when inverted by the caller's shapes."""
    data, shape = tensor["data"], tensor["shape"]
    n, c = shape[0], shape[-1]
    s = math.prod(shape[1:-1])
    out = [data[(i * s + p) * c + k] for i in range(n) for k in range(c) for p in range(s)]
    return {"data": out, "shape": [n, c, *shape[1:-1]]}
