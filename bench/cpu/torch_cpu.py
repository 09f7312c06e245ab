"""PyTorch's CPU ops against our host kernels on the bench's shapes, interleaved in one process.

Reads {library, threads, rounds, cases: [{norm, shape, groups}]} on stdin; prints {version, rows: [{norm, shape, copy, forward,
backward, ours_forward, ours_backward}]} in milliseconds (medians). Ours run through the C face, outputs allocated by PyTorch
for every call as its own are. Channels-last in and out.
"""

import json
import math
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from library import HOST, Call, Library  # noqa: E402

import torch
import torch.nn.functional as F

TARGET_SECONDS = 0.004
REST_SECONDS = 0.01


def sample(run, repeats):
    """Milliseconds a call, after a rest: the threads of whoever ran before spin for a while and would be in the way."""
    time.sleep(REST_SECONDS)
    run()
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats * 1000


def measure(candidates, rounds):
    samples = {name: [] for name in candidates}
    repeats = {}
    for name, run in candidates.items():
        run()
        repeats[name] = max(1, min(1000, round(TARGET_SECONDS / max(sample(run, 1) / 1000, 1e-6))))
    for _ in range(rounds):
        for name, run in candidates.items():
            samples[name].append(sample(run, repeats[name]))
    return {name: statistics.median(values) for name, values in samples.items()}


def norm_function(norm, shape, groups, mean, variance):
    channels = shape[-1]
    if norm == "batch":
        return lambda x, g, b: F.batch_norm(x, mean, variance, g, b, True, 0.01, 1e-3)
    if norm == "inference":
        return lambda x, g, b: F.batch_norm(x, mean, variance, g, b, False, 0.01, 1e-3)
    if norm == "layer":
        return lambda x, g, b: F.layer_norm(x, (channels,), g, b, 1e-3)
    if norm == "rms":
        return lambda x, g, b: F.rms_norm(x, (channels,), g, 1e-6)
    count = channels if norm == "instance" else groups
    return lambda x, g, b: F.group_norm(x, count, g, b, 1e-3).contiguous(memory_format=torch.channels_last)


def our_op(norm, shape, groups):
    """(op, attributes of both directions, attributes of forward only)."""
    if norm == "batch":
        return "TfjsBatchNorm", {"epsilon": 1e-3}, {"update_rate": 0.01}
    if norm == "inference":
        return "TfjsBatchNormInference", {"epsilon": 1e-3}, {}
    if norm == "layer":
        return "TfjsLayerNorm", {"epsilon": 1e-3}, {}
    if norm == "rms":
        return "TfjsRmsNorm", {"epsilon": 1e-6}, {}
    return "TfjsGroupNorm", {"epsilon": 1e-3, "groups": shape[-1] if norm == "instance" else groups}, {}


def our_call(library, op, inputs, attributes):
    """A function that runs the op into new tensors; gives them."""
    call = Call(library, op, HOST, [(t.data_ptr(), tuple(t.shape)) for t in inputs], attributes)
    size = call.workspace_bytes()
    workspace = torch.empty(size + 256, dtype=torch.uint8)
    aligned = (workspace.data_ptr() + 255) // 256 * 256
    call.keep = inputs, workspace
    large = math.prod(call.output_shapes[0])
    small = [torch.empty(shape) for shape in call.output_shapes[1:]]

    def run():
        y = torch.empty(large)
        call.bind([y.data_ptr(), *(t.data_ptr() for t in small)], aligned, size)
        call.run()
        return [y, *small]

    return run


def our_calls(library, norm, shape, groups, x, dy, gamma, beta, mean, variance):
    """x and dy: [N, ..., C] in memory order."""
    op, common, forward_only = our_op(norm, shape, groups)
    inputs = [x, gamma, torch.empty(0) if norm == "rms" else beta]
    inputs += [mean, variance] if norm in ("batch", "inference") else []
    forward = our_call(library, op, inputs, {**common, **forward_only})
    saved = [mean, variance] if norm == "inference" else [forward()[-1].clone()]
    return forward, our_call(library, f"{op}Grad", [dy, x, gamma, *saved], common)


def run_case(library, case, rounds):
    norm, shape = case["norm"], case["shape"]
    channels = shape[-1]
    x = last = torch.randn(*shape) + 0.5
    if len(shape) == 4 and norm not in ("layer", "rms"):
        x = x.permute(0, 3, 1, 2)
    gamma, beta = torch.randn(channels) + 1, torch.randn(channels)
    mean, variance = torch.zeros(channels), torch.ones(channels)
    function = norm_function(norm, shape, case["groups"], mean, variance)
    leaves = [t.detach().requires_grad_() for t in (x, gamma, beta)]
    wanted = leaves[:2] if norm == "rms" else leaves
    y = function(*leaves)
    dy = torch.randn_like(y)
    dy_last = dy.permute(0, 2, 3, 1).contiguous() if x is not last else dy
    ours_forward, ours_backward = our_calls(
        library, norm, shape, case["groups"], last, dy_last, gamma, beta, mean.clone(), variance.clone())
    result = measure({
        "copy": lambda: x + 0,
        "forward": lambda: function(x, gamma, beta),
        "backward": lambda: torch.autograd.grad(y, wanted, dy, retain_graph=True),
        "ours_forward": ours_forward,
        "ours_backward": ours_backward,
    }, rounds)
    return {"norm": norm, "shape": shape, **result}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    torch.set_num_threads(request["threads"])
    library = Library(request["library"])
    rows = [run_case(library, case, request["rounds"]) for case in request["cases"]]
    print(json.dumps({"version": torch.__version__, "rows": rows}))
