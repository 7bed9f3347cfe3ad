"""The table of activations and aggregations: what each name means, for every backend, exporter and picture.

A node computes `activation(bias + response * aggregation(weight * value, …))`. Genomes keep positions in
these tables, files keep names. `register_activation` and `register_aggregation` add a person's own functions.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import types

from neat.kernels import elementary, jit
from neat.kernels.freezing import freeze
from neat.kernels.jit import function
from neat.support.messages import cut, nearest, shown

# Populations keep positions as uint8.
_MOST_ENTRIES = 256

_0 = np.float32(0.0)
_1 = np.float32(1.0)


class Activation(NamedTuple):
    """An activation: float32 to float32.

    Attributes:
        name: What genomes and configs call it.
        function: Jitted scalar function of one float32.
        formula: The same as a Python expression in `x`, with exp, log, sin, cos, tanh, abs, min and max.
        low: The range that actions are scaled from: the function's own where that is bounded, otherwise its part
            from −1 or 0 to 1.
        high: Its other end.
        checked: A registered function with the indices of arrays checked, for the CPU; None for this library's own.
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
        function: Jitted. If `fold`, a function of two float32, the aggregate so far (at first the first
            value) and the next value; otherwise a function of all values, a float32 array to overwrite at will.
        formula: The same as a Python expression in `values`, a list.
        fold: Which of the two `function` is.
        checked: As in an Activation.
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
    return result if x == x else x  # NaN stays


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


# New entries go to the end. neat-python's formulas are those of its activations.py, version 2.1.
ACTIVATIONS: list[Activation] = [
    Activation("sigmoid", _sigmoid, "1 / (1 + exp(-x))", low=0.0),
    Activation("tanh", elementary.tanh, "tanh(x)"),
    Activation("relu", _relu, "max(x, 0)", low=0.0),
    Activation("identity", _identity, "x"),
    Activation("steepened_sigmoid", _steepened_sigmoid, "1 / (1 + exp(-4.9 * x))", low=0.0),
    Activation("gauss", _gauss, "exp(-(x**2))", low=0.0),
    Activation("sin", elementary.sin, "sin(x)"),
    Activation("cos", elementary.cos, "cos(x)"),
    Activation("elu", _elu, "x if x > 0 else exp(x) - 1"),
    Activation("lelu", _lelu, "x if x > 0 else 0.005 * x"),
    Activation(
        "selu",
        _selu,
        "1.0507009873554805 * x if x > 0 else 1.0507009873554805 * 1.6732632423543772 * (exp(x) - 1)",
    ),
    Activation("softplus", _softplus, "log(1 + exp(x))", low=0.0),
    Activation("step", _step, "1 if x > 0 else 0", low=0.0),
    Activation("clamped", _clamped, "max(-1, min(1, x))"),
    Activation("inv", _inv, "1 / x if x != 0 else 0"),
    Activation("log", _log, "log(max(1e-7, x))"),
    Activation("exp", _exp, "exp(max(-60, min(60, x)))", low=0.0),
    Activation("abs", _abs, "abs(x)", low=0.0),
    Activation("hat", _hat, "max(0, 1 - abs(x))", low=0.0),
    Activation("square", _square, "x**2", low=0.0),
    Activation("cube", _cube, "x**3"),
    Activation("scaled_sigmoid", _scaled_sigmoid, "1 / (1 + exp(-max(-60, min(60, 5 * x))))", low=0.0),
    Activation("scaled_tanh", _scaled_tanh, "tanh(max(-60, min(60, 2.5 * x)))"),
    Activation("scaled_sin", _scaled_sin, "sin(max(-60, min(60, 5 * x)))"),
    Activation("scaled_gauss", _scaled_gauss, "exp(-5 * max(-3.4, min(3.4, x)) ** 2)", low=0.0),
    Activation("scaled_softplus", _scaled_softplus, "log(1 + exp(max(-60, min(60, 5 * x)))) / 5", low=0.0),
]


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
    # Shell's sort (1959): short, in place, and quick enough for hundreds of values.
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


AGGREGATIONS: list[Aggregation] = [
    Aggregation("sum", _add, "sum(values)", fold=True),
    Aggregation("product", _multiply, "prod(values)", fold=True),
    Aggregation("max", _larger, "max(values)", fold=True),
    Aggregation("min", _smaller, "min(values)", fold=True),
    Aggregation("maxabs", _farther_from_zero, "max(values, key=abs)", fold=True),
    Aggregation("median", _median, "median(values)", fold=False),
    Aggregation("mean", _mean, "mean(values)", fold=False),
]

BUILT_IN_ACTIVATIONS = len(ACTIVATIONS)
BUILT_IN_AGGREGATIONS = len(AGGREGATIONS)


def activation_index(name: str) -> int:
    """Position of an activation in ACTIVATIONS; ValueError if there is none of that name."""
    return _position("activation", ACTIVATIONS, name)


def aggregation_index(name: str) -> int:
    """Position of an aggregation in AGGREGATIONS; ValueError if there is none of that name."""
    return _position("aggregation", AGGREGATIONS, name)


def register_activation(name: str, python_function: Callable[[Any], Any]) -> None:
    """Add an activation, for this process.

    The function keeps the constants that it reads now. To register the same again does nothing.

    Args:
        name: A new name.
        python_function: A function of one float32 that gives a number, such as `lambda x: x * x - 1`, plain
            or jitted. numba must be able to compile it; `math`'s functions can be used.

    Raises:
        ValueError: The name is taken, or this is no such function.
    """
    _check_new("activation", ACTIVATIONS[:BUILT_IN_ACTIVATIONS], name, python_function)
    jitted = _jit(python_function)
    checked = freeze(jitted, check_indices=True)
    entry = Activation(name, _giving_float32(jitted), f"{name}(x)", checked=_giving_float32(checked))
    if _is_new("activation", ACTIVATIONS[BUILT_IN_ACTIVATIONS:], entry):
        _check_compiles("activation", name, jitted, (types.float32,), "one float32")
        _check_works("activation", name, checked, np.array([-1000, -1, -0.3, 0, 0.3, 1, 1000], np.float32))
        ACTIVATIONS.append(entry)


