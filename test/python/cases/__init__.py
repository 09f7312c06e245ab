"""What is tested of every op: shapes and attributes, inputs, and the outputs they must give.

A case makes float32 inputs from a fixed seed. `forward` and `backward` say which op to call, with which inputs and
attributes, and what float64 NumPy gives for the same inputs. A module of this package has those of one normalizer.
"""

import importlib
import pkgutil

_modules = [
    importlib.import_module(f'{__name__}.{module.name}')
    for module in pkgutil.iter_modules(__path__)
]
CASES = [case for module in _modules for case in getattr(module, 'CASES', [])]
