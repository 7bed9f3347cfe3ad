"""Define the built-in activations and aggregations: compiled functions with their names and formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from neat.kernels import elementary
from neat.kernels.jit import function

_0 = np.float32(0.0)
_1 = np.float32(1.0)


class Activation(NamedTuple):
    """An activation: float32 to float32.

    Attributes:
        name: What genomes and configs call it.
        function: Jitted scalar function of one float32.
        formula: The function as a Python expression in `x`, with exp, expm1, log, log1p, sin, cos, tanh, abs, min and
            max. Exports are made from it, so it must be accurate in float32. `max` and `min` have `x` first, since
            Python's return NaN only then.
        low: The lower end of the range from which actions are scaled: the function's range if it is bounded, otherwise
            −1 or 0 to 1.
        high: The upper end of that range.
        checked: A user-defined function with checked array indices, for the CPU; None for a built-in one.
    """

    name: str
    function: Callable[[Any], Any]
    formula: str
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


@function(contract=True)
def _clip(x, limit):
    x = limit if x > limit else x
    return -limit if x < -limit else x


@function(contract=True)
def _sigmoid(x):
    return _1 / (_1 + elementary.exp(-x))


@function(contract=True)
def _steepened_sigmoid(x):  # Stanley and Miikkulainen 2002, section 4.1
    return _sigmoid(np.float32(4.9) * x)


@function(contract=True)
def _gauss(x):
    return elementary.exp(-x * x)


@function(contract=True)
def _relu(x):
    return _0 if x < _0 else x


@function(contract=True)
def _elu(x):
    return x if x > _0 else elementary.expm1(x)


@function(contract=True)
def _lelu(x):
    return x if x > _0 else np.float32(0.005) * x


@function(contract=True)
def _selu(x):  # Klambauer et al. 2017, equation 2; the constants are λ and λα
    return np.float32(1.050701) * x if x > _0 else np.float32(1.7580993) * elementary.expm1(x)


@function(contract=True)
def _softplus(x):
    # ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), where nothing overflows
    return _relu(x) + elementary.log1p(elementary.exp(-abs(x)))


@function(contract=True)
def _identity(x):
    return x


@function(contract=True)
def _clamped(x):
    return _clip(x, _1)


@function(contract=True)
def _inv(x):
    return _0 if x == _0 else _1 / x


@function(contract=True)
def _log(x):
    return elementary.log(np.float32(1e-7) if x < np.float32(1e-7) else x)


@function(contract=True)
def _exp(x):
    return elementary.exp(_clip(x, np.float32(60.0)))


@function(contract=True)
def _abs(x):
    return abs(x)


@function(contract=True)
def _hat(x):
    return _relu(_1 - abs(x))


@function(contract=True)
def _square(x):
    return x * x


@function(contract=True)
def _cube(x):
    return x * x * x


@function(contract=True)
def _step(x):
    result = _1 if x > _0 else _0
    return result if x == x else x  # NaN is returned


@function(contract=True)
def _scaled_sigmoid(x):
    return _sigmoid(_clip(np.float32(5.0) * x, np.float32(60.0)))


@function(contract=True)
def _scaled_tanh(x):
    return elementary.tanh(_clip(np.float32(2.5) * x, np.float32(60.0)))


@function(contract=True)
def _scaled_sin(x):
    return elementary.sin(_clip(np.float32(5.0) * x, np.float32(60.0)))


@function(contract=True)
def _scaled_gauss(x):
    z = _clip(x, np.float32(3.4))
    return elementary.exp(np.float32(-5.0) * z * z)


@function(contract=True)
def _scaled_softplus(x):
    return np.float32(0.2) * _softplus(_clip(np.float32(5.0) * x, np.float32(60.0)))


# Append new entries. Formulas shared with neat-python follow its activations.py, version 2.1.
ACTIVATIONS = (
    Activation("sigmoid", _sigmoid, "1 / (1 + exp(-x))", low=0.0),
    Activation("tanh", elementary.tanh, "tanh(x)"),
    Activation("relu", _relu, "max(x, 0)", low=0.0),
    Activation("identity", _identity, "x"),
    Activation("steepened_sigmoid", _steepened_sigmoid, "1 / (1 + exp(-4.9 * x))", low=0.0),
    Activation("gauss", _gauss, "exp(-(x**2))", low=0.0),
    Activation("sin", elementary.sin, "sin(x)"),
    Activation("cos", elementary.cos, "cos(x)"),
    Activation("elu", _elu, "x if x > 0 else expm1(x)"),
    Activation("lelu", _lelu, "x if x > 0 else 0.005 * x"),
    Activation("selu", _selu, "1.0507009873554805 * x if x > 0 else 1.7580993408473766 * expm1(x)"),
    Activation("softplus", _softplus, "max(x, 0) + log1p(exp(-abs(x)))", low=0.0),
    Activation("step", _step, "1 if x > 0 else 0", low=0.0),
    Activation("clamped", _clamped, "max(min(x, 1), -1)"),
    Activation("inv", _inv, "0 if x == 0 else 1 / x"),
    Activation("log", _log, "log(max(x, 1e-7))"),
    Activation("exp", _exp, "exp(max(min(x, 60), -60))", low=0.0),
    Activation("abs", _abs, "abs(x)", low=0.0),
    Activation("hat", _hat, "max(1 - abs(x), 0)", low=0.0),
    Activation("square", _square, "x**2", low=0.0),
    Activation("cube", _cube, "x**3"),
    Activation("scaled_sigmoid", _scaled_sigmoid, "1 / (1 + exp(-max(min(5 * x, 60), -60)))", low=0.0),
    Activation("scaled_tanh", _scaled_tanh, "tanh(max(min(2.5 * x, 60), -60))"),
    Activation("scaled_sin", _scaled_sin, "sin(max(min(5 * x, 60), -60))"),
    Activation("scaled_gauss", _scaled_gauss, "exp(-5 * min(abs(x), 3.4) ** 2)", low=0.0),
    Activation(
        "scaled_softplus",
        _scaled_softplus,
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
    total = _0
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
