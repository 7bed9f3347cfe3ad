"""GPU kernels: compilation for fixed signatures, builds on disk, and launches.

At each launch, numba-cuda checks the type of each argument and unpacks arrays, which takes longer than to evaluate a
small population. This module unpacks arrays when they are allocated, so that a launch only joins tuples of numbers.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from operator import mul
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import cuda, typeof, types
from numba.core.errors import NumbaError, UnsupportedBytecodeError
from numba.cuda.cudadrv.driver import CudaAPIError

from evaluators.devices import OLDEST, SIMULATED
from neat.kernels.jit import (
    compiling,
    delete_stale_builds,
    has_build,
    locate_error,
    specialise_uncompiled,
    summarise_numba_error,
)

WARP = 32  # threads of a block

_compiling = threading.RLock()  # each of several GPUs has a thread
# A forked child must get a free lock and an unchanged numba-cuda.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_compiling.acquire, after_in_parent=_compiling.release, after_in_child=_compiling.release
    )


def _failures() -> tuple[type[Exception], ...]:
    if SIMULATED:
        return (CudaAPIError,)
    from cuda.core._utils.cuda_utils import CUDAError  # of launches

    return CudaAPIError, CUDAError


FAILURES = _failures()


@dataclass(frozen=True, eq=False)
class Kernel:
    """The source of a kernel, and the signature for which it is compiled."""

    function: Any
    signature: Any


@dataclass(frozen=True, eq=False)
class Built:
    """A compiled kernel in a GPU's memory."""

    code: Any  # numba-cuda's function, which keeps the kernel loaded; in the simulator, the Python kernel
    signature: Any
    makers: Makers


def kernel_of(
    template: Callable[..., Any], name: str, bind: dict[str, Any], arguments: tuple[Any, ...]
) -> Kernel:
    """Return the Kernel of a template with these globals, for arguments of these types."""
    return Kernel(specialise_uncompiled(template, name, bind, compiler=_compiler()), types.void(*arguments))


@functools.cache
def _compiler() -> str:
    """Return the identity of the compiler, on which builds depend: numba-cuda's version, and the changes to it."""
    if SIMULATED:
        return "simulator"
    from evaluators.gpu import numba_patches

    source = Path(numba_patches.__file__).read_bytes()
    return f"{numba_patches.VERSION} {hashlib.sha256(source).hexdigest()}"


@functools.cache
def built(kernel: Kernel, device: str, dynamic_bytes: int) -> Built:
    """Compile or load a kernel for the current device, with `dynamic_bytes` of shared memory for each block."""
    if SIMULATED:
        return Built(cuda.jit(kernel.signature)(kernel.function), kernel.signature, makers(kernel.signature))
    from numba.cuda.cudadrv.driver import binding, driver

    from evaluators.gpu.numba_patches import patched

    with _compiling, patched():
        dispatcher = cuda.jit(kernel.signature, cache=True, lto=False)(kernel.function)
    delete_stale_builds(kernel.function, Path(dispatcher._cache.cache_path))
    function = next(iter(dispatcher.overloads.values()))._codelibrary.get_cufunc()
    attribute = binding.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    driver.cuKernelSetAttribute(attribute, dynamic_bytes, function.handle, function.device.id)
    return Built(function, kernel.signature, makers(kernel.signature))


def unsupported_reason(function: Any, arguments: tuple[Any, ...]) -> str | None:
    """Return where and why numba-cuda cannot compile a function for arguments of these types, or None."""
    if SIMULATED:
        return None
    from numba.cuda.compiler import compile_cuda

    from evaluators.gpu.numba_patches import patched

    python_function = getattr(function, "py_func", function)
    try:
        with _compiling, patched(), compiling():
            compile_cuda(python_function, None, arguments, cc=OLDEST)
    except (NumbaError, UnsupportedBytecodeError) as error:
        return f"{locate_error(error, python_function)}: {summarise_numba_error(error)}"
    except KeyError as error:  # not in numba-cuda's table of NumPy functions
        return (
            f"{locate_error(error, python_function)}: numba-cuda does not know {summarise_numba_error(error)}"
        )
    except Exception as error:  # numba-cuda raises any error for unsupported code
        return (
            f"{locate_error(error, python_function)}: {type(error).__name__}: {summarise_numba_error(error)}"
        )
    return None


def is_built(kernel: Kernel) -> bool:
    """Return whether a build of this kernel's current code is on disk; the simulator needs none."""
    if SIMULATED:
        return True
    from evaluators.gpu.numba_patches import KernelCache

    return has_build(kernel.function, Path(KernelCache(kernel.function).cache_path))


