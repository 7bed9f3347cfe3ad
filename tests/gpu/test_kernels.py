"""Tests of the GPU's kernels as NVIDIA's compiler compiles them, and as the CPU emulates them; they need no GPU."""

import ctypes
import hashlib
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba_cuda")
if __import__("numba").config.ENABLE_CUDASIM:
    pytest.skip("the simulator compiles nothing", allow_module_level=True)

from numba import types
from numba.cuda import compiler
from numba.cuda.cudadrv import nvvm

import evaluators
from evaluators import devices
from evaluators.engine import engine_for
from evaluators.gpu import gradient_kernels, launcher, specialisations
from evaluators.gpu.workspace import Workspace
from evaluators.samples import as_samples
from neat.genome.buffers import pack
from neat.kernels import parallel
from neat.kernels.jit import inner_function
from tests.gpu.device_cases import CASES, ENVIRONMENTS, check_alike, check_same_champion, genomes, numbers
from tests.gpu.emulator import VERSIONS, code, emulation
from tests.support.counting_workers import CountingWorkers
from tests.support.marks import mark_long

CAPABILITIES = ((7, 5), (8, 0), (9, 0), (12, 0))
OPTIMISED = ((9, 0), (12, 0))


KERNELS = {
    **{
        f"compile, {place}": (specialisations.compile_kernel, place == "shared")
        for place in ("shared", "device")
    },
    **{
        f"activate, {place}": (specialisations.activate_kernel, place == "shared")
        for place in ("shared", "device")
    },
    **{
        f"score, {place}": (specialisations.score_kernel, place == "shared") for place in ("shared", "device")
    },
    "copy": (specialisations.copy_kernel,),
    "add": (specialisations.add_kernel,),
    "combine": (specialisations.combine_kernel,),
    **{
        f"differentiate, {place}": (gradient_kernels.differentiate_kernel, place == "shared")
        for place in ("shared", "device")
    },
}


def ptx(kernel, capabilities):
    """Return the kernel's code for each of these compute capabilities.

    The code is optimised, as for a launch, for one capability of each of the two compilers in NVIDIA's library. The
    older one returns the same code for 7.5, 8.0 and 9.0 (tested below), and optimisation takes two to four times as
    long.
    """
    return {
        capability: nvvm.compile_ir(
            code(kernel),
            fastmath=False,
            opt=3 if capability in OPTIMISED else 0,
            arch="compute_{}{}".format(*capability),
        ).decode()
        for capability in capabilities
    }


SHORT = ("score, shared", "combine")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("add", marks=pytest.mark.smoke),
        *mark_long([name for name in KERNELS if name != "add"], SHORT),
    ],
)
def test_a_kernel_compiles_for_every_generation_of_gpus(name, cache):
    function, *arguments = KERNELS[name]
    check_compiles(function(*arguments), "shared" in name, cache)


def check_compiles(kernel, in_shared, cache):
    with open(compiler.__file__.replace("compiler", "dispatcher"), "rb") as file:
        sources = file.read() + Path(__file__).read_bytes()
    identity = [
        kernel.function.__qualname__,
        str(kernel.signature),
        *VERSIONS,
        hashlib.sha256(sources).hexdigest(),
    ]
    key = "ptx/" + hashlib.sha256("-".join(identity).encode()).hexdigest()[:32]
    if cache.get(key, False):  # the same code, signature and compiler have passed
        return
    for (major, minor), text in ptx(kernel, CAPABILITIES).items():
        assert f".target sm_{major}{minor}" in text
        assert ".entry" in text
        assert not re.findall(r"\b\w+\.(?:approx|full)\b.*", text), "arithmetic that is not rounded correctly"
        assert not re.findall(r"\.extern \.func .*\b(\w+)", text), "needs linked code"
        if in_shared and (major, minor) in OPTIMISED:
            assert "st.shared" in text
    cache.set(key, True)


@pytest.mark.parametrize("name", ["combine", pytest.param("score, shared", marks=pytest.mark.long)])
def test_optimised_code_is_the_same_for_all_gpus_of_the_older_compiler(name):
    function, *arguments = KERNELS[name]
    kernel = code(function(*arguments))
    texts = [
        nvvm.compile_ir(kernel, fastmath=False, opt=3, arch=f"compute_{arch}").decode()
        for arch in (75, 80, 90)
    ]
    assert len({re.sub(r"\.target sm_\d+", "", text) for text in texts}) == 1


