"""Comparison of the GPU's kernels in numba-cuda's simulator, which needs no GPU, with the CPU."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.gpu.device_cases import CASES, run
from tests.support.marks import mark_long

pytest.importorskip("numba_cuda")


SHORT = ("several threads for a network", "recurrent networks", "TMaze")  # gradients are in test_kernels.py


@pytest.fixture(scope="module")
def simulated(request, tmp_path_factory):
    """The arrays of all cases that this module is to check."""
    wanted = [
        item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")
    ]
    names = {item.callspec.params["name"] for item in wanted if "name" in item.callspec.params}
    file = tmp_path_factory.mktemp("simulated") / "arrays.npz"
    simulate("tests.gpu.device_cases", str(file), *sorted(names))
    with np.load(file) as arrays:
        return dict(arrays)


def simulate(module, *arguments):
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


@pytest.mark.parametrize("name", mark_long(CASES, SHORT))
def test_a_kernel_computes_what_the_cpu_does(name, simulated):
    for key, expected in run(name, "cpu").items():
        got = simulated[f"{name}/{key}"]
        assert got.dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-5, err_msg=key)


@pytest.mark.long
def test_launchers():
    files = "tests/gpu/in_simulator.py", "tests/gpu/in_simulator_memory.py"
    simulate("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *files)
