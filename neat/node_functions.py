"""Define the built-in activations and aggregations: compiled functions with their names and formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from neat.kernels.elementwise import (
    ONE,
    ZERO,
    clip,
    compiled,
    cos,
    exp,
    expm1,
    indicator,
    log,
    maximum,
    number,
    sigmoid,
    sign,
    sin,
    softplus,
    tanh,
    where,
)
from neat.kernels.jit import function


class Activation(NamedTuple):
    """An activation: float32 to float32.

    Attributes:
        name: What genomes and configs call it.
        function: Jitted scalar function of one float32.
        formula: The function as a Python expression in `x`, with exp, expm1, log, log1p, sin, cos, tanh, abs, min and
            max. Exports are made from it, so it must be accurate in float32. `max` and `min` have `x` first, since
            Python's return NaN only then.
        slope: Jitted scalar function of x and of the activation's value y there, which returns its derivative; None if
            that is useless, or the function is user-defined.
        low: The lower end of the range from which actions are scaled: the function's range if it is bounded, otherwise
            −1 or 0 to 1.
        high: The upper end of that range.
        checked: A user-defined function with checked array indices, for the CPU; None for a built-in one.
    """

    name: str
    function: Callable[[Any], Any]
    formula: str
    slope: Callable[[Any, Any], Any] | None = None
    low: float = -1.0
    high: float = 1.0
    checked: Callable[[Any], Any] | None = None


class Aggregation(NamedTuple):
    """An aggregation of a node's weighted inputs, of which there is at least one.

    Attributes:
        name: What genomes and configs call it.
        function: Jitted. If `fold`, a function of two float32: the aggregate so far (initially the first value) and
            the next value. Otherwise, a function of all values, a float32 array that it may overwrite.
        formula: The function as a Python expression in `values`, a list.
        fold: Whether `function` takes two values instead of an array.
        checked: A user-defined function with checked array indices, for the CPU; None for a built-in one.
    """

    name: str
    function: Callable[..., Any]
    formula: str
    fold: bool
    checked: Callable[..., Any] | None = None


# λ and λα (Klambauer et al. 2017, equation 2).
_SELU = 1.0507009873554805
_SELU_ALPHA = _SELU * 1.6732632423543772


def _activation(
    name: str,
    value: Callable[..., Any],
    slope: Callable[..., Any] | None,
    formula: str,
    low: float = -1.0,
) -> Activation:
    """Return a row of the table below, from definitions of the value and the slope (see `neat.kernels.elementwise`)."""
    return Activation(name, compiled(value), formula, slope and compiled(slope), low)


# Append new entries. Each has the value y of x, and the slope at x, which may use y; at a kink, the slope is that of
# one of the sides. Formulas shared with neat-python follow its activations.py, version 2.1.
ACTIVATIONS = (
    _activation("sigmoid", lambda x: sigmoid(x), lambda x, y: y * (ONE - y), "1 / (1 + exp(-x))", low=0.0),
    _activation("tanh", lambda x: tanh(x), lambda x, y: ONE - y * y, "tanh(x)"),
    _activation("relu", lambda x: maximum(x, ZERO), lambda x, y: indicator(x > ZERO), "max(x, 0)", low=0.0),
    _activation("identity", lambda x: x, lambda x, y: ONE, "x"),
    _activation(  # Stanley and Miikkulainen 2002, section 4.1
        "steepened_sigmoid",
        lambda x: sigmoid(number(4.9) * x),
        lambda x, y: number(4.9) * y * (ONE - y),
        "1 / (1 + exp(-4.9 * x))",
        low=0.0,
    ),
    _activation("gauss", lambda x: exp(-x * x), lambda x, y: number(-2.0) * x * y, "exp(-(x**2))", low=0.0),
    _activation("sin", lambda x: sin(x), lambda x, y: cos(x), "sin(x)"),
    _activation("cos", lambda x: cos(x), lambda x, y: -sin(x), "cos(x)"),
    _activation(
        "elu",
        lambda x: where(x > ZERO, x, expm1(x)),
        lambda x, y: where(x > ZERO, ONE, y + ONE),
        "x if x > 0 else expm1(x)",
    ),
    _activation(
        "lelu",
        lambda x: where(x > ZERO, x, number(0.005) * x),
        lambda x, y: where(x > ZERO, ONE, number(0.005)),
        "x if x > 0 else 0.005 * x",
    ),
    _activation(
        "selu",
        lambda x: where(x > ZERO, number(_SELU) * x, number(_SELU_ALPHA) * expm1(x)),
        lambda x, y: where(x > ZERO, number(_SELU), y + number(_SELU_ALPHA)),
        "1.0507009873554805 * x if x > 0 else 1.7580993408473766 * expm1(x)",
    ),
    _activation(
        "softplus", lambda x: softplus(x), lambda x, y: sigmoid(x), "max(x, 0) + log1p(exp(-abs(x)))", low=0.0
    ),
    _activation(  # NaN is returned
        "step",
        lambda x: where(x == x, indicator(x > ZERO), x),
        None,
        "1 if x > 0 else 0",
        low=0.0,
    ),
    _activation(
        "clamped", lambda x: clip(x, ONE), lambda x, y: indicator(abs(x) <= ONE), "max(min(x, 1), -1)"
    ),
    _activation(
        "inv",
        lambda x: indicator(x != ZERO) / (x + indicator(x == ZERO)),
        lambda x, y: -y * y,
        "0 if x == 0 else 1 / x",
    ),
    _activation(
        "log",
        lambda x: log(maximum(x, number(1e-7))),
        lambda x, y: indicator(x > number(1e-7)) / maximum(x, number(1e-7)),
        "log(max(x, 1e-7))",
    ),
    _activation(
        "exp",
        lambda x: exp(clip(x, number(60.0))),
        lambda x, y: y * indicator(abs(x) <= number(60.0)),
        "exp(max(min(x, 60), -60))",
        low=0.0,
    ),
    _activation("abs", lambda x: abs(x), lambda x, y: sign(x), "abs(x)", low=0.0),
    _activation(
        "hat",
        lambda x: maximum(ONE - abs(x), ZERO),
        lambda x, y: -sign(x) * indicator(y > ZERO),
        "max(1 - abs(x), 0)",
        low=0.0,
    ),
    _activation("square", lambda x: x * x, lambda x, y: x + x, "x**2", low=0.0),
    _activation("cube", lambda x: x * x * x, lambda x, y: number(3.0) * x * x, "x**3"),
    _activation(
        "scaled_sigmoid",
        lambda x: sigmoid(clip(number(5.0) * x, number(60.0))),
        lambda x, y: number(5.0) * y * (ONE - y),  # nearly 0 where it is clipped
        "1 / (1 + exp(-max(min(5 * x, 60), -60)))",
        low=0.0,
    ),
    _activation(
        "scaled_tanh",
        lambda x: tanh(clip(number(2.5) * x, number(60.0))),
        lambda x, y: number(2.5) * (ONE - y * y),  # 0 where it is clipped
        "tanh(max(min(2.5 * x, 60), -60))",
    ),
    _activation(
        "scaled_sin",
        lambda x: sin(clip(number(5.0) * x, number(60.0))),
        lambda x, y: number(5.0) * cos(number(5.0) * x) * indicator(abs(x) <= number(12.0)),
        "sin(max(min(5 * x, 60), -60))",
    ),
    _activation(
        "scaled_gauss",
        lambda x: exp(number(-5.0) * clip(x, number(3.4)) * clip(x, number(3.4))),
        lambda x, y: number(-10.0) * x * y * indicator(abs(x) <= number(3.4)),
        "exp(-5 * min(abs(x), 3.4) ** 2)",
        low=0.0,
    ),
    _activation(
        "scaled_softplus",
        lambda x: number(0.2) * softplus(clip(number(5.0) * x, number(60.0))),
        lambda x, y: sigmoid(number(5.0) * x) * indicator(abs(x) <= number(12.0)),
        "(max(min(5 * x, 60), 0) + log1p(exp(-min(abs(5 * x), 60)))) / 5",
        low=0.0,
    ),
)


@function(contract=True)
def _add(aggregate, value):
    return aggregate + value


@function(contract=True)
def _multiply(aggregate, value):
    return aggregate * value


@function(contract=True)
def _larger(aggregate, value):
    return value if value > aggregate else aggregate


@function(contract=True)
def _smaller(aggregate, value):
    return value if value < aggregate else aggregate


@function(contract=True)
def _farther_from_zero(aggregate, value):
    return value if abs(value) > abs(aggregate) else aggregate


@function(contract=True)
def _median(values):
    # Shell's sort (1959) is short, in place, and fast enough for hundreds of values.
    count = len(values)
    gap = count // 2
    while gap > 0:
        for position in range(gap, count):
            value = values[position]
            while position >= gap and values[position - gap] > value:
                values[position] = values[position - gap]
                position -= gap
            values[position] = value
        gap //= 2
    return np.float32(0.5) * (values[(count - 1) // 2] + values[count // 2])


@function(contract=True)
def _mean(values):
    total = ZERO
    for value in values:
        total += value
    return total / np.float32(len(values))


AGGREGATIONS = (
    Aggregation("sum", _add, "sum(values)", fold=True),
    Aggregation("product", _multiply, "prod(values)", fold=True),
    Aggregation("max", _larger, "max(values)", fold=True),
    Aggregation("min", _smaller, "min(values)", fold=True),
    Aggregation("maxabs", _farther_from_zero, "max(values, key=abs)", fold=True),
    Aggregation("median", _median, "median(values)", fold=False),
    Aggregation("mean", _mean, "mean(values)", fold=False),
)