def start(kernel: Built, blocks: int, dynamic_bytes: int, stream: int, *arguments: Any) -> None:
    """Launch a kernel with blocks of one warp; arrays among the arguments must come from `argument`."""
    if SIMULATED:
        _check_types(arguments, kernel.signature.args)
        kernel.code[blocks, WARP, 0, dynamic_bytes](*arguments)
        return
    from cuda.core import LaunchConfig, launch

    config = LaunchConfig(grid=blocks, block=WARP, shmem_size=dynamic_bytes)
    launch(_stream(stream), config, kernel.code.kernel, *words(kernel.makers, arguments))


class Makers(NamedTuple):
    """The conversions of a launch's arguments to numbers of the declared types."""

    numbers: int  # the number of words
    scalars: list[tuple[int, Callable[[Any], Any]]]  # the place and the conversion of each scalar


def makers(signature: Any) -> Makers:
    """Return the Makers of a kernel's signature."""
    kinds = [kind for argument in signature.args for kind in _kinds(argument)]
    scalars = [(place, _maker(kind)) for place, kind in enumerate(kinds) if kind is not None]
    return Makers(len(kinds), scalars)


def _kinds(kind: Any) -> Iterator[Any]:
    """Yield the type of each number of which an argument consists; None for those of arrays."""
    if isinstance(kind, types.BaseTuple):
        for each in kind:
            yield from _kinds(each)
    elif isinstance(kind, types.Array):
        yield from [None] * (5 + 2 * kind.ndim)
    else:
        yield kind


def _maker(kind: Any) -> Callable[[Any], Any]:
    if kind == types.boolean:
        return bool
    name = {"float32": "float", "float64": "double"}.get(str(kind), str(kind))
    return getattr(ctypes, f"c_{name}")


def words(makers: Makers, arguments: Iterable[Any]) -> list[Any]:
    """Return the numbers of a launch's arguments for cuda.core."""
    flat: list[Any] = []
    _flatten(arguments, flat)
    if len(flat) != makers.numbers:
        raise TypeError(f"expected {makers.numbers} numbers as arguments, got {len(flat)}")
    for place, make in makers.scalars:
        flat[place] = make(flat[place])
    return flat


def _flatten(values: Iterable[Any], flat: list[Any]) -> None:
    for value in values:
        if type(value) is tuple:  # of numbers
            flat.extend(value)
        elif isinstance(value, tuple):
            _flatten(value, flat)
        else:
            flat.append(value)


def _check_types(arguments: Iterable[Any], kinds: Iterable[Any]) -> None:
    """Raise a TypeError unless the arguments have the declared types, which a launch on a GPU does not check."""
    for value, kind in zip(arguments, kinds, strict=True):
        if isinstance(kind, types.BaseTuple):
            _check_types(value, kind)
        elif isinstance(kind, types.Array):
            got = typeof(value)
            alike = (got.dtype, got.ndim) == (kind.dtype, kind.ndim) and kind.layout in ("A", got.layout)
            if not alike:
                raise TypeError(f"expected {kind}, got {got}")
        elif isinstance(value, np.ndarray | tuple):
            raise TypeError(f"expected {kind}, got {value!r}")


@functools.lru_cache(maxsize=64)
def _stream(handle: int) -> Any:
    from cuda.core import Stream

    return Stream.from_handle(handle)


_ADDRESS = 4  # the position of the address among the numbers of an array


def argument(array: Any) -> Any:
    """Return the kernel argument of a device's array, which the caller must keep alive."""
    if SIMULATED:
        return array
    return (0, 0, array.size, array.itemsize, array.data.ptr, *array.shape, *array.strides)


def argument_at(block: Any, begin: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return the kernel argument of an array at byte `begin` of `block`, the argument of a uint8 array."""
    size, itemsize = prod(shape), dtype.itemsize
    if SIMULATED:
        return block[begin : begin + size * itemsize].view(dtype).reshape(shape)
    address = block[_ADDRESS] + begin
    if len(shape) == 1:
        return (0, 0, size, itemsize, address, size, itemsize)
    steps = accumulate(reversed(shape[1:]), mul, initial=itemsize)
    return (0, 0, size, itemsize, address, *shape, *reversed(list(steps)))


def as_numbers(integers: Any) -> Any:
    """Return a kernel argument of 32-bit integers as one of float32, with the same memory."""
    return integers.view(np.float32) if SIMULATED else integers


def is_out_of_memory(error: Exception) -> bool:
    """Return whether the driver reported that memory has run out."""
    return isinstance(error, FAILURES) and "OUT_OF_MEMORY" in str(error)
