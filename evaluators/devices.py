"""Devices, and the arrays on them: numpy arrays in the host's memory, or cupy arrays in a GPU's."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import logging
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import config

from neat.support.messages import quote

_logger = logging.getLogger("evaluators")

OLDEST = (7, 5)  # compute capability, the oldest that CUDA 13 compiles for

# In numba-cuda's simulator, kernels run as Python on numpy arrays, for tests.
SIMULATED = bool(getattr(config, "ENABLE_CUDASIM", False))
_simulated_gpus = 1


class Arrays:
    """Operations on arrays in the host's memory, and the base class for other devices.

    Attributes:
        device: "cpu" or "cuda:0", …
        xp: numpy or cupy.
        shared_bytes: Bytes of shared memory that a block may have.
        multiprocessors: The number of multiprocessors of the GPU.
    """

    xp: Any = np
    shared_bytes = 48 * 1024
    multiprocessors = 1
    out_of_memory: tuple[type[Exception], ...] = (MemoryError,)
    failure: tuple[type[Exception], ...] = ()

    def __init__(self, device: str) -> None:
        self.device = device

    def empty(self, shape: Any, dtype: Any) -> Any:
        """Return an uninitialised array."""
        return self.xp.empty(shape, dtype)

    def fill(self, target: Any, source: np.ndarray) -> None:
        """Copy an array of the host into the first elements of `target`, which is one-dimensional."""
        target[: source.size] = source.ravel()

    def empty_host(self, size: int) -> np.ndarray:
        """Return a uint8 array of `size` bytes of the host's memory that the device can copy fast."""
        return np.empty(size, np.uint8)

    def fetch(self, target: np.ndarray, source: Any) -> None:
        """Wait for the device, and fill an array of the host from the first elements of `source`, one-dimensional."""
        target[...] = source[: target.size]

    def set_bytes(self, block: Any, value: int, size: int) -> None:
        """Set the first `size` bytes of a block, uint8, to `value`."""
        block[:size] = value

    def to_device(self, array: Any) -> Any:
        """Return an array of the host or of any device as an array of this device."""
        return np.asarray(array)

    def to_host(self, array: Any) -> np.ndarray:
        """Return the array as a numpy array."""
        return np.asarray(array)

    def free_bytes(self) -> int:
        """Return the bytes of memory that can be allocated."""
        return sys.maxsize

    def release(self) -> None:
        """Free memory that is cached for later allocations."""

    def stream(self) -> int:
        """Return the CUDA handle of the current stream."""
        return 0

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Make this device the current one within the context."""
        yield


class _Cupy(Arrays):
    def __init__(self, device: str) -> None:
        import cupy
        import cupyx

        super().__init__(device)
        self._empty_pinned = cupyx.empty_pinned
        self.xp = cupy
        self._runtime = cupy.cuda.runtime
        self._index = int(device.partition(":")[2])
        attributes = cupy.cuda.Device(self._index).attributes
        self.shared_bytes = attributes["MaxSharedMemoryPerBlockOptin"]
        self.multiprocessors = attributes["MultiProcessorCount"]
        self.out_of_memory = (cupy.cuda.memory.OutOfMemoryError,)
        self.failure = (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError)

    def fill(self, target: Any, source: np.ndarray) -> None:
        source = np.ascontiguousarray(source)
        if source.size:
            self._copy(target.data.ptr, source.ctypes.data, source.nbytes, self._runtime.memcpyHostToDevice)

    def empty_host(self, size: int) -> np.ndarray:
        try:
            return self._empty_pinned((size,), np.uint8)
        except self.failure:  # no pinned memory is left
            return np.empty(size, np.uint8)

    def fetch(self, target: np.ndarray, source: Any) -> None:
        self._copy(target.ctypes.data, source.data.ptr, target.nbytes, self._runtime.memcpyDeviceToHost)
        self.synchronize()

    def set_bytes(self, block: Any, value: int, size: int) -> None:
        self._runtime.memsetAsync(block.data.ptr, value, size, self.stream())

    def _copy(self, target: int, source: int, size: int, kind: int) -> None:
        """Copy without the checks of cupy's own functions, which take time."""
        self._runtime.memcpyAsync(target, source, size, kind, self.stream())

    def to_device(self, array: Any) -> Any:
        with self.current():
            return self._to_device(array)

    def _to_device(self, array: Any) -> Any:
        if hasattr(array, "__cuda_array_interface__") or isinstance(array, np.ndarray):
            return self.xp.asarray(array)
        return self.xp.from_dlpack(array) if hasattr(array, "__dlpack__") else self.xp.asarray(array)

    def to_host(self, array: Any) -> np.ndarray:
        return self.xp.asnumpy(array)

    def free_bytes(self) -> int:
        with self.current():
            free, _ = self.xp.cuda.runtime.memGetInfo()
            return int(free) + self.xp.get_default_memory_pool().free_bytes()

    def release(self) -> None:
        self.xp.get_default_memory_pool().free_all_blocks()

    def stream(self) -> int:
        return self.xp.cuda.get_current_stream().ptr

    def synchronize(self) -> None:
        self.xp.cuda.get_current_stream().synchronize()

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        with self.xp.cuda.Device(self._index):
            yield


