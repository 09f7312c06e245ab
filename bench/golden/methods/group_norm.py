from ..method import Method


def attributes(case, axis):
    attrs = case["attrs"]
    return {"axis": axis, "groups": attrs["groups"], "epsilon": attrs["epsilon"]}


METHOD = Method(forward="TfjsGroupNorm", attributes=attributes)
