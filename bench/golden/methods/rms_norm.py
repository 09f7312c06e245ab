import math

from ..method import Method
from .layer_norm import attributes as row_attributes


def attributes(case, axis):
    attrs, inputs = case["attrs"], case["inputs"]
    columns = math.prod(inputs["gamma"]["shape"])
    return {
        **row_attributes(case, axis), "epsilon_inside": attrs["epsilonInsideSqrt"],
        "partial": int(attrs["partial"] * columns) if attrs["partial"] else 0, "center": "beta" in inputs
    }


METHOD = Method(forward="TfjsRmsNorm", attributes=attributes, last_axes=True)