def register_aggregation(name: str, python_function: Callable[[Any], Any]) -> None:
    """Add an aggregation, for this process.

    The function keeps the constants that it reads now. To register the same again does nothing.

    Args:
        name: A new name.
        python_function: A function of the weighted inputs of a node, a float32 array of shape (inputs,) with
            at least one element, that gives a number, such as
            `lambda values: np.sqrt((values * values).sum())`, plain or jitted. numba must be able to compile
            it. For a GPU, it cannot make arrays, as `values * values` does, but loop over the values.

    Raises:
        ValueError: The name is taken, or this is no such function.
    """
    _check_new("aggregation", AGGREGATIONS[:BUILT_IN_AGGREGATIONS], name, python_function)
    jitted = _jit(python_function)
    checked = freeze(jitted, check_indices=True)
    entry = Aggregation(name, _giving_float32(jitted), f"{name}(values)", False, _giving_float32(checked))
    if _is_new("aggregation", AGGREGATIONS[BUILT_IN_AGGREGATIONS:], entry):
        _check_compiles("aggregation", name, jitted, (types.float32[::1],), "a float32 array")
        _check_works(
            "aggregation", name, checked, [np.linspace(-1, 1, k, dtype=np.float32) for k in (1, 2, 3, 99)]
        )
        AGGREGATIONS.append(entry)


def name_of_table(activations: int, aggregations: int) -> str:
    """Part of the names of builds that hold the first so many of both: their numbers, and which a person has added.

    So builds for different additions lie beside each other on disk, until numba's cache is deleted.
    """
    own = [entry.name for entry in ACTIVATIONS[BUILT_IN_ACTIVATIONS:activations]]
    own += [entry.name for entry in AGGREGATIONS[BUILT_IN_AGGREGATIONS:aggregations]]
    sizes = f"{activations}-{aggregations}"
    return f"{sizes}-{hashlib.sha256(repr(own).encode()).hexdigest()[:8]}" if own else sizes


def _position(kind: str, table: Sequence[Activation | Aggregation], name: str) -> int:
    for position, entry in enumerate(table):
        if entry.name == name:
            return position
    known = [entry.name for entry in table]
    meant = nearest(name, known)
    hint = f" (did you mean {meant}?)" if meant else ""
    raise ValueError(f"{kind} {shown(name)} is not known{hint}; known are: {cut(', '.join(known), 1000)}")


def _check_new(kind: str, table: Sequence[Activation | Aggregation], name: Any, python_function: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"{kind} name: expected letters, digits and underscores, got {shown(name)}")
    if name == "random":
        raise ValueError(f"{kind} 'random': the word means a draw from the options")
    if any(entry.name == name for entry in table):
        raise ValueError(f"{kind} {shown(name)} exists already")
    if not inspect.isfunction(python_function) and not hasattr(python_function, "py_func"):
        raise ValueError(
            f"{kind} {shown(name)}: expected a function written in Python, plain or jitted, "
            f"got {shown(python_function)}"
        )


def _giving_float32(jitted: Any) -> Any:
    @function(contract=True)
    def convert(x):
        return np.float32(jitted(x))

    return convert


def _is_new(kind: str, own: Sequence[Activation | Aggregation], entry: Activation | Aggregation) -> bool:
    """Whether a user has registered nothing of this name; ValueError for another function or a full table."""
    for known in own:
        if known.name == entry.name:
            if jit.fingerprint(known.function) == jit.fingerprint(entry.function):
                return False
            raise ValueError(
                f"{kind} {entry.name!r} exists already with other code or other constants; genomes may have it, so "
                "give the new one another name, or start Python anew"
            )
    if len(ACTIVATIONS if kind == "activation" else AGGREGATIONS) == _MOST_ENTRIES:
        raise ValueError(f"{kind} {entry.name!r}: there can be {_MOST_ENTRIES} at most")
    return True


def _jit(python_function: Callable[..., Any]) -> Any:
    frozen = freeze(python_function)
    return frozen if hasattr(frozen, "py_func") else jit.function(frozen)


def _check_compiles(kind: str, name: str, jitted: Any, arguments: tuple[Any, ...], takes: str) -> None:
    if not hasattr(jitted, "compile"):
        return  # numba's compiler is switched off
    try:
        with jit.keeping_interruptions():
            jitted.compile(arguments)
        returned = jitted.overloads[arguments].signature.return_type
    except Exception as error:  # numba raises more than its own errors
        raise ValueError(
            f"{kind} {shown(name)}: numba cannot compile it as a function of {takes}: {cut(jit.cause(error), 500)}"
        ) from None
    if not isinstance(returned, types.Float | types.Integer | types.Boolean):
        raise ValueError(
            f"{kind} {shown(name)}: expected a function that gives a number, it gives {cut(str(returned), 500)}"
        )


def _check_works(kind: str, name: str, checked: Any, arguments: Iterable[Any]) -> None:
    """This compiles it too, here where it may make arrays: a kernel that calls it may not."""
    for argument in arguments:
        try:
            checked(argument)
        except Exception as error:
            raise ValueError(
                f"{kind} {shown(name)}: {type(error).__name__}: {cut(jit.cause(error), 500)}"
            ) from None
