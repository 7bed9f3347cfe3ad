"""The table of activations and aggregations: what each name means, for every backend, exporter and picture.

A node computes `activation(bias + response * aggregation(weight * value, …))`. Genomes keep positions in
these tables, files keep names. `neat.built_in_functions` defines what is in the tables from the beginning;
`register_activation` and `register_aggregation` add user-defined functions.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numba import types

from neat import built_in_functions
from neat.built_in_functions import Activation, Aggregation
from neat.kernels import jit
from neat.kernels.fingerprint import fingerprint
from neat.kernels.freezing import freeze
from neat.kernels.jit import function
from neat.support.messages import cut, nearest, shown

# Populations keep positions as uint8.
_MOST_ENTRIES = 256

ACTIVATIONS: list[Activation] = [*built_in_functions.ACTIVATIONS]
AGGREGATIONS: list[Aggregation] = [*built_in_functions.AGGREGATIONS]

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
    """Whether a user has registered nothing of this name.

    Raises:
        ValueError: There is another function of this name, the table is full, or no fingerprint can be taken.
    """
    tag = fingerprint(entry.function)
    for known in own:
        if known.name == entry.name:
            if fingerprint(known.function) == tag:
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
