"""Sums, means, extremes and softmax."""

from __future__ import annotations

import math
from typing import Any

from numpy.lib.array_utils import normalize_axis_tuple

from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.operations.elementwise import operands
from evaluators.gradient.tensor.tensor import Tensor, record, tensor_method

Axis = int | tuple[int, ...] | None


def normalise_axes(operation: str, x: Tensor, axis: Axis) -> tuple[int, ...]:
    """Return axes counted from 0, all if `axis` is None; ValueError if the tensor lacks one, or one is given twice."""
    if axis is None:
        return tuple(range(x.ndim))
    try:
        return normalize_axis_tuple(axis, x.ndim)
    except (TypeError, ValueError):
        raise ValueError(f"{operation}: axis {axis} does not fit shape {x.shape}") from None


def _keepdims_shape(x: Tensor, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if k in axes else n for k, n in enumerate(x.shape))


@tensor_method
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the sum over axes, by default all."""
    (x,) = operands("sum", x)
    axes = normalise_axes("sum", x, axis)
    xp, kept = namespace(x._data), _keepdims_shape(x, axes)
    data = x._data.sum(axis=axes, keepdims=keepdims)
    return record("sum", data, (x,), lambda g: (xp.broadcast_to(g.reshape(kept), x.shape),))


@tensor_method
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean over axes, by default all; ValueError if there are no elements."""
    (x,) = operands("mean", x)
    axes = normalise_axes("mean", x, axis)
    count = math.prod(x.shape[k] for k in axes)
    if count == 0:
        raise ValueError(f"mean: expected at least one element, got shape {x.shape} over axis {axis}")
    xp, kept = namespace(x._data), _keepdims_shape(x, axes)
    data = x._data.mean(axis=axes, keepdims=keepdims)
    return record("mean", data, (x,), lambda g: (xp.broadcast_to(g.reshape(kept) / count, x.shape),))


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest element over axes, by default all; several largest elements share the gradient equally."""
    return _extreme("max", x, axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the smallest element over axes, by default all; several smallest elements share the gradient equally."""
    return _extreme("min", x, axis, keepdims)


def _extreme(operation: str, x: Any, axis: Axis, keepdims: bool) -> Tensor:
    (x,) = operands(operation, x)
    axes = normalise_axes(operation, x, axis)
    if x._data.size == 0:
        raise ValueError(f"{operation}: expected at least one element, got shape {x.shape}")
    data = getattr(x._data, operation)(axis=axes, keepdims=keepdims)
    kept = _keepdims_shape(x, axes)

    def backward(g: Any) -> tuple[Any]:
        among = x._data == data.reshape(kept)
        share = g.reshape(kept) / among.sum(axis=axes, keepdims=True).astype(x.dtype)
        return (among * share,)

    return record(operation, data, (x,), backward)


def softmax(x: Any, axis: int = -1) -> Tensor:
    """Return e^x / Σ e^x along an axis."""
    (x,) = operands("softmax", x)
    axes = normalise_axes("softmax", x, axis)
    e = namespace(x._data).exp(x._data - x._data.max(axis=axes, keepdims=True))
    y = e / e.sum(axis=axes, keepdims=True)
    return record("softmax", y, (x,), lambda g: (y * (g - (g * y).sum(axis=axes, keepdims=True)),))


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """Return x − ln Σ e^x along an axis, without overflow."""
    (x,) = operands("log_softmax", x)
    axes = normalise_axes("log_softmax", x, axis)
    xp = namespace(x._data)
    y = x._data - x._data.max(axis=axes, keepdims=True)
    y -= xp.log(xp.exp(y).sum(axis=axes, keepdims=True))
    return record("log_softmax", y, (x,), lambda g: (g - xp.exp(y) * g.sum(axis=axes, keepdims=True),))
