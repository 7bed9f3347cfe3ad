"""The device of an array, and conversion of callers' values to arrays of a device."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from evaluators.devices import HOST, Arrays, arrays_of, resolve_device
from neat.support.messages import quote
from neat.support.validation import check_unmasked

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))

# A constant, since every operation uses it: making a union of types at each call takes four times as long.
_ON_HOST = (np.ndarray, np.generic)

# glibc gives freed memory back to the system as soon as it is more than twice the largest block that was freed before,
# of blocks below 32 MiB. Each step of training would then get cleared pages again, which can take as long as the step.
# This block is large and freed at once; its own pages are never used.
np.empty(31 * 2**20, np.uint8)


def arrays_on(device: str) -> Arrays:
    """Return the Arrays of a device, by any name that `evaluators.devices.resolve_device` accepts."""
    return arrays_of(resolve_device(device)[0])


def arrays_holding(array: Any) -> Arrays:
    """Return the Arrays of the device that holds an array; those of the CPU for a number."""
    if isinstance(array, _ON_HOST):
        return HOST
    return arrays_of(f"cuda:{array.device.id}")


def namespace(*arrays: Any) -> Any:
    """Return numpy, or cupy if one of the arrays is a cupy array."""
    for array in arrays:
        if not isinstance(array, _ON_HOST):
            return arrays_holding(array).xp
    return np


def float_dtype(dtype: Any) -> np.dtype:
    """Return float32 or float64 as a dtype; ValueError for anything else."""
    with contextlib.suppress(TypeError):
        if dtype is not None and np.dtype(dtype) in DTYPES:  # np.dtype(None) is float64
            return np.dtype(dtype)
    raise ValueError(f"dtype: must be float32 or float64, got {quote(dtype)}")


def to_floats(name: str, value: Any, dtype: Any, arrays: Arrays) -> Any:
    """Copy a caller's value to a device as an array of this dtype.

    Raises:
        ValueError: The value is not an array of finite numbers.
    """
    given = to_numbers(name, value, arrays)
    with np.errstate(over="ignore"):
        result = arrays.xp.array(given, dtype)
    finite = arrays.xp.isfinite(result)
    if not finite.all():
        check_finite(name, given)
        _check_all(name, given, finite, f"finite {result.dtype} numbers")
    return result


def to_numbers(name: str, value: Any, arrays: Arrays) -> Any:
    """Return a value as an array of a device, with its own dtype; ValueError if it is not an array of numbers."""
    try:
        array = arrays.to_device(value)
    except ValueError:
        raise ValueError(f"{name}: expected an array of numbers, got rows of different lengths") from None
    # TypeError: a tensor that requires gradients, or another device's array; RuntimeError: such a tensor of PyTorch
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"{name}: {error}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected an array of numbers, got dtype {array.dtype}")
    check_unmasked(name, value)
    return array


def check_finite(name: str, array: Any) -> None:
    """Raise ValueError, with the position and the number, if one is NaN or infinite."""
    _check_all(name, array, namespace(array).isfinite(array), "finite numbers")


def _check_all(name: str, array: Any, fits: Any, expected: str) -> None:
    if not fits.all():
        position = tuple(int(k[0]) for k in (~fits).nonzero()) if array.ndim else ()
        raise ValueError(f"{name}: expected {expected}, got {array[position]} at {position}")


def to_weights(name: str, value: Any, shape: tuple[int, ...], dtype: Any, arrays: Arrays) -> Any:
    """Copy a caller's weights to a device as an array of this dtype.

    Raises:
        ValueError: They have another shape, a weight is not finite or below 0, or all are 0.
    """
    weight = to_numbers(name, value, arrays).astype(dtype)
    if weight.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {weight.shape}")
    check_finite(name, weight)
    if float(weight.min()) < 0 or not weight.any():
        raise ValueError(f"{name}: expected numbers of at least 0, not all 0, got {float(weight.min())}")
    return weight


def along_samples(vector: Any, like: Any) -> Any:
    """Return a vector with a number for each sample, in the dimensions of `like`."""
    return vector.reshape(-1, *(1,) * (like.ndim - 1))


def to_host(array: Any) -> np.ndarray:
    """Return an array of any device as a numpy array."""
    return arrays_holding(array).to_host(array)
