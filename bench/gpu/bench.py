"""Our kernels against PyTorch (eager and torch.compile) and against a copy, in one process on one GPU."""

import math
import time

import torch
import torch._functorch.config

from cases import SHAPES, BufferSet, composite, torch_calls, verify
from peers import PEERS
from timing import Candidate, measure, set_count

torch._functorch.config.donated_buffer = False  # backward is replayed on one forward


def copy_candidate(bytes_moved, sets):
    """A copy that reads and writes `bytes_moved` in all: the ceiling."""
    count = max(1, bytes_moved // 8)
    pairs = [(torch.randn(count, device="cuda"), torch.empty(count, device="cuda")) for _ in range(sets)]
    return Candidate([lambda a=a, b=b: b.copy_(a) for a, b in pairs])


def bench_case(library, norm, shape, compiled, generator):
    elements = math.prod(shape)
    sets = set_count(2 * 4 * elements)
    while sets > 2 and sets * 5 * 4 * elements > 60 << 30:
        sets -= 1
    buffers = [BufferSet(library, norm, shape, generator) for _ in range(sets)]
    errors = verify(buffers[0])
    function = composite(norm)
    bytes_of = dict(zip(("forward", "backward"), PEERS[norm].bytes_per_element))
    factories = {direction: {} for direction in bytes_of}

    def add(name, forward, backward, graph):
        factories["forward"][name] = lambda: Candidate(forward)
        if "backward" in factories:
            factories["backward"][name] = lambda: Candidate(backward, graph=graph)

    ours_backward = [lambda b=b: b.run(b.backward) for b in buffers]
    add("ours", [lambda b=b: b.run(b.forward) for b in buffers], ours_backward, graph=True)
    # Two buffer sets are enough for the peers' graphs of autograd nodes; data stay cold as they rotate with ours.
    add("eager", *torch_calls(buffers, function), graph=False)
    if compiled:
        torch._dynamo.reset()
        add("compile", *torch_calls(buffers, torch.compile(function, dynamic=False)), graph=False)
    rows = []
    for direction, model in bytes_of.items():
        factories[direction]["copy"] = lambda m=model: copy_candidate(m * elements, min(sets, 8))
        results = measure(factories[direction])
        rows.append({
            "norm": norm, "shape": list(shape), "direction": direction, "bytes_per_element": model,
            "relative_error": errors["y" if direction == "forward" else "dx"], "results": results,
        })
        torch.cuda.empty_cache()
    return rows


def bench(library, seconds, shapes=SHAPES):
    """Runs the cases in order until the time is up; says which were left out."""
    generator = torch.Generator(device="cuda").manual_seed(1)
    deadline = time.monotonic() + seconds
    rows, left_out = [], []
    for norm, shape, compiled in shapes:
        if time.monotonic() > deadline:
            left_out.append(f"{norm} {list(shape)}")
            continue
        case = bench_case(library, norm, shape, compiled, generator)
        rows += case
        print(*(format_row(row) for row in case), sep="\n", flush=True)
    return {"rows": rows, "left_out": left_out}


def cell(results, name):
    entry = results.get(name)
    if entry is None:
        return "-"
    return "failed" if "error" in entry else f"{entry['median_us']:.1f}"


def ratio(results, over, under):
    values = [results.get(name, {}).get("median_us") for name in (over, under)]
    return f"{values[0] / values[1]:.2f}" if all(values) else "-"


HEADER = ["norm", "shape", "direction", "ours us", "copy us", "copy/ours", "eager us", "eager/ours",
          "compile us", "compile/ours", "rel. error"]


def row_cells(row):
    r = row["results"]
    return [row["norm"], "x".join(map(str, row["shape"])), row["direction"], cell(r, "ours"), cell(r, "copy"),
            ratio(r, "copy", "ours"), cell(r, "eager"), ratio(r, "eager", "ours"), cell(r, "compile"),
            ratio(r, "compile", "ours"), f"{row['relative_error']:.1e}"]


def format_row(row):
    return "  ".join(row_cells(row))


def markdown(report):
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    lines += ["| " + " | ".join(row_cells(row)) + " |" for row in report["rows"]]
    if report["left_out"]:
        lines.append("\nLeft out, time was up: " + "; ".join(report["left_out"]))
    return "\n".join(lines)
