"""PyTorch's CPU ops against our host kernels on the bench's shapes, interleaved in one process.

Reads {library, threads, rounds, cases: [{norm, shape, groups}]} on stdin; prints {version, without: [norms that have no peer],
rows: [{norm, shape, copy, forward, backward, ours_forward, ours_backward}]} in milliseconds (medians); no backward of ops without
a gradient. Ours run through the C
face, outputs allocated by PyTorch for every call as its own are. Channels-last in and out.
"""

import json
import math
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from library import HOST, Call, Library  # noqa: E402

from peers import PEERS  # noqa: E402
from peers.peer import Setting, arguments_of, channels_last, make_tensors  # noqa: E402

import torch

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


def our_calls(library, peer, setting, tensors):
    """By name: functions that run the op and give its outputs."""
    attributes = peer.attributes(setting)
    forward = our_call(library, peer.op, *arguments_of(library, peer.op, tensors, attributes))
    if not peer.has_gradient:
        return {"ours_forward": forward}
    outputs = zip(library.ops[peer.op]["outputs"], forward())
    saved = {name: output.clone() for name, output in outputs}
    grad = f"{peer.op}Grad"
    backward = our_call(library, grad, *arguments_of(library, grad, {**saved, **tensors}, attributes))
    return {"ours_forward": forward, "ours_backward": backward}


def run_case(library, case, rounds):
    peer = PEERS[case["norm"]]
    setting = Setting(tuple(case["shape"]), case["groups"], epsilon=1e-3, update_rate=0.01)
    t = make_tensors(peer, setting, torch.randn)
    inputs = [t[name] for name in ("x", *peer.parameters)]
    wanted = [tensor.detach().requires_grad_() for tensor in inputs]
    y = peer.torch(t, setting, *wanted)
    dy = torch.randn_like(y)
    # PyTorch's batch norm moves its running statistics in place.
    own = {name: tensor.clone() for name, tensor in t.items()}
    own["dy"] = channels_last(dy, t["x"]).contiguous()
    candidates = {"copy": lambda: t["x"] + 0, "forward": lambda: peer.torch(t, setting, *inputs)}
    if peer.has_gradient:
        candidates["backward"] = lambda: torch.autograd.grad(y, wanted, dy, retain_graph=True)
    result = measure({**candidates, **our_calls(library, peer, setting, own)}, rounds)
    return {"norm": case["norm"], "shape": case["shape"], **result}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    torch.set_num_threads(request["threads"])
    library = Library(request["library"])
    rows = [run_case(library, case, request["rounds"]) for case in request["cases"] if case["norm"] in PEERS]
    without = sorted({case["norm"] for case in request["cases"]} - set(PEERS))
    print(json.dumps({"version": torch.__version__, "rows": rows, "without": without}))
