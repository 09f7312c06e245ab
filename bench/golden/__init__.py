"""Runs the golden vectors (test/golden/*.json, float64) through the op library's C face on one device.

How a method's cases map to ops: golden/methods, a file for each file of vectors; those of weights/*.json: golden/weights.
"""

import json
import pathlib

from .case import Run
from .methods import METHODS
from .weights import run_weights


def run_all(library, device, folder):
    """Gives (passed, [failure messages])."""
    passed, failures = 0, []
    vectors = {path.stem: path for path in pathlib.Path(folder).glob("*.json")}
    if set(vectors) != set(METHODS):
        failures.append(f"files of vectors and bench/golden/methods differ: {sorted(set(vectors) ^ set(METHODS))}")
    for name in sorted(set(vectors) & set(METHODS)):
        method = METHODS[name]
        layouts = (False,) if method.last_axes else (False, True)
        # A case without gradients is of an average over calls.
        for case in (c for c in json.loads(vectors[name].read_text())["cases"] if "gradOutput" in c):
            for channels_first in layouts:
                if channels_first and len(case["inputs"]["x"]["shape"]) < 3:
                    continue
                label = f"{name}/{case['name']}" + (" channels-first" if channels_first else "")
                problems = Run(library, device, method, case, channels_first).run()
                failures += [f"{label}: {p}" for p in problems]
                passed += not problems
    of_weights = run_weights(library, device, pathlib.Path(folder) / "weights")
    return passed + of_weights[0], failures + of_weights[1]
