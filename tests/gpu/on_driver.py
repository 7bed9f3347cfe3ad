"""Launches to tests/gpu/driver.c in place of a GPU's driver; tests/gpu/test_driver.py runs this file.

NVIDIA's tools assemble the kernels, and numba-cuda and cuda.core load and launch them. The emulated kernel gets the
numbers that arrive at the driver.
"""

import ctypes
import errno
import secrets
import sys
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
from numba.cuda import dispatcher
from numba.cuda.cudadrv import nvvm

from evaluators.gpu import kernels, launcher, numba_patches, specialisations
from neat.kernels import disk_cache
from neat.kernels.jit import specialise_uncompiled
from tests.gpu.device_cases import check_alike, run
from tests.gpu.emulator import WARP, Emulated, emulation

EVALUATED = "squared_error, 4 samples"

driver = ctypes.CDLL("libcuda.so.1")
built = launcher.built
launched_kernels, failed = {}, []


@ctypes.CFUNCTYPE(
    None, ctypes.c_ssize_t, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.POINTER(ctypes.c_void_p)
)
def launched(kernel, blocks, threads, shared_bytes, parameters):
    try:
        assert threads == WARP
        emulated = launched_kernels[kernel]
        kinds = [ctypes.c_int64] * emulated.makers.numbers
        for place, make in emulated.makers.scalars:
            kinds[place] = ctypes.c_bool if make is bool else make
        words = [kind.from_address(parameters[place]) for place, kind in enumerate(kinds)]
        emulated.run(blocks, words)
    except Exception as error:  # C would not pass it on
        failed.append(error)


def build_emulated(kernel, device, dynamic_bytes):
    with mock.patch.object(nvvm, "compile_ir", wraps=nvvm.compile_ir) as compiled:
        made = built(kernel, device, dynamic_bytes)
    number = int(made.code.kernel.handle)
    if number not in launched_kernels:
        print("compiled" if compiled.called else "found", kernel.function.__qualname__)
        assert launcher.is_built(kernel)
        launched_kernels[number] = Emulated(kernel, folder)
    return made


folder = Path(sys.argv[1])
driver.on_launch(launched)
with emulation(folder, built=build_emulated):
    check_alike(EVALUATED)
    assert not failed, failed
    if sys.argv[2] == "builds":
        sys.exit()

    # If memory runs out in a launch of `compile_programs`, `score` or `add_pieces`, the halves have the same fitness.
    expected = run(EVALUATED, "cuda")["fitness"]
    for launches in (0, 1, 2):
        driver.fail_a_launch(2, launches)
        np.testing.assert_array_equal(run(EVALUATED, "cuda")["fitness"], expected)

    # A GPU that fails.
    driver.fail_a_launch(719, 0)
    try:
        run(EVALUATED, "cuda")
    except RuntimeError as error:
        assert "the GPU failed" in str(error), error
    else:
        raise AssertionError("nothing was raised")
assert not failed, failed

# The kernel is compiled each time while the disk is full, and again if its build is damaged.
new = specialise_uncompiled(kernels.add_pieces, "of a test", {}, number=secrets.token_hex())
kernel = launcher.Kernel(new, specialisations.add_kernel().signature)


def compilations():
    built.cache_clear()
    with mock.patch.object(nvvm, "compile_ir", wraps=nvvm.compile_ir) as compiled:
        assert built(kernel, "cuda:0", 0).code.handle
    return compiled.call_count


full = OSError(errno.ENOSPC, "No space left on device")
with (
    mock.patch.object(disk_cache, "_warned", False),
    mock.patch.object(dispatcher.CUDACache, "save_overload", side_effect=full),
    warnings.catch_warnings(record=True) as caught,
):
    warnings.simplefilter("always")
    assert compilations() == compilations() == 1
assert len(caught) == 1 and "NUMBA_CACHE_DIR" in str(caught[0].message), caught
assert not launcher.is_built(kernel)
assert (compilations(), compilations()) == (1, 0)
for file in Path(numba_patches.KernelCache(new).cache_path).glob(f"*{new.__qualname__}*"):
    file.write_bytes(b"")
assert (compilations(), compilations()) == (1, 0)
for file in Path(numba_patches.KernelCache(new).cache_path).glob(f"*{new.__qualname__}*"):
    file.unlink()
