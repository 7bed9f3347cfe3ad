"""Run Python in processes of its own, and import files that are in no package."""

import importlib.util
import os
import subprocess
import sys

from tests.support.paths import ROOT


def load_file(path):
    """Return the module of a file. It can be imported by its name, as functions that numba compiles need."""
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def run_python(*line, folder=None, timeout=300, silent=False, **environment):
    """Run Python with this command line in a process of its own, check that it ends well, and return what it prints.

    Args:
        line: What follows `python`: options, a file or `-c` and a program, and arguments.
        folder: The current folder of the process.
        timeout: Seconds, or None.
        silent: Whether to check that it writes no errors or warnings.
        environment: Variables beside those of this process. By default, this repository can be imported.
    """
    done = subprocess.run(
        [sys.executable, *map(str, line)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    assert not (silent and done.stderr), done.stderr[-3000:]
    return done.stdout
