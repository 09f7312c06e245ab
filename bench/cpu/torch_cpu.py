"""PyTorch's CPU ops on the bench's shapes. Reads [{norm, shape, groups}] on stdin, prints [{norm, shape, copy, forward, backward}]
in milliseconds (medians). Channels-last in and out, as our ops."""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

TARGET_SECONDS = 0.004


def sample(run, repeats):
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


def run_case(case, rounds):
    norm, shape = case["norm"], case["shape"]
    channels = shape[-1]
    x = torch.randn(*shape) + 0.5
    if len(shape) == 4 and norm not in ("layer", "rms"):
        x = x.permute(0, 3, 1, 2)
    gamma, beta = torch.randn(channels) + 1, torch.randn(channels)
    function = norm_function(norm, shape, case["groups"], torch.zeros(channels), torch.ones(channels))
    leaves = [t.detach().requires_grad_() for t in (x, gamma, beta)]
    wanted = leaves[:2] if norm == "rms" else leaves
    y = function(*leaves)
    dy = torch.randn_like(y)
    result = measure({
        "copy": lambda: x + 0,
        "forward": lambda: function(x, gamma, beta),
        "backward": lambda: torch.autograd.grad(y, wanted, dy, retain_graph=True),
    }, rounds)
    return {"norm": norm, "shape": shape, **result}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    torch.set_num_threads(request["threads"])
    print(json.dumps({"version": torch.__version__, "rows": [run_case(c, request["rounds"]) for c in request["cases"]]}))
