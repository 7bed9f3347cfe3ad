"""Elementwise functions that are defined once, for kernels, arrays, and the targets of exports.

A definition is a plain function that imports the names below, which are placeholders. `compiled` binds them to
functions of one float32, for kernels; `on_arrays` binds them to functions of arrays. `with_names` binds them, and
Python's `abs`, to functions of any values that have +, -, * and /, such as the source text of an export. What is
exported must not compare values by `>` or `==`, which those values lack: use `if_positive`, `step` and `reciprocal`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neat.kernels import elementary
from neat.kernels.jit import bind_globals, function

# Placeholders that have these names in `elementary`, numpy and C too.
ELEMENTARY = ("exp", "expm1", "log", "log1p", "sin", "cos", "tanh")

# Exact in any precision; other constants are written `number(0.1)`.
ZERO = np.float32(0.0)
ONE = np.float32(1.0)

exp: Any = None
expm1: Any = None
log: Any = None
log1p: Any = None
sin: Any = None
cos: Any = None
tanh: Any = None
number: Any = None  # number(constant), in the precision of the arguments
if_positive: Any = None  # if_positive(x, a, b): a where x > 0, else b; one of them can be a number
step: Any = None  # 1 where x > 0, else 0; kernels and arrays return NaN for NaN
reciprocal: Any = None  # 1 / x, and 0 for 0
maximum: Any = None  # maximum(x, low), for a number `low`
clip: Any = None  # clip(x, limit): x between -limit and limit, two numbers
sign: Any = None
indicator: Any = None  # indicator(condition): 1 where it is true, else 0
sigmoid: Any = None
softplus: Any = None

_contracted = function(contract=True)


@_contracted
def _if_positive(x, a, b):
    return a if x > ZERO else b


@_contracted
def _step(x):
    return ONE if x > ZERO else ZERO if x == x else x


@_contracted
def _maximum(x, low):
    return low if x < low else x


@_contracted
def _clip(x, limit):
    x = limit if x > limit else x
    return -limit if x < -limit else x


@_contracted
def _sign(x):
    return ONE if x > ZERO else -ONE if x < ZERO else ZERO


@_contracted
def _indicator(condition):
    return ONE if condition else ZERO


def _sigmoid(x):
    return ONE / (ONE + exp(-x))


def _softplus(x):
    # ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), where nothing overflows
    return maximum(x, ZERO) + log1p(exp(-abs(x)))


def _reciprocal(x):
    return indicator(x != ZERO) / (x + indicator(x == ZERO))


_DEFINED: dict[str, Callable[..., Any]] = {
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "reciprocal": _reciprocal,
}

_SCALAR: dict[str, Any] = {
    **{name: getattr(elementary, name) for name in ELEMENTARY},
    "number": np.float32,
    "if_positive": _if_positive,
    "step": _step,
    "maximum": _maximum,
    "clip": _clip,
    "sign": _sign,
    "indicator": _indicator,
}


def _bind(definition: Callable[..., Any], names: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a definition in which those placeholders that it reads have these values."""
    read = getattr(definition, "py_func", definition).__code__.co_names
    return bind_globals(definition, **{name: value for name, value in names.items() if name in read})


_SCALAR |= {name: _contracted(_bind(definition, _SCALAR)) for name, definition in _DEFINED.items()}


def compiled(definition: Callable[..., Any]) -> Any:
    """Return a definition as a jitted function of float32 numbers, which Python and kernels can call."""
    return _contracted(_bind(definition, _SCALAR))


def with_names(definition: Callable[..., Any], names: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a definition in which placeholders have these values.

    `sigmoid`, `softplus` and `reciprocal` are made from the other names if they are not given.

    Args:
        definition: A definition, plain or from `compiled`.
        names: Values for the placeholders that the definition can reach; also for ONE and ZERO, if values have no
            arithmetic with numbers of numpy.
    """
    defined = {name: _bind(each, names) for name, each in _DEFINED.items()}
    return _bind(definition, {**defined, **names})


@functools.cache
def on_arrays(definition: Callable[..., Any], xp: Any, dtype: np.dtype[Any]) -> Callable[..., Any]:
    """Return a definition as a function of arrays.

    What it returns can be multiplied by an array of this dtype, but it can be one of the arguments, a number, or, from
    `indicator`, an array of booleans, by which numpy multiplies faster.

    Args:
        definition: A definition, plain or from `compiled`.
        xp: numpy or cupy.
        dtype: The dtype of the arrays, float32 or float64.
    """
    return with_names(definition, _array_names(xp, dtype))


@functools.cache
def _array_names(xp: Any, dtype: np.dtype[Any]) -> dict[str, Any]:
    def maximum(x: Any, low: Any) -> Any:
        limit = xp.full_like(x, low)  # numpy takes twice as long with a number
        return xp.maximum(x, limit, out=limit)

    def without_overflow_warning(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        # A definition can overflow on the side that it does not select, or take the reciprocal of infinity.
        @functools.wraps(f)
        def apply(x: Any) -> Any:
            with np.errstate(over="ignore"):
                return f(x)

        return apply

    return {
        **{name: getattr(xp, name) for name in ELEMENTARY},
        **{name: without_overflow_warning(getattr(xp, name)) for name in ("exp", "expm1")},
        "number": dtype.type,
        "if_positive": lambda x, a, b: xp.where(x > 0, a, b),
        "step": lambda x: xp.where(x == x, x > 0, x),
        "maximum": maximum,
        "clip": lambda x, limit: xp.clip(x, -limit, limit),
        "sign": xp.sign,
        "indicator": lambda condition: condition,
    }
