"""Convolution, and maximum and mean over windows of images, arrays of shape (samples, channels, height, width)."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.gradient.tensor import convolution, pooling, unfolding
from evaluators.gradient.tensor.convolution import Pair
from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.operations.elementwise import operands
from evaluators.gradient.tensor.tensor import Tensor, record

Padding = int | str

_MIN_DIRECT = 16  # positions; with fewer, the vectors of direct convolution are mostly empty


def place_windows(
    name: str, size: Pair, window: Pair, stride: Pair, padding: Padding, exact: bool = False
) -> tuple[Pair, tuple[Pair, Pair]]:
    """Return the output's size, and the padding before and after, along height and width.

    The output has floor((W − F + 2P) / S) + 1 positions. "valid" is P = 0. "same" pads so that there are ceil(W / S)
    positions; an odd padding is larger by one after.

    Raises:
        ValueError: The window does not fit; with `exact`, also if S does not divide W − F + 2P.
    """
    places, margins = [], []
    for length, extent, step in zip(size, window, stride, strict=True):
        if padding == "same":
            total = max((-(-length // step) - 1) * step + extent - length, 0)
        else:
            total = 0 if padding == "valid" else 2 * int(padding)
        room = length + total - extent
        if room < 0:
            raise ValueError(f"{name}: a window of {extent} does not fit {length} with {total} of padding")
        if exact and room % step:
            raise ValueError(
                f"{name}: stride {step} does not divide {length} - {extent} + {total}, as exact=True requires"
            )
        places.append(room // step + 1)
        margins.append((total // 2, total - total // 2))
    return (places[0], places[1]), (margins[0], margins[1])


def conv2d(
    x: Any, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Padding, exact: bool = False
) -> Tensor:
    """Cross-correlate images with filters.

    Args:
        x: Shape (samples, channels, height, width).
        weight: Shape (filters, channels, rows, columns).
        bias: Shape (filters,).
        stride: Steps along height and width.
        padding: See `place_windows`.
        exact: See `place_windows`.

    Returns:
        Shape (samples, filters, positions along height, positions along width).

    Raises:
        ValueError: The shapes do not fit.
    """
    weight, x = operands("conv2d", weight, x)
    if x.ndim != 4 or x.shape[1] != weight.shape[1]:
        raise ValueError(f"conv2d: input of shape {x.shape} does not fit weight of shape {weight.shape}")
    window = weight.shape[2], weight.shape[3]
    places, margins = place_windows("conv2d", x.shape[2:], window, stride, padding, exact)
    is_direct = namespace(x._data) is np and places[0] * places[1] >= _MIN_DIRECT
    way = convolution if is_direct else unfolding
    added = None if bias is None else bias._data
    data = way.correlate(x._data, weight._data, added, stride, margins, places)

    def backward(g: Any) -> tuple[Any, ...]:
        of_x, of_weight = None, None
        if x.requires_grad:
            of_x = way.gradient_of_images(g, weight._data, x.shape[2:], stride, margins)
        if weight.requires_grad:
            of_weight = way.gradient_of_weight(g, x._data, window, stride, margins)
        if bias is None:
            return of_x, of_weight
        return of_x, of_weight, g.sum(axis=(0, 2, 3)) if bias.requires_grad else None

    return record("conv2d", data, (x, weight) if bias is None else (x, weight, bias), backward)


def max_pool2d(x: Any, window: Pair, stride: Pair, padding: Padding, exact: bool = False) -> Tensor:
    """Return the largest element of each window. Padding is never the largest element.

    If several elements are largest, the first gets the gradient.

    Args:
        x: Shape (samples, channels, height, width).
        window: Rows and columns of a window.
        stride: Steps along height and width.
        padding: See `place_windows`; at most half the window.
        exact: See `place_windows`.

    Returns:
        Shape (samples, channels, positions along height, positions along width).

    Raises:
        ValueError: The shapes do not fit, or the padding is below 0 or more than half the window.
    """
    x, places, margins = _place_on_images("max_pool2d", x, window, stride, padding, exact)
    way = pooling if namespace(x._data) is np else unfolding
    size = x.shape[2:]
    data, winner = way.take_largest(x._data, window, stride, margins, places)

    def backward(g: Any) -> tuple[Any]:
        return (way.gradient_of_winners(g, winner, size, window, stride, margins),)

    return record("max_pool2d", data, (x,), backward)


def average_pool2d(x: Any, window: Pair, stride: Pair, padding: Padding, exact: bool = False) -> Tensor:
    """Return the mean of each window. Padding does not count.

    The arguments, the result and the errors are those of `max_pool2d`.
    """
    x, places, margins = _place_on_images("average_pool2d", x, window, stride, padding, exact)
    size = x.shape[2:]
    data = unfolding.mean_of_windows(x._data, window, stride, margins, places)

    def backward(g: Any) -> tuple[Any]:
        return (unfolding.gradient_of_means(g, size, window, stride, margins),)

    return record("average_pool2d", data, (x,), backward)


def _place_on_images(
    name: str, x: Any, window: Pair, stride: Pair, padding: Padding, exact: bool
) -> tuple[Tensor, Pair, tuple[Pair, Pair]]:
    """Return the images as a tensor, and what `place_windows` returns; with more padding, windows could be empty."""
    (x,) = operands(name, x)
    if x.ndim != 4:
        raise ValueError(f"{name}: expected shape (samples, channels, height, width), got shape {x.shape}")
    if not isinstance(padding, str) and not 0 <= 2 * padding <= min(window):
        raise ValueError(
            f"{name}: expected padding from 0 to half the window of {min(window)}, got {padding}"
        )
    return x, *place_windows(name, x.shape[2:], window, stride, padding, exact)
