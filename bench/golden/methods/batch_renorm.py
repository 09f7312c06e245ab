from ..method import Method


def attributes(case, axis):
    rate = 1 - case["attrs"]["decay"]
    return {"axis": axis, "epsilon": case["attrs"]["epsilon"], "update_rate": rate, "renorm_update_rate": rate}


def inputs(case):
    rmax, dmax = case["attrs"]["rMax"], case["attrs"]["dMax"]
    return {"clipping": ([rmax, 1 / rmax, dmax], [3])}


# One pair of running statistics, as in the paper, goes through both of the op's.
METHOD = Method(
    forward="TfjsBatchRenorm",
    attributes=attributes,
    inputs=inputs,
    names={
        "moving_stddev": "runningStd",
        "renorm_mean": "runningMean",
        "renorm_stddev": "runningStd",
        "new_moving_stddev": "newRunningStd",
        "new_renorm_mean": "newRunningMean",
        "new_renorm_stddev": "newRunningStd",
    },
    rows={"corrections": ("r", "d")},
)
