"""NumPy's functions of numbers that numba-cuda has no code for, so that a person's functions run on a GPU as they are.

numba-cuda knows what `np.sin` is in a kernel, but neither `np.sqrt`, `np.exp` nor `np.abs`, nor arithmetic with whole
arrays, such as `state *= 2`. Nearly all of its parts for them are there, under the names that they have in numba; what
is missing is the table of which belongs to which, and that is numba's for the CPU.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.cuda import libdevice
from numba.cuda.cpython import numbers
from numba.cuda.np import npyfuncs
from numba.cuda.ufuncs import ufunc_db
from numba.np.ufunc_db import get_ufunc_info

# In NumPy's letters: what numbers of a person's functions are.
_LETTERS = set("?bBhHiIlLqQfd->")

_OF_PARTS = (
    np.absolute,
    np.add,
    np.ceil,
    np.copysign,
    np.float_power,
    np.floor,
    np.floor_divide,
    np.fmod,
    np.isfinite,
    np.isinf,
    np.multiply,
    np.negative,
    np.positive,
    np.power,
    np.reciprocal,
    np.remainder,
    np.sign,
    np.signbit,
    np.square,
    np.subtract,
    np.trunc,
)

# Those whose parts need C's library, which a GPU has not: in Python, or NVIDIA's for float64 and for float32.
_OF_THEIR_OWN: dict[Any, Callable[..., Any] | tuple[Callable[..., Any], Callable[..., Any]]] = {
    np.cbrt: (libdevice.cbrt, libdevice.cbrtf),
    np.exp: lambda x: math.exp(x),
    np.expm1: lambda x: math.expm1(x),
    np.fabs: lambda x: math.fabs(x),
    np.log1p: lambda x: math.log1p(x),
    np.rint: (libdevice.rint, libdevice.rintf),
    np.sqrt: lambda x: math.sqrt(x),
}


@functools.cache
def missing() -> dict[Any, dict[str, Any]]:
    """For numba-cuda's table: by ufunc, and by types in NumPy's letters, what makes LLVM code of a call."""
    return {ufunc: _loops(ufunc) for ufunc in (*_OF_PARTS, *_OF_THEIR_OWN) if ufunc not in ufunc_db()}


def _loops(ufunc: Any) -> dict[str, Any]:
    own = _OF_THEIR_OWN.get(ufunc)
    parts = {loop: part.__name__ for loop, part in get_ufunc_info(ufunc).items() if set(loop) <= _LETTERS}
    made = {loop: _compiled(own) if own else _part(name) for loop, name in parts.items()}
    return {loop: part for loop, part in made.items() if part is not None}  # versions may differ


def _part(name: str) -> Any:
    if name == "identity_impl":
        return _compiled(lambda x: x)
    return getattr(npyfuncs, name, None) or getattr(numbers, name, None)


def _compiled(function: Any) -> Callable[..., Any]:
    def implement(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen = function
        if isinstance(function, tuple):
            each = function[signature.args[0] == types.float32]
            chosen = lambda x: each(x)  # noqa: E731
        return context.compile_internal(builder, chosen, signature, arguments)

    return implement
