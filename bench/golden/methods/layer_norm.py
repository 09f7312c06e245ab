from ..method import Method


def attributes(case, _axis):
    inputs = case["inputs"]
    begin_axis = len(inputs["x"]["shape"]) - len(inputs["gamma"]["shape"])
    return {"begin_axis": begin_axis, "epsilon": case["attrs"]["epsilon"]}


METHOD = Method(forward="TfjsLayerNorm", attributes=attributes, last_axes=True)
