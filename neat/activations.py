"""Hold the tables of activations and aggregations, which define each name for all engines, exporters and figures.

A node computes `activation(bias + response * aggregation(weight * value, …))`. Genomes store positions in the tables,
files store names. `neat.node_functions` defines the built-in functions; `register_activation` and
`register_aggregation` add user-defined ones.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numba import types

from neat import node_functions
from neat.kernels import jit
from neat.kernels.fingerprint import fingerprint
from neat.kernels.jit import bind_globals, function
from neat.kernels.user_functions import freeze
from neat.node_functions import Activation, Aggregation
from neat.support.messages import find_similar, quote, shorten

user_function: Any = None  # a jitted one, to which copies of `_to_float32` are bound

# Populations store positions as uint8.
_MOST_ENTRIES = 256

ACTIVATIONS: list[Activation] = [*node_functions.ACTIVATIONS]
AGGREGATIONS: list[Aggregation] = [*node_functions.AGGREGATIONS]

BUILT_IN_ACTIVATIONS = len(ACTIVATIONS)
BUILT_IN_AGGREGATIONS = len(AGGREGATIONS)


def activation_index(name: str) -> int:
    """Return the position of an activation in ACTIVATIONS; raise ValueError for an unknown name."""
    return _find_position("activation", ACTIVATIONS, name)


def aggregation_index(name: str) -> int:
    """Return the position of an aggregation in AGGREGATIONS; raise ValueError for an unknown name."""
    return _find_position("aggregation", AGGREGATIONS, name)


def register_activation(name: str, python_function: Callable[[Any], Any]) -> None:
    """Add an activation to this process.

    Later changes of constants that the function reads have no effect. Registering the same function again does nothing.

    Args:
        name: A new name.
        python_function: A function of one float32 that returns a number, such as `lambda x: x * x - 1`, plain
            or jitted. numba must be able to compile it; it can call functions of `math`.

    Raises:
        ValueError: The name is taken, or the function is not as described.
    """
    _check_arguments("activation", ACTIVATIONS[:BUILT_IN_ACTIVATIONS], name, python_function)
    jitted = _jit(python_function)
    checked = freeze(jitted, check_indices=True)
    entry = Activation(name, _return_float32(jitted), checked=_return_float32(checked))
    if _is_new("activation", ACTIVATIONS[BUILT_IN_ACTIVATIONS:], entry):
        _check_compiles("activation", name, jitted, (types.float32,), "one float32")
        _check_calls("activation", name, checked, np.array([-1000, -1, -0.3, 0, 0.3, 1, 1000], np.float32))
        ACTIVATIONS.append(entry)


def register_aggregation(name: str, python_function: Callable[[Any], Any]) -> None:
    """Add an aggregation to this process.

    Later changes of constants that the function reads have no effect. Registering the same function again does nothing.

    Args:
        name: A new name.
        python_function: A function that takes the weighted inputs of a node, a float32 array of shape (inputs,) with
            at least one element, and returns a number, such as
            `lambda values: np.sqrt((values * values).sum())`, plain or jitted. numba must be able to compile
            it. On a GPU, it must loop over the values, because it cannot make arrays as `values * values` does.

    Raises:
        ValueError: The name is taken, or the function is not as described.
    """
    _check_arguments("aggregation", AGGREGATIONS[:BUILT_IN_AGGREGATIONS], name, python_function)
    jitted = _jit(python_function)
    checked = freeze(jitted, check_indices=True)
    entry = Aggregation(name, _return_float32(jitted), False, _return_float32(checked))
    if _is_new("aggregation", AGGREGATIONS[BUILT_IN_AGGREGATIONS:], entry):
        _check_compiles("aggregation", name, jitted, (types.float32[::1],), "a float32 array")
        _check_calls(
            "aggregation", name, checked, [np.linspace(-1, 1, k, dtype=np.float32) for k in (1, 2, 3, 99)]
        )
        AGGREGATIONS.append(entry)


def name_tables(activations: int, aggregations: int) -> str:
    """Return the part of a build's name that identifies the first entries of both tables.

    It has their numbers, and a digest of the names of user-defined entries. Builds for different user-defined
    functions are thus different files in numba's cache.
    """
    own = [entry.name for entry in ACTIVATIONS[BUILT_IN_ACTIVATIONS:activations]]
    own += [entry.name for entry in AGGREGATIONS[BUILT_IN_AGGREGATIONS:aggregations]]
    sizes = f"{activations}-{aggregations}"
    return f"{sizes}-{hashlib.sha256(repr(own).encode()).hexdigest()[:8]}" if own else sizes


def _find_position(kind: str, table: Sequence[Activation | Aggregation], name: str) -> int:
    known = [entry.name for entry in table]
    if isinstance(name, str) and name in known:
        return known.index(name)
    meant = find_similar(name, known)
    hint = f" (did you mean {meant}?)" if meant else ""
    raise ValueError(f"{kind} {quote(name)} is not known{hint}; known are: {shorten(', '.join(known), 1000)}")


def _check_arguments(
    kind: str, table: Sequence[Activation | Aggregation], name: Any, python_function: Any
) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"{kind} name: expected letters, digits and underscores, got {quote(name)}")
    if name == "random":
        raise ValueError(f"{kind} 'random': the name is reserved for a draw from the options")
    if any(entry.name == name for entry in table):
        raise ValueError(f"{kind} {quote(name)} exists already")
    if not inspect.isfunction(python_function) and not hasattr(python_function, "py_func"):
        raise ValueError(
            f"{kind} {quote(name)}: expected a function written in Python, plain or jitted, "
            f"got {quote(python_function)}"
        )


def _to_float32(x):
    return np.float32(user_function(x))


def _return_float32(jitted: Any) -> Any:
    """Return a jitted function that returns what another returns, as float32."""
    return function(contract=True)(bind_globals(_to_float32, user_function=jitted))


def _is_new(kind: str, own: Sequence[Activation | Aggregation], entry: Activation | Aggregation) -> bool:
    """Return whether no function of this name is registered yet.

    Raises:
        ValueError: Another function has this name, the table is full, or the function has no fingerprint.
    """
    tag = fingerprint(entry.function)
    for known in own:
        if known.name == entry.name:
            if fingerprint(known.function) == tag:
                return False
            raise ValueError(
                f"{kind} {entry.name!r} exists already with other code or other constants; genomes may use it, so "
                "choose another name or restart Python"
            )
    if len(ACTIVATIONS if kind == "activation" else AGGREGATIONS) == _MOST_ENTRIES:
        raise ValueError(f"{kind} {entry.name!r}: the table can have at most {_MOST_ENTRIES} entries")
    return True


def _jit(python_function: Callable[..., Any]) -> Any:
    frozen = freeze(python_function)
    return frozen if hasattr(frozen, "py_func") else jit.function(frozen)


def _check_compiles(kind: str, name: str, jitted: Any, arguments: tuple[Any, ...], takes: str) -> None:
    if not hasattr(jitted, "compile"):
        return  # numba's compiler is disabled
    try:
        with jit.compiling():
            jitted.compile(arguments)
        returned = jitted.overloads[arguments].signature.return_type
    except Exception as error:  # numba also raises exceptions that are not its own
        reason = shorten(jit.summarise_numba_error(error), 500)
        raise ValueError(
            f"{kind} {quote(name)}: numba cannot compile it as a function of {takes}: {reason}"
        ) from None
    if not isinstance(returned, types.Float | types.Integer | types.Boolean):
        raise ValueError(
            f"{kind} {quote(name)}: expected a function that returns a number, not {shorten(str(returned), 500)}"
        )


def _check_calls(kind: str, name: str, checked: Any, arguments: Iterable[Any]) -> None:
    """Call the checked function. This compiles it with arrays allowed, which a kernel that calls it cannot do."""
    for argument in arguments:
        try:
            checked(argument)
        except Exception as error:
            raise ValueError(
                f"{kind} {quote(name)}: {type(error).__name__}: {shorten(jit.summarise_numba_error(error), 500)}"
            ) from None
