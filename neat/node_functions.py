"""Define the built-in activations and aggregations: compiled functions with their names."""

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
    if_positive,
    indicator,
    log,
    maximum,
    number,
    reciprocal,
    sigmoid,
    sign,
    sin,
    softplus,
    step,
    tanh,
)
from neat.kernels.jit import function


class Activation(NamedTuple):
    """An activation: float32 to float32.

    Attributes:
        name: What genomes and configs call it.
        function: Jitted scalar function of one float32.
        slope: Jitted scalar function of x and of the activation's value y there, which returns its derivative; None if
            that is useless, or the function is user-defined.
        low: The lower end of the range from which actions are scaled: the function's range if it is bounded, otherwise
            −1 or 0 to 1.
        high: The upper end of that range.
        checked: A user-defined function with checked array indices, for the CPU; None for a built-in one.
    """

    name: str
    function: Callable[[Any], Any]
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
        fold: Whether `function` takes two values instead of an array.
        checked: A user-defined function with checked array indices, for the CPU; None for a built-in one.
    """

    name: str
    function: Callable[..., Any]
    fold: bool
    checked: Callable[..., Any] | None = None


# λ and λα (Klambauer et al. 2017, equation 2).
_SELU = 1.0507009873554805
_SELU_ALPHA = _SELU * 1.6732632423543772


def _activation(
    name: str, value: Callable[..., Any], slope: Callable[..., Any] | None, low: float = -1.0
) -> Activation:
    """Return a row of the table below, from definitions of the value and the slope (see `neat.kernels.elementwise`)."""
    return Activation(name, compiled(value), slope and compiled(slope), low)


# Append new entries. Each has the value y of x, and the slope at x, which may use y; at a kink, the slope is that of
# one of the sides. Functions shared with neat-python follow its activations.py, version 2.1.
ACTIVATIONS = (
    _activation("sigmoid", lambda x: sigmoid(x), lambda x, y: y * (ONE - y), low=0.0),
    _activation("tanh", lambda x: tanh(x), lambda x, y: ONE - y * y),
    _activation("relu", lambda x: maximum(x, ZERO), lambda x, y: indicator(x > ZERO), low=0.0),
    _activation("identity", lambda x: x, lambda x, y: ONE),
    _activation(  # Stanley and Miikkulainen 2002, section 4.1
        "steepened_sigmoid",
        lambda x: sigmoid(number(4.9) * x),
        lambda x, y: number(4.9) * y * (ONE - y),
        low=0.0,
    ),
    _activation("gauss", lambda x: exp(-x * x), lambda x, y: number(-2.0) * x * y, low=0.0),
    _activation("sin", lambda x: sin(x), lambda x, y: cos(x)),
    _activation("cos", lambda x: cos(x), lambda x, y: -sin(x)),
    _activation("elu", lambda x: if_positive(x, x, expm1(x)), lambda x, y: if_positive(x, ONE, y + ONE)),
    _activation(
        "lelu",
        lambda x: if_positive(x, x, number(0.005) * x),
        lambda x, y: if_positive(x, ONE, number(0.005)),
    ),
    _activation(
        "selu",
        lambda x: if_positive(x, number(_SELU) * x, number(_SELU_ALPHA) * expm1(x)),
        lambda x, y: if_positive(x, number(_SELU), y + number(_SELU_ALPHA)),
    ),
    _activation("softplus", lambda x: softplus(x), lambda x, y: sigmoid(x), low=0.0),
    _activation("step", lambda x: step(x), None, low=0.0),
    _activation("clamped", lambda x: clip(x, ONE), lambda x, y: indicator(abs(x) <= ONE)),
    _activation("inv", lambda x: reciprocal(x), lambda x, y: -y * y),
    _activation(
        "log",
        lambda x: log(maximum(x, number(1e-7))),
        lambda x, y: indicator(x > number(1e-7)) / maximum(x, number(1e-7)),
    ),
    _activation(
        "exp",
        lambda x: exp(clip(x, number(60.0))),
        lambda x, y: y * indicator(abs(x) <= number(60.0)),
        low=0.0,
    ),
    _activation("abs", lambda x: abs(x), lambda x, y: sign(x), low=0.0),
    _activation(
        "hat",
        lambda x: maximum(ONE - abs(x), ZERO),
        lambda x, y: -sign(x) * indicator(y > ZERO),
        low=0.0,
    ),
    _activation("square", lambda x: x * x, lambda x, y: x + x, low=0.0),
    _activation("cube", lambda x: x * x * x, lambda x, y: number(3.0) * x * x),
    _activation(
        "scaled_sigmoid",
        lambda x: sigmoid(clip(number(5.0) * x, number(60.0))),
        lambda x, y: number(5.0) * y * (ONE - y),  # nearly 0 where it is clipped
        low=0.0,
    ),
    _activation(
        "scaled_tanh",
        lambda x: tanh(clip(number(2.5) * x, number(60.0))),
        lambda x, y: number(2.5) * (ONE - y * y),  # 0 where it is clipped
    ),
    _activation(
        "scaled_sin",
        lambda x: sin(clip(number(5.0) * x, number(60.0))),
        lambda x, y: number(5.0) * cos(number(5.0) * x) * indicator(abs(x) <= number(12.0)),
    ),
    _activation(
        "scaled_gauss",
        lambda x: exp(number(-5.0) * clip(x, number(3.4)) * clip(x, number(3.4))),
        lambda x, y: number(-10.0) * x * y * indicator(abs(x) <= number(3.4)),
        low=0.0,
    ),
    _activation(
        "scaled_softplus",
        lambda x: number(0.2) * softplus(clip(number(5.0) * x, number(60.0))),
        lambda x, y: sigmoid(number(5.0) * x) * indicator(abs(x) <= number(12.0)),
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
    Aggregation("sum", _add, fold=True),
    Aggregation("product", _multiply, fold=True),
    Aggregation("max", _larger, fold=True),
    Aggregation("min", _smaller, fold=True),
    Aggregation("maxabs", _farther_from_zero, fold=True),
    Aggregation("median", _median, fold=False),
    Aggregation("mean", _mean, fold=False),
)
