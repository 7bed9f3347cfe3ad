"""Losses: each reduces the outputs of a batch to one number, the mean over its samples.

With weights, the mean is weighted: Σ w l / Σ w.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from evaluators.class_targets import check_probabilities, one_hot
from evaluators.gradient.checks import check_non_negative, check_positive
from evaluators.gradient.tensor import operations
from evaluators.gradient.tensor.device_arrays import (
    along_samples,
    arrays_holding,
    namespace,
    to_floats,
    to_numbers,
    to_weights,
)
from evaluators.gradient.tensor.operations.indexing import check_index
from evaluators.gradient.tensor.tensor import Tensor, record
from evaluators.program.loss import ABSOLUTE_ERROR, BINARY_CROSS_ENTROPY, HUBER, SQUARED_ERROR, Definition
from neat.kernels.elementwise import on_arrays


def mean_squared(outputs: Tensor, targets: Any, sample_weights: Any = None) -> Tensor:
    """Return the mean of (z − t)² over samples and outputs.

    Args:
        outputs: z, shape (samples, …).
        targets: t, an array of the same shape.
        sample_weights: Array of shape (samples,), none below 0.

    Raises:
        ValueError: The shapes do not fit, the batch is empty, or a target or weight is not allowed.
    """
    return _error_loss("mean_squared", outputs, targets, sample_weights, SQUARED_ERROR)


def mean_absolute(outputs: Tensor, targets: Any, sample_weights: Any = None) -> Tensor:
    """Return the mean of |z − t| over samples and outputs; takes and raises what `mean_squared` does."""
    return _error_loss("mean_absolute", outputs, targets, sample_weights, ABSOLUTE_ERROR)


def huber(outputs: Tensor, targets: Any, delta: float = 1.0, sample_weights: Any = None) -> Tensor:
    """Return the mean of e² / 2 where |e| <= delta, else of delta · (|e| − delta / 2) (Huber 1964).

    The error e is z − t; the other arguments and errors are those of `mean_squared`.

    Raises:
        ValueError: `delta` is not above 0.
    """
    return _error_loss("huber", outputs, targets, sample_weights, HUBER, check_positive("delta", delta))


def _error_loss(
    name: str, outputs: Tensor, targets: Any, sample_weights: Any, definition: Definition, *arguments: float
) -> Tensor:
    z = _data(name, outputs)
    error = z - _targets(name, targets, z, z.shape)
    value, slope = (function(error, *arguments) for function in _on_arrays(definition, z))
    weight = _sample_weights(name, sample_weights, z)
    if weight is None:
        return record(name, value.mean(), (outputs,), lambda g: (slope * (g / z.size),))
    weight = along_samples(weight, z)
    total = weight.sum() * (z.size // len(z))
    return record(
        name, (weight * value).sum() / total, (outputs,), lambda g: (slope * (weight * (g / total)),)
    )


def softmax_cross_entropy(
    logits: Tensor, targets: Any, sample_weights: Any = None, class_weights: Any = None
) -> Tensor:
    """Return the mean over samples of −Σ t ln softmax(z), without overflow.

    A sample's weight is sample_weights · Σ class_weights · t; class weights multiply the terms of the sum.

    Args:
        logits: z, shape (…, classes).
        targets: Integer labels of shape (…), or one-hot or soft targets t of the logits' shape.
        sample_weights: Array of shape (…), none below 0.
        class_weights: Array of shape (classes,), none below 0.

    Raises:
        ValueError: The shapes do not fit, the batch is empty, a label is out of range, or a number is not allowed.
    """
    name = "softmax_cross_entropy"
    z = _data(name, logits)
    xp = namespace(z)
    t = _class_targets(name, targets, z)
    if class_weights is not None:
        t = t * _weights(name, "class_weights", class_weights, z, z.shape[-1:])
    weight = _sample_weights(name, sample_weights, z, z.shape[:-1])
    if weight is not None:
        t = t * weight[..., np.newaxis]
    mass = t.sum(axis=-1, keepdims=True)
    # Without weights, the divisor is the number of samples, even if a row of targets does not sum to 1.
    total = mass.sum() if weight is not None or class_weights is not None else z.size // z.shape[-1]
    shifted = z - z.max(axis=-1, keepdims=True)
    power = xp.exp(shifted)
    powers = power.sum(axis=-1, keepdims=True)

    def backward(g: Any) -> tuple[Any]:
        return ((power * (mass / powers) - t) * (g / total),)

    value = (mass * xp.log(powers)).sum() - (t * shifted).sum()
    return record(name, value / total, (logits,), backward)


def kl_divergence(logits: Tensor, targets: Any, sample_weights: Any = None) -> Tensor:
    """Return the mean over samples of Σ t (ln t − ln softmax(z)); see `softmax_cross_entropy` for the arguments."""
    z = _data("kl_divergence", logits)
    xp = namespace(z)
    t = _class_targets("kl_divergence", targets, z)
    entropy = -(t * xp.log(xp.where(t > 0, t, 1).astype(z.dtype))).sum(axis=-1)
    weight = _sample_weights("kl_divergence", sample_weights, z, z.shape[:-1])
    mean = entropy.mean() if weight is None else (weight * entropy).sum() / weight.sum()
    return softmax_cross_entropy(logits, targets, sample_weights) - float(mean)


def binary_cross_entropy(
    logits: Tensor, targets: Any, sample_weights: Any = None, class_weights: Any = None
) -> Tensor:
    """Return the mean over samples and outputs of −t ln σ(z) − (1 − t) ln σ(−z), without overflow.

    Args:
        logits: z, shape (samples, …).
        targets: t in [0, 1], of the same shape.
        sample_weights: Array of shape (samples,), none below 0.
        class_weights: Weights of t = 0 and t = 1, array of shape (2,), none below 0.

    Raises:
        ValueError: The shapes do not fit, the batch is empty, or a number is not allowed.
    """
    name = "binary_cross_entropy"
    z = _data(name, logits)
    t = _targets(name, targets, z, z.shape)
    check_probabilities(f"{name}: targets", t)
    positive, negative = t, 1 - t
    if class_weights is not None:
        both = _weights(name, "class_weights", class_weights, z, (2,))
        positive, negative = t * both[1], negative * both[0]
    weight = _sample_weights(name, sample_weights, z)
    if weight is not None:
        weight = along_samples(weight, z)
        positive, negative = positive * weight, negative * weight
    total = z.size if weight is None and class_weights is None else (positive + negative).sum()
    value, slope = _on_arrays(BINARY_CROSS_ENTROPY, z)

    def backward(g: Any) -> tuple[Any]:
        return (slope(z, positive, negative) * (g / total),)

    return record(name, value(z, positive, negative).sum() / total, (logits,), backward)


def l1(parameters: Iterable[Tensor], strength: float) -> Tensor:
    """Return strength · Σ |w| over all parameters, a penalty to add to a loss."""
    return _penalty("l1", parameters, strength, lambda w: operations.absolute(w).sum())


def l2(parameters: Iterable[Tensor], strength: float) -> Tensor:
    """Return strength · Σ w² over all parameters, a penalty to add to a loss."""
    return _penalty("l2", parameters, strength, lambda w: (w * w).sum())


def _penalty(
    name: str, parameters: Iterable[Tensor], strength: float, size: Callable[[Tensor], Tensor]
) -> Tensor:
    strength = check_non_negative("strength", strength)
    sizes = [size(parameter) for parameter in parameters]
    if not sizes:
        raise ValueError(f"{name}: expected at least one parameter, got none")
    return sum(sizes[1:], sizes[0]) * strength


def _on_arrays(definition: Definition, z: Any) -> list[Callable[..., Any]]:
    """Return the value and the slope of a loss as functions of arrays like `z`."""
    return [on_arrays(each, namespace(z), z.dtype) for each in definition]


def _data(name: str, outputs: Any) -> Any:
    if not isinstance(outputs, Tensor):
        raise ValueError(f"{name}: expected outputs that are a Tensor, got {type(outputs).__name__}")
    return outputs._data


def _targets(name: str, targets: Any, like: Any, shape: tuple[int, ...]) -> Any:
    """Return a copy of the targets with the dtype and device of `like`; ValueError if shape or numbers are wrong."""
    if isinstance(targets, Tensor):
        if targets.requires_grad:
            raise ValueError(f"{name}: targets must not require gradients")
        targets = targets._data
    array = to_numbers(f"{name}: targets", targets, arrays_holding(like))
    if array.shape != shape:
        raise ValueError(f"{name}: outputs of shape {shape} and targets of shape {array.shape} do not fit")
    if like.size == 0:
        raise ValueError(f"{name}: expected at least one sample, got outputs of shape {shape}")
    # A copy, since the caller may change its array before `backward`.
    return to_floats(f"{name}: targets", array, like.dtype, arrays_holding(like))


def _class_targets(name: str, targets: Any, z: Any) -> Any:
    """Return the probability of each class, an array of the logits' shape."""
    if z.ndim == 0 or z.size == 0:
        raise ValueError(f"{name}: expected logits of at least one sample and class, got shape {z.shape}")
    given = targets._data if isinstance(targets, Tensor) else targets
    if np.shape(given) != z.shape[:-1]:
        t = _targets(name, targets, z, z.shape)
        check_probabilities(f"{name}: targets", t)
        return t
    labels = check_index(f"{name}: labels", given, z.shape[:-1], z.shape[-1], z)
    return one_hot(labels, z.shape[-1], namespace(z), z.dtype)


def _sample_weights(name: str, weights: Any, like: Any, shape: tuple[int, ...] | None = None) -> Any:
    shape = like.shape[:1] if shape is None else shape
    return None if weights is None else _weights(name, "sample_weights", weights, like, shape)


def _weights(name: str, which: str, weights: Any, like: Any, shape: tuple[int, ...]) -> Any:
    return to_weights(f"{name}: {which}", weights, shape, like.dtype, arrays_holding(like))
