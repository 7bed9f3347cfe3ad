"""NumPy's functions of numbers that numba-cuda has no code for, so that a person's functions run on a GPU as they are.

numba-cuda knows what `np.sin` is in a kernel, but neither `np.sqrt`, `np.exp` nor `np.abs`, nor arithmetic with whole
arrays, such as `state *= 2`. Its own parts for them are there; here is the table of which belongs to which.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.cuda import libdevice
from numba.cuda.np import npyfuncs
from numba.cuda.ufuncs import ufunc_db
from numba.np.ufunc_db import get_ufunc_info

# In NumPy's letters: what numbers of a person's functions are.
_FLOATS, _INTEGERS = "fd", "bBhHiIlLqQ"

# Of numba-cuda's parts, by ufunc.
_PARTS = (
    np.copysign,
    np.floor_divide,
    np.isfinite,
    np.isinf,
    np.reciprocal,
    np.remainder,
    np.signbit,
    np.square,
)


def _sign(x):
    if x > 0:
        return 1
    if x < 0:
        return -1
    return 0 if x == 0 else x  # NaN


# In plain Python, or the functions for float64 and for float32.
_OTHERS: dict[Any, Callable[..., Any] | tuple[Callable[..., Any], Callable[..., Any]]] = {
    np.absolute: lambda x: abs(x),
    np.add: lambda x, y: x + y,
    np.cbrt: (libdevice.cbrt, libdevice.cbrtf),
    np.ceil: (libdevice.ceil, libdevice.ceilf),
    np.exp: lambda x: math.exp(x),
    np.exp2: (libdevice.exp2, libdevice.exp2f),
    np.expm1: lambda x: math.expm1(x),
    np.fabs: lambda x: math.fabs(x),
    np.floor: (libdevice.floor, libdevice.floorf),
    np.fmod: lambda x, y: math.fmod(x, y),
    np.log1p: lambda x: math.log1p(x),
    np.multiply: lambda x, y: x * y,
    np.negative: lambda x: -x,
    np.positive: lambda x: x,
    np.power: lambda x, y: x**y,
    np.rint: (libdevice.rint, libdevice.rintf),
    np.sign: _sign,
    np.sqrt: lambda x: math.sqrt(x),
    np.subtract: lambda x, y: x - y,
    np.trunc: (libdevice.trunc, libdevice.truncf),
}


@functools.cache
def missing() -> dict[Any, dict[str, Any]]:
    """For numba-cuda's table: by ufunc, and by types in NumPy's letters, what makes LLVM code of a call."""
    found: dict[Any, dict[str, Any]] = {}
    for ufunc in (*_PARTS, *_OTHERS):
        for loop, part in get_ufunc_info(ufunc).items():
            kinds = set(loop.partition("->")[0])
            if kinds <= set(_FLOATS + _INTEGERS) and ufunc not in ufunc_db():
                made = _compiled(_OTHERS[ufunc]) if ufunc in _OTHERS else getattr(npyfuncs, part.__name__)
                found.setdefault(ufunc, {})[loop] = made
    return found


def _compiled(function: Any) -> Callable[..., Any]:
    def implement(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen = function
        if isinstance(function, tuple):
            each = function[signature.args[0] == types.float32]
            chosen = lambda x: each(x)  # noqa: E731
        return context.compile_internal(builder, chosen, signature, arguments)

    return implement
