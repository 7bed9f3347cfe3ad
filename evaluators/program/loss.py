"""The named losses of `Supervised`, added up over samples in float64.

`evaluators.gradient.losses` takes the definitions of the losses from here (see `neat.kernels.elementwise`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from neat.kernels import elementary
from neat.kernels.elementwise import clip, compiled, exp, log1p, maximum, number, sigmoid, sign
from neat.kernels.jit import inner_function


class Loss(IntEnum):
    """The numbers by which kernels identify losses."""

    SQUARED_ERROR = 0
    ABSOLUTE_ERROR = 1
    CROSS_ENTROPY = 2
    ACCURACY = 3


LOSSES = tuple(loss.name.lower() for loss in Loss)
WEIGHTED = 4
"""Added to the number if the samples have weights, which are then the last row of the targets."""

# Kernels compare integers with these.
_SQUARED_ERROR, _ABSOLUTE_ERROR = int(Loss.SQUARED_ERROR), int(Loss.ABSOLUTE_ERROR)
_CROSS_ENTROPY, _ACCURACY = int(Loss.CROSS_ENTROPY), int(Loss.ACCURACY)

_0 = np.float32(0.0)
_1 = np.float32(1.0)
_HALF = np.float32(0.5)


class Definition(NamedTuple):
    """The loss of an output, and its derivative with respect to the output."""

    value: Callable[..., Any]
    slope: Callable[..., Any]


# Of the error e = z - t.
SQUARED_ERROR = Definition(lambda e: e * e, lambda e: e + e)
ABSOLUTE_ERROR = Definition(lambda e: abs(e), lambda e: sign(e))
HUBER = Definition(
    lambda e, delta: clip(e, delta) * (e - clip(e, delta) / number(2.0)), lambda e, delta: clip(e, delta)
)
# Of an output z, and the weights of the two classes: -p ln σ(z) - n ln σ(-z), without overflow.
BINARY_CROSS_ENTROPY = Definition(
    lambda z, p, n: p * maximum(-z, _0) + n * maximum(z, _0) + (p + n) * log1p(exp(-abs(z))),
    lambda z, p, n: (p + n) * sigmoid(z) - p,
)

_square, _slope_of_square = map(compiled, SQUARED_ERROR)
_magnitude, _slope_of_magnitude = map(compiled, ABSOLUTE_ERROR)
_binary, _slope_of_binary = map(compiled, BINARY_CROSS_ENTROPY)


class Objective(NamedTuple):
    """The data set and the loss that score networks."""

    inputs: np.ndarray  # float32 (1, 1, inputs, samples)
    targets: np.ndarray  # float32 (outputs, samples), or (outputs + 1, samples) with weights
    loss: Any  # int64, a Loss, plus WEIGHTED if there are weights
    steps: Any  # int64, steps of a recurrent network with the same inputs; 1 for others


class Outputs(NamedTuple):
    """The outputs of a network for a tile of samples."""

    values: np.ndarray  # float32 (slots, samples of the tile)
    slot: np.ndarray  # int32 (networks, outputs), the slots of outputs
    network: Any  # int64, the index of the network


@inner_function
def output_count(objective):
    """Return the number of outputs that networks must have."""
    return len(objective.targets) - (1 if objective.loss >= WEIGHTED else 0)


@inner_function(contract=True)
def tile_loss(loss, outputs, targets, begin, width):
    """Return the sum of a loss over a tile, float64; for accuracy, the number of correct samples.

    Args:
        loss: As in Objective.
        outputs: Outputs.
        targets: As in Objective.
        begin: Sample at which the tile begins.
        width: Samples in the tile.
    """
    values, slot, network = outputs
    total = 0.0
    if loss >= WEIGHTED:
        weight = slot.shape[1]  # the row
        for sample in range(width):
            target = np.uintp(begin + sample)
            total += targets[weight, target] * _sample_loss(loss - WEIGHTED, outputs, sample, targets, target)
    elif loss in (_SQUARED_ERROR, _ABSOLUTE_ERROR):
        for output in range(slot.shape[1]):
            total += _error(loss, values, slot[network, output], targets, output, begin, width)
    elif loss == _CROSS_ENTROPY:
        for sample in range(width):
            total += _cross_entropy(outputs, sample, targets, begin + sample)
    else:
        for sample in range(width):
            total += _is_right(outputs, sample, targets, begin + sample)
    return total


@inner_function(contract=True)
def _sample_loss(loss, outputs, sample, targets, target):
    """Return the loss of one sample, float64, summed over outputs; `loss` is a Loss."""
    if loss == _CROSS_ENTROPY:
        return _cross_entropy(outputs, sample, targets, target)
    if loss == _ACCURACY:
        return _is_right(outputs, sample, targets, target)
    values, slot, network = outputs
    total = 0.0
    for output in range(slot.shape[1]):
        error = np.float64(values[slot[network, output], sample]) - targets[output, target]
        total += _square(error) if loss == _SQUARED_ERROR else _magnitude(error)
    return total


@inner_function(contract=True)
def _error(loss, values, row, targets, output, begin, width):
    """Return Σ (z - t)² or Σ |z - t|, in four independent sums, since a single one would wait for each addition."""
    square = loss == _SQUARED_ERROR
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    whole = width - width % 4
    for sample in range(0, whole, 4):
        s0 += _distance(square, values, row, sample, targets, output, begin)
        s1 += _distance(square, values, row, sample + 1, targets, output, begin)
        s2 += _distance(square, values, row, sample + 2, targets, output, begin)
        s3 += _distance(square, values, row, sample + 3, targets, output, begin)
    for sample in range(whole, width):
        s0 += _distance(square, values, row, sample, targets, output, begin)
    return (s0 + s1) + (s2 + s3)


@inner_function(contract=True)
def _distance(square, values, row, sample, targets, output, begin):
    error = np.float64(values[row, np.uintp(sample)]) - targets[output, np.uintp(begin + sample)]
    return _square(error) if square else _magnitude(error)


@inner_function(contract=True)
def _cross_entropy(outputs, sample, targets, target):
    """Return -Σ t ln softmax(z), or with one output -t ln σ(z) - (1 - t) ln σ(-z), without overflow."""
    values, slot, network = outputs
    if slot.shape[1] == 1:
        t = targets[0, target]
        return np.float64(_binary(values[slot[network, 0], sample], t, _1 - t))
    highest, total = _softmax(outputs, sample)
    expected = _0
    for output in range(slot.shape[1]):
        expected += targets[output, target] * (values[slot[network, output], sample] - highest)
    return np.float64(elementary.log(total) - expected)


@inner_function(contract=True)
def _is_right(outputs, sample, targets, target):
    """Return 1.0 if the prediction is right, else 0.0; a tie or a NaN is not right."""
    values, slot, network = outputs
    if slot.shape[1] == 1:
        z = values[slot[network, 0], sample]
        right = z > _HALF if targets[0, target] > _HALF else z <= _HALF
        return 1.0 if right else 0.0
    label = 0
    for output in range(1, slot.shape[1]):
        label = output if targets[output, target] > targets[label, target] else label
    best = values[slot[network, label], sample]
    for output in range(slot.shape[1]):
        if output != label and not values[slot[network, output], sample] < best:
            return 0.0
    return 1.0


@inner_function(contract=True)
def tile_slopes(loss, outputs, targets, begin, width, scale, adjoint):
    """Add `scale` times ∂loss/∂z to the outputs' rows of `adjoint`. For cross entropy, the targets must sum to 1.

    Args:
        loss: As in Objective, but not accuracy.
        outputs: Outputs.
        targets: As in Objective.
        begin: Sample at which the tile begins.
        width: Samples in the tile.
        scale: float32.
        adjoint: float32, of the shape of the outputs' `values`.
    """
    values, slot, network = outputs
    weighted = loss >= WEIGHTED
    loss = loss - WEIGHTED if weighted else loss
    for sample in range(width):
        target = np.uintp(begin + sample)
        factor = scale * targets[slot.shape[1], target] if weighted else scale
        highest, total = _0, _0
        if loss == _CROSS_ENTROPY:
            highest, total = _softmax(outputs, sample)
        for output in range(slot.shape[1]):
            z, t = values[slot[network, output], sample], targets[output, target]
            if loss == _SQUARED_ERROR:
                slope = _slope_of_square(z - t)
            elif loss == _ABSOLUTE_ERROR:
                slope = _slope_of_magnitude(z - t)
            elif slot.shape[1] == 1:
                slope = _slope_of_binary(z, t, _1 - t)
            else:
                slope = elementary.exp(z - highest) / total - t
            adjoint[slot[network, output], sample] += factor * slope


@inner_function(contract=True)
def _softmax(outputs, sample):
    """Return the highest output z, and Σ exp(z - highest)."""
    values, slot, network = outputs
    highest = values[slot[network, 0], sample]
    for output in range(1, slot.shape[1]):
        z = values[slot[network, output], sample]
        highest = z if z > highest else highest
    total = _0
    for output in range(slot.shape[1]):
        total += elementary.exp(values[slot[network, output], sample] - highest)
    return highest, total
