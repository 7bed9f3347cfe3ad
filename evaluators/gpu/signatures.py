"""The types of the arguments for which the GPU's kernels are compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, types

F4, F8, I4, I8 = types.float32, types.float64, types.int32, types.int64
B1 = types.boolean


def array(element: Any, dimensions: int = 1, layout: str = "C") -> Any:
    """Return the type of an array."""
    return types.Array(element, dimensions, layout)


def array_of(dtype: np.dtype[Any]) -> Any:
    """Return the type of a one-dimensional array."""
    return array(from_dtype(dtype))


def named_tuple(cls: Any, *fields: Any) -> Any:
    """Return the type of a NamedTuple with fields of these types."""
    return types.NamedTuple(fields, cls)
