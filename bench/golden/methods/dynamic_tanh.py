from ..method import Method


def attributes(case, axis):
    return {"begin_axis": axis, "axes": 1}


METHOD = Method(forward="TfjsDynamicTanh", attributes=attributes)