class _Simulated(Arrays):
    def to_host(self, array: Any) -> np.ndarray:
        return np.array(array)  # a copy, as from another memory


HOST = Arrays("cpu")


def read_only(array: Any) -> Any:
    """Return a read-only view of a numpy array; return a cupy array unchanged, since cupy has no such views."""
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    return array


@functools.cache
def arrays_of(device: str) -> Arrays:
    """Return the Arrays of a device that `resolve_device` returned."""
    if device == "cpu":
        return HOST
    return _Simulated(device) if SIMULATED else _Cupy(device)


def resolve_device(
    device: str, unsupported_reason: Callable[[], str | None] = lambda: None
) -> tuple[str, ...]:
    """Return the devices that a name stands for, and log each choice once.

    Args:
        device: "cpu"; "cuda" or "cuda:1" for one GPU; "cuda:*" for all GPUs of the machine; "auto" for a usable GPU if
            there is one, else the CPU.
        unsupported_reason: Returns why the task cannot run on a GPU, or None. It is called only if a GPU was chosen.

    Raises:
        ValueError: The device is unknown, is not available, or does not support the task.
    """
    if device == "cpu":
        return ("cpu",)
    if device != "auto" and (not isinstance(device, str) or not re.fullmatch(r"cuda(:(\d+|\*))?", device)):
        raise ValueError(f"device: expected 'auto', 'cpu', 'cuda', 'cuda:1' or 'cuda:*', got {quote(device)}")
    reason = _gpu_unsupported_reason()
    if device == "auto":
        chosen: tuple[str, ...] = ("cpu",) if reason or SIMULATED else (_first_supported(),)
    elif reason:
        raise ValueError(f"device: {reason}, got {quote(device)}; use 'cpu'")
    else:
        chosen = _expand_name(device, _count())
        reason = next(filter(None, map(_too_old_reason, chosen)), None)
        if reason:
            raise ValueError(f"device: {reason}, got {quote(device)}")
    reason = None if chosen == ("cpu",) else unsupported_reason()
    if reason and device != "auto":
        raise ValueError(f"{reason}; use device='cpu'")
    if reason:
        chosen = ("cpu",)
    _log_once(f"device: the CPU ({reason})" if reason else describe(chosen))
    return chosen


def describe(devices: tuple[str, ...]) -> str:
    """Return a log line with the devices that `resolve_device` chose, and the reason if it was the CPU."""
    if devices == ("cpu",):
        reason = _gpu_unsupported_reason()
        return f"device: the CPU ({reason})" if reason else "device: the CPU"
    return "device: " + ", ".join(f"{device} ({_name(device)})" for device in devices)


def _expand_name(device: str, count: int) -> tuple[str, ...]:
    """Return the names with an index that "cuda", "cuda:1" or "cuda:*" stands for."""
    index = device.partition(":")[2] or "0"
    if index == "*":
        return tuple(f"cuda:{k}" for k in range(count))
    if int(index) >= count:
        raise ValueError(
            f"device: expected cuda:0 to cuda:{count - 1}, which this machine has, got {quote(device)}"
        )
    return (f"cuda:{int(index)}",)


@functools.cache
def _log_once(message: str) -> None:
    _logger.info(message)


@functools.cache
def _gpu_unsupported_reason() -> str | None:
    """Return why no GPU of this machine can be used, or None."""
    if SIMULATED:
        return None
    if not _has_driver():
        return "no NVIDIA driver was found"
    missing = [name for name in ("cupy", "numba_cuda") if importlib.util.find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} must be installed: pip install 'batchneat[cuda]'"
    import cupy

    try:
        count = _count()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"the NVIDIA driver reports no GPU ({error})"
    if count == 0:
        return "the NVIDIA driver reports no GPU"
    if all(_too_old_reason(f"cuda:{k}") for k in range(count)):
        return _too_old_reason("cuda:0")
    return None


def _first_supported() -> str:
    return next(device for device in _expand_name("cuda:*", _count()) if not _too_old_reason(device))


def _too_old_reason(device: str) -> str | None:
    if SIMULATED:
        return None
    capability = _capability(int(device.partition(":")[2]))
    if capability >= OLDEST:
        return None
    (major, minor), (least, part) = capability, OLDEST
    return f"{device} has compute capability {major}.{minor}, and {least}.{part} or later is required"


def _has_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _count() -> int:
    if SIMULATED:
        return _simulated_gpus
    import cupy

    return int(cupy.cuda.runtime.getDeviceCount())


def _capability(index: int) -> tuple[int, int]:
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(index)
    return properties["major"], properties["minor"]


def _name(device: str) -> str:
    if SIMULATED:
        return "simulated"
    import cupy

    return str(cupy.cuda.runtime.getDeviceProperties(int(device.partition(":")[2]))["name"].decode())
