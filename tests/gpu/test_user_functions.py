"""Comparison of user-defined functions in emulated GPU kernels with the CPU; it needs no GPU."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from tests.support.paths import ROOT

pytest.importorskip("numba_cuda")
if __import__("numba").config.ENABLE_CUDASIM:
    pytest.skip("the simulator compiles nothing", allow_module_level=True)

from numba import njit, types
from numba.cuda.cudadrv import nvvm
from numba.np.numpy_support import from_dtype
from numba.np.ufunc_db import get_ufunc_info

from evaluators.gpu import launcher, numba_patches
from evaluators.gpu.numba_patches import (
    NUMBA_CUDA_IMPLEMENTED,
    OWN_IMPLEMENTATIONS,
    call_library,
    missing_ufuncs,
)
from tests.gpu.emulator import Emulated, argument, code

FLOATS = [0.0, -0.0, 0.5, 1.0, -2.5, 3.5, 1e-30, -7.25, 80.0, np.inf, -np.inf, np.nan]
VALUES = {
    "float32": FLOATS,
    "float64": [*FLOATS, 700.0, 1e-300, 2.0**53 + 2],
    "int64": [0, 1, -1, 5, -7, 2**40, 2**53 + 1, -(2**62)],
    "int8": [0, 1, -1, 5, -7, 100],
    "uint64": [0, 1, 5, 7, 2**53 + 1, 2**64 - 1],
    "uint8": [0, 1, 5, 7, 255],
    "bool": [False, True],
}
FEW = [("float32", "float32"), ("int64", "int64")]
ALL = [(name, name) for name in VALUES] + [("float32", "int64"), ("int64", "float64"), ("uint8", "int8")]


def test_every_implementation_is_found():
    named = {*NUMBA_CUDA_IMPLEMENTED, *OWN_IMPLEMENTATIONS}
    assert set(missing_ufuncs()) == named
    for ufunc, loops in missing_ufuncs().items():
        assert {"d", "f"} <= {loop[0] for loop in loops}, ufunc
        assert ufunc in OWN_IMPLEMENTATIONS or loops.keys() == {
            loop for loop in get_ufunc_info(ufunc) if set(loop) <= numba_patches._LETTERS
        }


def operands(ufunc, first, second):
    """Return all pairs of a number of each type, except where the result is undefined."""
    x, y = (a.ravel() for a in np.meshgrid(np.array(VALUES[first], first), np.array(VALUES[second], second)))
    if ufunc.nin == 1:
        x = np.array(VALUES[first], first)
        return [x[x != 0] if ufunc is np.reciprocal and x.dtype.kind in "iu" else x]
    kept = np.full(len(x), True)
    if ufunc in (np.floor_divide, np.remainder, np.fmod) and x.dtype.kind in "iu" and y.dtype.kind in "iu":
        kept = y != 0
    if ufunc is np.power and y.dtype.kind in "iu":
        kept = (y >= 0) & (y < 300) & (np.abs(x.astype(float)) < 2.0**53)
    return [x[kept], y[kept]]


@np.errstate(all="ignore")
@pytest.mark.parametrize(
    "pairs", [pytest.param(FEW, id="few types"), pytest.param(ALL, id="all types", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("ufunc", missing_ufuncs(), ids=lambda ufunc: ufunc.__name__)
def test_a_function_returns_what_it_does_on_the_cpu(ufunc, pairs, tmp_path):
    every, lines = [], []
    for first, second in pairs:
        if ufunc.nin == 1 and first != second:
            continue
        given = operands(ufunc, first, second)
        try:
            result = np.zeros_like(ufunc(*given))
        except TypeError:
            continue  # NumPy has no such function for these types
        if result.dtype == np.float16:
            continue
        names = [f"a{len(every) + k}" for k in range(len(given) + 1)]
        call = ", ".join(f"{name}[k]" for name in names[:-1])
        lines.append(f"    for k in range(len({names[-1]})):\n")
        lines.append(f"        {names[-1]}[k] = np.{ufunc.__name__}({call})\n")
        every += [*given, result]
    source = f"def kernel({', '.join(f'a{k}' for k in range(len(every)))}):\n{''.join(lines)}"
    names = {"np": np}
    exec(source, names)
    function = names["kernel"]
    expected, got = ([array.copy() for array in every] for _ in range(2))
    njit(function, error_model="numpy")(*expected)
    function.__qualname__ = "kernel-0"
    kinds = [types.Array(from_dtype(array.dtype), 1, "C") for array in every]
    Emulated(launcher.Kernel(function, types.void(*kinds)), tmp_path)(1, [*map(argument, got)])
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6 if mine.dtype == np.float32 else 1e-14)
    assert any(array.any() for array in expected)


def test_code_that_goes_to_nvidias_compiler():
    text = call_library(
        'declare float @"llvm.rint.f32"(float)\ndeclare float @__nv_rintf(float)\n'
        "define double @f(double %a, float %b) {\n"
        '  %c = frem nnan double %a, %"a number", !dbg !0\n  %d = frem float %b, 1.0\n'
        '  %e = call float @"llvm.rint.f32"(float %d)\n'
    )
    assert '%c = call double @__nv_fmod(double %a, double %"a number"), !dbg !0\n' in text
    assert "%d = call float @__nv_fmodf(float %b, float 1.0)\n" in text
    assert "%e = call float @__nv_rintf(float %d)\n" in text
    for declared in ("float @__nv_rintf(", "double @__nv_fmod(", "float @__nv_fmodf("):
        assert text.count(f"declare {declared}") == 1


@pytest.mark.parametrize(
    "element",
    [
        types.float32,
        types.int64,
        pytest.param(types.float64, marks=pytest.mark.long),
        pytest.param(types.uint8, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_functions_need_no_linked_code(element):
    calls = [f"np.{ufunc.__name__}({', '.join(['a[k]'] * ufunc.nin)})" for ufunc in missing_ufuncs()]
    calls += ["a[k] % a[k]", "round(a[k])", "np.round(a[k])"]
    lines = [f"    a[k] = {call}\n" for call in calls]
    names = {"np": np}
    exec(f"def kernel(a, k):\n{''.join(lines)}", names)
    kernel = launcher.Kernel(names["kernel"], types.void(types.Array(element, 1, "C"), types.int64))
    kernel.function.__qualname__ = "kernel-0"
    assert not any(" frem " in module for module in code(kernel)), "NVIDIA's compiler gets it wrong"
    for arch in ("compute_75", "compute_120"):
        text = nvvm.compile_ir(code(kernel), fastmath=False, opt=3, arch=arch).decode()
        assert ".entry" in text and ".extern .func" not in text


ADDED = """
import sys
import warnings
from pathlib import Path

