"""Which memory an array is in, and arrays from what people pass."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from evaluators.devices import HOST, Arrays, arrays_of, resolve_device
from neat.support.messages import shown
from neat.support.validation import check_unmasked

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))

# Every operation asks. A union of types made at each call takes four times as long.
_ON_HOST = (np.ndarray, np.generic)


def arrays_on(device: str) -> Arrays:
    """The Arrays of a device by any of the names that `evaluators.devices.resolve_device` knows."""
    return arrays_of(resolve_device(device)[0])


def arrays_holding(array: Any) -> Arrays:
    """The Arrays of the device that an array is on; a number has the host's."""
    if isinstance(array, _ON_HOST):
        return HOST
    return arrays_of(f"cuda:{array.device.id}")


def namespace(*arrays: Any) -> Any:
    """numpy, or cupy if one of the arrays is cupy's."""
    for array in arrays:
        if not isinstance(array, _ON_HOST):
            return arrays_holding(array).xp
    return np


def float_dtype(dtype: Any) -> np.dtype:
    """float32 or float64 as a dtype; ValueError for anything else."""
    with contextlib.suppress(TypeError):
        if dtype is not None and np.dtype(dtype) in DTYPES:  # None would be float64
            return np.dtype(dtype)
    raise ValueError(f"dtype: must be float32 or float64, got {shown(dtype)}")


def to_floats(name: str, value: Any, dtype: Any, arrays: Arrays) -> Any:
    """A new array of a device, of this dtype, from what a person passes.

    Raises:
        ValueError: It holds no numbers, or one that is not finite.
    """
    result = arrays.xp.array(to_numbers(name, value, arrays), dtype)  # a copy
    check_finite(name, result)
    return result


def to_numbers(name: str, value: Any, arrays: Arrays) -> Any:
    """An array of a device, of the dtype that it has; ValueError if it holds no numbers."""
    try:
        array = arrays.to_device(value)
    except ValueError:
        raise ValueError(f"{name}: expected an array of numbers, got rows of different lengths") from None
    except TypeError as error:  # of a tensor that requires gradients, or of another device's array
        raise ValueError(f"{name}: {error}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected an array of numbers, got dtype {array.dtype}")
    check_unmasked(name, value)
    return array


def check_finite(name: str, array: Any) -> None:
    """ValueError with the place and the number if one is NaN or infinite."""
    finite = namespace(array).isfinite(array)
    if not finite.all():
        position = tuple(int(k[0]) for k in (~finite).nonzero()) if array.ndim else ()
        raise ValueError(f"{name}: expected finite numbers, got {array[position]} at {position}")


def to_host(array: Any) -> np.ndarray:
    """Any device's array as numpy's."""
    return arrays_holding(array).to_host(array)
