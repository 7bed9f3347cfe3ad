"""The GPU's kernels compiled by the real compiler, for which no GPU is needed."""

import hashlib
import importlib.metadata
import re
from collections import Counter
from types import SimpleNamespace
from unittest import mock

import pytest

pytest.importorskip("numba_cuda")
if __import__("numba").config.ENABLE_CUDASIM:
    pytest.skip("the simulator compiles nothing", allow_module_level=True)

from numba import types
from numba.cuda import compiler

from evaluators import cuda, cuda_backward, launching
from evaluators.lowering import as_on_the_cpu
from neat.jit import fused_inner_function, inner_function

CAPABILITIES = ((7, 5), (8, 0), (9, 0), (12, 0))


KERNELS = {
    **{f"compile, {place}": (cuda.compile_kernel, place == "shared") for place in ("shared", "device")},
    **{f"activate, {place}": (cuda.activate_kernel, place == "shared") for place in ("shared", "device")},
    **{f"score, {place}": (cuda.score_kernel, place == "shared") for place in ("shared", "device")},
    **{
        f"differentiate, {place}": (cuda_backward.differentiate_kernel, place == "shared")
        for place in ("shared", "device")
    },
}


def ptx(kernel, capabilities):
    """The kernel for each of these compute capabilities: lowered once, then put through NVIDIA's compiler."""
    device = SimpleNamespace(compute_capability=capabilities[0])
    with mock.patch("numba.cuda.dispatcher.get_current_device", lambda: device), as_on_the_cpu():
        library, _ = compiler._compile_pyfunc_with_fixup(
            kernel.function, kernel.signature, device=False, abi="numba", cc=capabilities[0]
        )
        return {capability: library.get_asm_str(cc=capability) for capability in capabilities}


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_compiles_for_every_generation_of_gpus(name, cache):
    function, *arguments = KERNELS[name]
    check_compiles(function(*arguments), "device" not in name, cache)


def check_compiles(kernel, in_shared, cache):
    versions = [importlib.metadata.version(package) for package in ("numba", "numba-cuda", "nvidia-nvvm")]
    with open(compiler.__file__.replace("compiler", "dispatcher"), "rb") as file:
        versions.append(hashlib.sha256(file.read()).hexdigest())
    done = "-".join([kernel.function.__qualname__, str(kernel.signature), *versions])
    key = "ptx/" + hashlib.sha256(done.encode()).hexdigest()[:32]
    if cache.get(key, False):  # this very code, signature and compiler
        return
    for (major, minor), text in ptx(kernel, CAPABILITIES).items():
        assert f".target sm_{major}{minor}" in text
        assert ".entry" in text
        assert not re.findall(r"\.extern \.func .*\b(\w+)", text), "needs code that is linked in"
        if in_shared:
            assert "st.shared" in text
    cache.set(key, True)


def test_only_what_the_cpu_fuses_is_rounded_once():
    @inner_function
    def plain(a, b, c):
        return a * b + c, c - a * a

    @fused_inner_function
    def fused(a, b, c):
        return a * b + c, c - a * a

    def both(x):
        x[0], x[1] = plain(x[2], x[3], x[4])
        x[5], x[6] = fused(x[7], x[8], x[9])

    for kind, short in ((types.float32, "f32"), (types.float64, "f64")):
        kernel = launching.Kernel(both, types.void(kind[::1]))
        text = ptx(kernel, [(9, 0)])[9, 0]
        operations = Counter(re.findall(rf"\b(fma|mul|add|sub)(\.rn)?\.{short}", text))
        assert operations["mul", ".rn"] == operations["add", ".rn"] == 2  # these stay as they are
        # The other two are fused, if only when the assembler turns mul and sub, without .rn, into one.
        assert operations["fma", ".rn"] + operations["mul", ""] == 2
        assert operations["fma", ".rn"] >= 1


def test_failures_of_launches_are_known():
    from cuda.core._utils.cuda_utils import CUDAError
    from numba.cuda.cudadrv.driver import CudaAPIError

    assert {CUDAError, CudaAPIError} <= set(launching.FAILURES)
    assert launching.is_out_of_memory(CUDAError("CUDA_ERROR_OUT_OF_MEMORY: …"))
    assert not launching.is_out_of_memory(CUDAError("CUDA_ERROR_ILLEGAL_ADDRESS: …"))
    assert not launching.is_out_of_memory(ValueError("OUT_OF_MEMORY"))
