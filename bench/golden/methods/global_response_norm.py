from ..method import Method


def attributes(case, axis):
    return {"axis": axis, "epsilon": case["attrs"]["epsilon"]}


METHOD = Method(forward="TfjsGlobalResponseNorm", attributes=attributes)