import numpy as np

import evaluators
from neat.activations import register_activation, register_aggregation
from neat.genome import Genomes
from tests.gpu.emulator import emulation

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
    assert evaluators.compile(genomes, "auto").device == "cuda:0"
    register_aggregation("allocating", lambda values: (values * values).sum())
    assert evaluators.compile(genomes, "auto").device == "cpu"
    assert evaluators.Supervised(x, x, device="auto").devices == ("cpu",)
    try:
        evaluators.compile(genomes, "cuda").activate(x)
    except ValueError as error:
        print(error)
"""


@pytest.mark.long
def test_registered_functions(request, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(ADDED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, script, request.config.cache.mkdir("emulated")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    line = 1 + next(k for k, text in enumerate(ADDED.splitlines()) if "allocating" in text)
    start = f"aggregation 'allocating' cannot be compiled for a GPU: script.py, line {line}: "
    assert done.stdout.startswith(start), done.stdout + done.stderr
    assert done.stdout.endswith("; use device='cpu'\n") and done.stdout.count("\n") == 1


# ---------------------------------------------------------------- changes to numba-cuda


def test_changes_to_numba_cuda_end_with_their_context():
    from numba.cuda import dispatcher
    from numba.cuda.ufuncs import ufunc_db

    before = nvvm.compile_ir, dispatcher.compile_cuda, dispatcher.CUDACache, dict(ufunc_db())
    with numba_patches.patched(), numba_patches.patched():
        assert np.sqrt in ufunc_db() and nvvm.compile_ir is not before[0]
    assert (nvvm.compile_ir, dispatcher.compile_cuda, dispatcher.CUDACache, dict(ufunc_db())) == before


def test_versions_of_numba_cuda(monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for version in ("0.30", "0.30.4"):
            numba_patches.warn_of_version(version)
    for version in ("0.31.0", "0.300", "1.0"):
        with pytest.warns(RuntimeWarning, match=f"tested with numba-cuda 0.30, got {version}"):
            numba_patches.warn_of_version(version)
    monkeypatch.delattr(nvvm, "compile_ir")
    with (
        pytest.raises(RuntimeError, match=r"has no numba.cuda.cudadrv.nvvm.compile_ir.*device='cpu'"),
        numba_patches.patched(),
    ):
        pass
