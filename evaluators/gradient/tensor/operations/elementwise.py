"""Arithmetic and elementwise functions; shapes broadcast by numpy's rules."""

from __future__ import annotations

import numbers
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.gradient.tensor.device_arrays import arrays_holding, namespace, to_floats, to_numbers
from evaluators.gradient.tensor.tensor import Tensor, constant, record, tensor_method
from evaluators.gradient.tensor.user_lines import warnings_at_user_lines


def operands(operation: str, *values: Any) -> list[Tensor]:
    """Return all values as tensors of one dtype; numbers and arrays take the dtype and device of the first tensor.

    Raises:
        ValueError: Tensors have different dtypes; the message names the operation.
    """
    like = None
    for value in values:
        if isinstance(value, Tensor):
            if like is None:
                like = value
            elif value.dtype != like.dtype:
                raise ValueError(f"{operation}: dtypes {like.dtype} and {value.dtype} do not mix")
    if like is None:
        like = Tensor(values[0])
    return [value if isinstance(value, Tensor) else _as_tensor(operation, value, like) for value in values]


def _as_tensor(operation: str, value: Any, like: Tensor) -> Tensor:
    if type(value) is float or isinstance(value, numbers.Real):
        return constant(like.dtype.type(value))
    return constant(to_floats(operation, value, like.dtype, arrays_holding(like._data)))


def _broadcast(operation: str, function: Callable[[Any, Any], Any], a: Tensor, b: Tensor) -> Any:
    try:
        return function(a._data, b._data)
    except ValueError:
        raise ValueError(f"{operation}: shapes {a.shape} and {b.shape} do not broadcast") from None


@tensor_method
def add(a: Any, b: Any) -> Tensor:
    """Return a + b."""
    a, b = operands("add", a, b)
    return record("add", _broadcast("add", operator.add, a, b), (a, b), lambda g: (g, g))


@tensor_method
def subtract(a: Any, b: Any) -> Tensor:
    """Return a − b."""
    a, b = operands("subtract", a, b)
    data = _broadcast("subtract", operator.sub, a, b)
    return record("subtract", data, (a, b), lambda g: (g, -g if b.requires_grad else None))


@tensor_method
def multiply(a: Any, b: Any) -> Tensor:
    """Return a · b."""
    a, b = operands("multiply", a, b)

    def backward(g: Any) -> tuple[Any, Any]:
        return g * b._data if a.requires_grad else None, g * a._data if b.requires_grad else None

    return record("multiply", _broadcast("multiply", operator.mul, a, b), (a, b), backward)


@tensor_method
@warnings_at_user_lines()
def divide(a: Any, b: Any) -> Tensor:
    """Return a / b."""
    a, b = operands("divide", a, b)
    quotient = _broadcast("divide", operator.truediv, a, b)

    @warnings_at_user_lines()
    def backward(g: Any) -> tuple[Any, Any]:
        part = g / b._data
        return part, -part * quotient if b.requires_grad else None

    return record("divide", quotient, (a, b), backward)


@tensor_method
def negative(x: Any) -> Tensor:
    """Return −x."""
    (x,) = operands("negative", x)
    return record("negative", -x._data, (x,), lambda g: (-g,))


@tensor_method
@warnings_at_user_lines()
def power(x: Any, exponent: Any) -> Tensor:
    """Return x^exponent. The gradient of the exponent is 0 where x is 0, and NaN where x is negative."""
    if not isinstance(exponent, numbers.Real):
        return _tensor_power(*operands("power", x, exponent))
    (x,) = operands("power", x)
    n = float(exponent)

    @warnings_at_user_lines()
    def backward(g: Any) -> tuple[Any]:
        return (g * (n * x._data ** (n - 1)) if n else 0 * g,)

    return record("power", x._data**n, (x,), backward)


def _tensor_power(x: Tensor, exponent: Tensor) -> Tensor:
    y = _broadcast("power", operator.pow, x, exponent)
    xp = namespace(x._data, exponent._data)

    @warnings_at_user_lines()
    def backward(g: Any) -> tuple[Any, Any]:
        n = exponent._data
        of_x = g * xp.where(n == 0, 0, n * x._data ** xp.where(n == 0, 1, n - 1)) if x.requires_grad else None
        positive = xp.where(x._data == 0, 1, x._data)
        return of_x, g * y * xp.log(positive) if exponent.requires_grad else None

    return record("power", y, (x, exponent), backward)


@warnings_at_user_lines()
def exp(x: Any) -> Tensor:
    """Return e^x."""
    (x,) = operands("exp", x)
    y = namespace(x._data).exp(x._data)
    return record("exp", y, (x,), lambda g: (g * y,))


@warnings_at_user_lines()
def log(x: Any) -> Tensor:
    """Return the natural logarithm."""
    (x,) = operands("log", x)
    backward = warnings_at_user_lines()(lambda g: (g / x._data,))
    return record("log", namespace(x._data).log(x._data), (x,), backward)


@warnings_at_user_lines()
def sqrt(x: Any) -> Tensor:
    """Return the square root."""
    (x,) = operands("sqrt", x)
    y = namespace(x._data).sqrt(x._data)
    return record("sqrt", y, (x,), warnings_at_user_lines()(lambda g: (g / (2 * y),)))


def absolute(x: Any) -> Tensor:
    """Return |x|; the gradient at 0 is 0."""
    (x,) = operands("absolute", x)
    xp = namespace(x._data)
    return record("absolute", abs(x._data), (x,), lambda g: (g * xp.sign(x._data),))


def maximum(a: Any, b: Any) -> Tensor:
    """Return the larger of a and b; where they are equal, each gets half the gradient."""
    return _extreme("maximum", a, b, operator.gt)


def minimum(a: Any, b: Any) -> Tensor:
    """Return the smaller of a and b; where they are equal, each gets half the gradient."""
    return _extreme("minimum", a, b, operator.lt)


def _extreme(operation: str, a: Any, b: Any, wins: Callable[[Any, Any], Any]) -> Tensor:
    a, b = operands(operation, a, b)
    function = getattr(namespace(a._data, b._data), operation)

    def backward(g: Any) -> tuple[Any, Any]:
        half = g * (a._data == b._data) / 2
        return g * wins(a._data, b._data) + half, g * wins(b._data, a._data) + half

    return record(operation, _broadcast(operation, function, a, b), (a, b), backward)


def clip(x: Any, low: float, high: float) -> Tensor:
    """Clip x to [low, high]; outside, the gradient is 0."""
    if not low <= high:
        raise ValueError(f"clip: expected low <= high, got {low} and {high}")
    (x,) = operands("clip", x)
    inside = (x._data >= low) & (x._data <= high)
    return record("clip", namespace(x._data).clip(x._data, low, high), (x,), lambda g: (g * inside,))


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """Return a where `condition`, a boolean array, is True, else b."""
    a, b = operands("where", a, b)
    xp = namespace(a._data, b._data)
    # A copy: the caller may change its array before `backward`.
    chosen = xp.array(to_numbers("where: condition", condition, arrays_holding(a._data)))
    if chosen.dtype != np.bool_:
        raise ValueError(f"where: expected a boolean condition, got dtype {chosen.dtype}")
    try:
        data = xp.where(chosen, a._data, b._data)
    except ValueError:
        raise ValueError(f"where: shapes {chosen.shape}, {a.shape} and {b.shape} do not broadcast") from None
    return record("where", data, (a, b), lambda g: (g * chosen, g * ~chosen))
