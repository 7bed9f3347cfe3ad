"""The activations of `neat.activations` that have a useful derivative, as operations."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.operations.elementwise import operands
from evaluators.gradient.tensor.tensor import Tensor, record
from neat.activations import ACTIVATIONS, activation_index
from neat.kernels.elementwise import on_arrays

DIFFERENTIABLE = tuple(entry.name for entry in ACTIVATIONS if entry.slope is not None)


def check_differentiable(name: str) -> None:
    """Raise ValueError unless the activation is in `neat.activations` and has a useful derivative."""
    if ACTIVATIONS[activation_index(name)].slope is None:
        known = ", ".join(DIFFERENTIABLE)
        raise ValueError(f"activation {name!r} has no derivative to train with; those that have: {known}")


@functools.cache
def _value_and_slope(
    name: str, xp: Any, dtype: np.dtype[Any]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the activation, and its derivative as a function of its argument and its value, on arrays."""
    check_differentiable(name)
    entry = ACTIVATIONS[activation_index(name)]
    assert entry.slope is not None
    return on_arrays(entry.function, xp, dtype), on_arrays(entry.slope, xp, dtype)


def activate(name: str, x: Any) -> Tensor:
    """Apply an activation of `neat.activations`, by name, to each element."""
    (x,) = operands(name, x)
    values = x._data
    value, slope = _value_and_slope(name, namespace(values), values.dtype)
    y = value(values)
    return record(name, y, (x,), lambda g: (g * slope(values, y),), is_view=y is values)


def sigmoid(x: Any) -> Tensor:
    """Return 1 / (1 + e^−x)."""
    return activate("sigmoid", x)


def tanh(x: Any) -> Tensor:
    """Return the hyperbolic tangent."""
    return activate("tanh", x)


def relu(x: Any) -> Tensor:
    """Return max(x, 0)."""
    return activate("relu", x)
