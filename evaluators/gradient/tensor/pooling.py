"""The largest element of each window of images, on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.gradient.tensor.convolution import Margins, Pair
from neat.kernels import parallel
from neat.kernels.jit import kernel
from neat.kernels.work_pieces import claimed

_COST = 5e-3  # of an element of a window, in the unit of `parallel.over`


@kernel(allocates=False)
def _take_largest(pieces, images, window, stride, margin, largest, winner):
    _, height, width = images.shape
    for image in claimed(pieces):
        for a in range(largest.shape[1]):
            top = a * stride[0] - margin[0]
            for b in range(largest.shape[2]):
                left = b * stride[1] - margin[1]
                best, place = -np.inf, -1
                for y in range(max(top, 0), min(top + window[0], height)):
                    for x in range(max(left, 0), min(left + window[1], width)):
                        value = images[image, y, x]
                        if value > best or value != value or place < 0:  # NaN is the largest
                            best, place = value, y * width + x
                largest[image, a, b], winner[image, a, b] = best, place


@kernel(allocates=False)
def _return_gradient(pieces, gradient, winner, result):
    for image in claimed(pieces):
        for k in range(gradient.shape[1]):
            if winner[image, k] >= 0:
                result[image, winner[image, k]] += gradient[image, k]


def take_largest(images: Any, window: Pair, stride: Pair, margins: Margins, places: Pair) -> tuple[Any, Any]:
    """Return the largest element of each window, and which it is, for `gradient_of_winners`.

    The arguments are those of `convolution.correlate`. Margins are never the largest.
    """
    planes = np.ascontiguousarray(images).reshape(-1, *images.shape[2:])
    largest = np.empty((len(planes), *places), images.dtype)
    winner = np.empty(largest.shape, np.int32)
    margin = margins[0][0], margins[1][0]
    cost = _COST * places[0] * places[1] * window[0] * window[1]
    parallel.over(_take_largest, len(planes), planes, window, stride, margin, largest, winner, cost=cost)
    return largest.reshape(*images.shape[:2], *places), winner


def gradient_of_winners(
    gradient: Any, winner: Any, size: Pair, window: Pair, stride: Pair, margins: Margins
) -> Any:
    """Return the gradient of images of this size, from that of the largest elements."""
    planes, places = len(winner), winner.shape[1] * winner.shape[2]
    result = np.zeros((planes, size[0] * size[1]), gradient.dtype)
    flat = np.ascontiguousarray(gradient).reshape(planes, places)
    arguments = flat, winner.reshape(planes, places), result
    parallel.over(_return_gradient, planes, *arguments, cost=_COST * places)
    return result.reshape(*gradient.shape[:2], *size)
