"""The cases of test/golden/weights through the C face: weights/METHOD.py has in OPS a function for each op of METHOD.json.

It gives the messages of what differs, of a case on a device; None where the case is of what no native op does.
"""

import importlib
import json
import pkgutil

CHECKS = {
    module.name: importlib.import_module(f"{__name__}.{module.name}").OPS for module in pkgutil.iter_modules(__path__)
}


def run_weights(library, device, folder):
    """As run_all of the folder above."""
    passed, failures = 0, []
    vectors = {path.stem: path for path in folder.glob("*.json")}
    if set(vectors) != set(CHECKS):
        failures.append(f"files of vectors and bench/golden/weights differ: {sorted(set(vectors) ^ set(CHECKS))}")
    for name in sorted(set(vectors) & set(CHECKS)):
        for case in json.loads(vectors[name].read_text())["cases"]:
            problems = CHECKS[name][case["op"]](library, device, case)
            failures += [f"weights/{name}/{case['op']} {case['name']}: {p}" for p in problems or []]
            passed += problems == []
    return passed, failures