def test_only_what_the_cpu_fuses_is_rounded_once():
    @inner_function
    def plain(a, b, c):
        return a * b + c, c - a * a

    @inner_function(contract=True)
    def fused(a, b, c):
        return a * b + c, c - a * a

    def both(x):
        x[0], x[1] = plain(x[2], x[3], x[4])
        x[5], x[6] = fused(x[7], x[8], x[9])

    for kind, short in ((types.float32, "f32"), (types.float64, "f64")):
        kernel = launcher.Kernel(both, types.void(kind[::1]))
        text = ptx(kernel, [(9, 0)])[9, 0]
        operations = Counter(re.findall(rf"\b(fma|mul|add|sub)(\.rn)?\.{short}", text))
        assert operations["mul", ".rn"] == operations["add", ".rn"] == 2  # those of `plain`
        # Those of `fused` are fused here, or by the assembler later, which may combine a mul and a sub without .rn.
        assert operations["fma", ".rn"] + operations["mul", ""] == 2
        assert operations["fma", ".rn"] >= 1


WITHOUT_ROW_STACK = """
import numba.np.arrayobj  # checks NumPy's version
import numpy as np
if hasattr(np, "row_stack"):
    del np.row_stack
    np.__all__.remove("row_stack")
from numba import types
from evaluators.gpu import launcher
print(launcher.unsupported_reason(lambda x: np.sqrt(x), (types.float64,)), hasattr(np, "row_stack"))
"""


def test_a_numpy_without_row_stack():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ROW_STACK], capture_output=True, text=True, check=False
    )
    assert done.stdout == "None False\n", done.stderr


def test_failures_of_launches_are_known():
    from cuda.core._utils.cuda_utils import CUDAError
    from numba.cuda.cudadrv.driver import CudaAPIError

    assert {CUDAError, CudaAPIError} <= set(launcher.FAILURES)
    assert launcher.is_out_of_memory(CUDAError("CUDA_ERROR_OUT_OF_MEMORY: …"))
    assert not launcher.is_out_of_memory(CUDAError("CUDA_ERROR_ILLEGAL_ADDRESS: …"))
    assert not launcher.is_out_of_memory(ValueError("OUT_OF_MEMORY"))


# ---------------------------------------------------------------- emulated


@pytest.fixture(scope="module")
def emulated(request):
    """Make "cuda" an emulated GPU."""
    with emulation(request.config.cache.mkdir("emulated")):
        yield


@pytest.mark.parametrize("name", [name for name in CASES if name not in ENVIRONMENTS])
def test_a_kernel_computes_what_the_cpu_does(name, emulated):
    check_alike(name)


@pytest.mark.parametrize(
    "name",
    mark_long(
        ["recurrent", "a warp for a network, in pieces", "recurrent networks", "learned"], ("recurrent",)
    ),
)
def test_scratch_in_device_memory(name, emulated, monkeypatch):
    monkeypatch.setattr(devices.arrays_of("cuda:0"), "shared_bytes", 0)
    check_alike(name)


@pytest.mark.long
def test_many_genomes_of_many_sizes(emulated):
    """There are more than a block of each kernel takes at once."""
    batch = genomes(600, (3, 2), hidden=40)
    for samples in (3, 45, 200):
        data = numbers(samples, 3), numbers(samples, 2)
        expected, got = (evaluators.Supervised(*data, device=device)(batch) for device in ("cpu", "cuda"))
        np.testing.assert_allclose(got, expected, rtol=1e-3)
        close = np.isclose(got, expected, rtol=1e-5, atol=0)  # except where rounding errors grow
        assert close.mean() > 0.95


def test_arrays_of_one_name_in_another_order(emulated):
    work = Workspace("cuda:0")
    one, two = np.arange(4.0), np.arange(4.0) + 10
    addresses = [
        {name: argument[4] for name, argument in work.send("x", arrays).items()}
        for arrays in ({"one": one, "two": two}, {"two": two, "one": one})
    ]
    assert addresses[0]["one"] == addresses[1]["two"] < addresses[0]["two"] == addresses[1]["one"]
    results = {name: ((2,), np.dtype(np.int64)) for name in ("one", "two")}
    for order in (("one", "two"), ("two", "one")):
        arguments = work.receive("y", pack({name: results[name] for name in order}))
        for number, name in enumerate(("one", "two")):
            ctypes.c_int64.from_address(arguments[name][4]).value = number
        assert [work.fetch("y")[name][0] for name in ("one", "two")] == [0, 1]


def test_gradients_are_prepared_by_the_threads_that_are_given(emulated, monkeypatch):
    samples = as_samples(numbers(4, 3), numbers(4, 2), "squared_error", 1)
    workers, batch = CountingWorkers(), genomes(20, (3, 2))
    monkeypatch.setattr(parallel, "_shared", None)
    differentiator = engine_for(("cuda:0",), workers).differentiator(samples)
    assert differentiator.map_parts(batch, lambda part, gradients: len(part)) == [20]
    assert workers.calls == 1


@pytest.mark.smoke
def test_a_whole_run_has_the_same_champion(emulated):
    check_same_champion("XOR")
