from ..method import Method


def attributes(case, axis):
    attrs = case["attrs"]
    both = {"axis": axis, "epsilon": attrs["epsilon"]}
    if not attrs["training"]:
        return both
    return {
        **both, "update_rate": 1 - attrs["decay"], "unbiased": attrs["unbiasedRunningVar"],
        "virtual_batch_size": attrs.get("virtualBatchSize", 0)
    }


METHOD = Method(
    forward=lambda case: "TfjsBatchNorm" if case["attrs"]["training"] else "TfjsBatchNormInference",
    attributes=attributes,
    names={"mean": "runningMean", "variance": "runningVar"},
    not_outputs=("batchMean", "batchVar"),
)
