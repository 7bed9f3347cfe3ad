"""Import files that are in no package."""

import importlib.util
import sys


def load_file(path):
    """Return the module of a file. It can be imported by its name, as functions that numba compiles need."""
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
