"""METHODS: for METHOD.json of the golden vectors, what methods/METHOD.py defines as METHOD."""

import importlib
import pkgutil

METHODS = {
    module.name: importlib.import_module(f"{__name__}.{module.name}").METHOD for module in pkgutil.iter_modules(__path__)
}
