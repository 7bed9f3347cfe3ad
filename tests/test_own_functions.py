"""Functions of a person's own in a GPU's kernels, emulated, beside the CPU; no GPU is needed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba_cuda")
if __import__("numba").config.ENABLE_CUDASIM:
    pytest.skip("the simulator compiles nothing", allow_module_level=True)

from numba import njit, types
from numba.cuda.cudadrv import nvvm
from numba.np.numpy_support import from_dtype

from evaluators import launching
from evaluators.ufuncs import missing
from tests.emulator import Emulated, argument, code

VALUES = {
    np.float32: [0.0, -0.0, 0.5, 1.0, -2.5, 3.5, 1e-30, -7.25, 80.0, np.inf, -np.inf, np.nan],
    np.float64: [0.0, -0.0, 0.5, 1.0, -2.5, 3.5, 1e-300, -7.25, 700.0, np.inf, -np.inf, np.nan],
    np.int32: [0, 1, -1, 5, -7, 100],
    np.int64: [0, 1, -1, 5, -7, 2**40],
}


def one(ufunc):
    def kernel(x, y, result):
        for k in range(len(result)):
            result[k] = ufunc(x[k])

    return kernel


def two(ufunc):
    def kernel(x, y, result):
        for k in range(len(result)):
            result[k] = ufunc(x[k], y[k])

    return kernel


@np.errstate(all="ignore")
@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("ufunc", missing(), ids=lambda ufunc: ufunc.__name__)
def test_a_function_gives_what_it_does_on_the_cpu(ufunc, dtype, tmp_path):
    x, y = (array.ravel().astype(dtype) for array in np.meshgrid(VALUES[dtype], VALUES[dtype]))
    if dtype in (np.int32, np.int64):
        y = np.abs(y) + (ufunc in (np.floor_divide, np.remainder, np.fmod))  # division by zero is undefined
        if ufunc is np.power:
            x, y = x % 128, y % 4
        if ufunc is np.reciprocal:
            x[x == 0] = 1
    function = (two if ufunc.nin == 2 else one)(ufunc)
    arguments = [x, y][: ufunc.nin]
    expected, got = (np.zeros_like(ufunc(*arguments)) for _ in range(2))
    if ufunc is np.fmod:  # numba on the CPU takes integers for unsigned
        np.fmod(x, y, out=expected)
    else:
        njit(function, error_model="numpy")(x, y, expected)
    kinds = [types.Array(from_dtype(array.dtype), 1, "C") for array in (x, y, got)]
    function.__qualname__ = "kernel-0"
    Emulated(launching.Kernel(function, types.void(*kinds)), tmp_path)(1, [*map(argument, (x, y, got))])
    np.testing.assert_allclose(got, expected, rtol=1e-6 if dtype == np.float32 else 1e-14)
    assert (expected != 0).any() or ufunc is np.isinf


def test_they_need_nothing_that_is_linked_in():
    lines = [
        f"    {array}[{k}] = np.{ufunc.__name__}({', '.join([f'{array}[{k}]'] * ufunc.nin)})\n"
        for k, ufunc in enumerate(missing())
        for array in "xy"
    ]
    names = {"np": np}
    exec(f"def kernel(x, y):\n{''.join(lines)}", names)
    kernel = launching.Kernel(names["kernel"], types.void(types.float32[::1], types.float64[::1]))
    kernel.function.__qualname__ = "kernel-0"
    for arch in ("compute_75", "compute_120"):
        text = nvvm.compile_ir(code(kernel), fastmath=False, opt=3, arch=arch).decode()
        assert ".entry" in text and ".extern .func" not in text


ADDED = """
import sys
from pathlib import Path

import numpy as np

import evaluators
from neat.activations import register_activation, register_aggregation
from neat.genome import Genomes
from tests.emulator import emulation

def norm(values):
    total = np.float32(0.0)
    for value in values:
        total += np.square(value)
    return np.sqrt(total)

register_activation("bump", lambda x: np.exp(-np.abs(x)) * np.sign(x))
register_aggregation("norm", norm)
genomes = Genomes.from_list([{
    "num_inputs": 2, "num_outputs": 1,
    "nodes": [{"id": 2, "bias": bias, "activation": "bump", "aggregation": "norm"}],
    "connections": [{"innovation": i, "source": i, "target": 2, "weight": 1.0} for i in range(2)],
} for bias in (-7.0, 0.25)])
x = np.array([[3.0, 4.0], [0.0, 1.0], [-8.0, 6.0]], np.float32)
with emulation(Path(sys.argv[1])):
    y = evaluators.compile(genomes, "cuda").activate(x)
    z = np.array([-7.0, 0.25])[:, np.newaxis] + np.linalg.norm(x, axis=1)
    np.testing.assert_allclose(y[:, :, 0], np.exp(-np.abs(z)) * np.sign(z), rtol=1e-5)
    register_aggregation("allocating", lambda values: (values * values).sum())
    try:
        evaluators.compile(genomes, "cuda").activate(x)
    except ValueError as error:
        print(error)
"""


def test_what_a_person_has_added(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(ADDED)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, script, tmp_path], env=environment, capture_output=True, text=True, check=False
    )
    line = 1 + next(k for k, text in enumerate(ADDED.splitlines()) if "allocating" in text)
    start = f"aggregation 'allocating' cannot be compiled for a GPU: script.py, line {line}: "
    assert done.stdout.startswith(start), done.stdout + done.stderr
    assert done.stdout.endswith("; use device='cpu'\n") and done.stdout.count("\n") == 1
