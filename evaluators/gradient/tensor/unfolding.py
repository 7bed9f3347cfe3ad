"""Convolution by one matrix product with unfolded images, and windows' largest elements and means; for every device."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from evaluators.gradient.tensor.convolution import Margins, Pair
from evaluators.gradient.tensor.device_arrays import arrays_holding, namespace


def _pad(images: Any, margins: Margins, value: float) -> Any:
    """Return images with margins of this value."""
    if margins == ((0, 0), (0, 0)):
        return images
    return namespace(images).pad(images, ((0, 0), (0, 0), *margins), constant_values=value)


def _crop(images: Any, margins: Margins) -> Any:
    """Return a view of images without margins."""
    (top, bottom), (left, right) = margins
    return images[:, :, top : images.shape[2] - bottom, left : images.shape[3] - right]


def _zeros_with_margins(like: Any, channels: int, size: Pair, margins: Margins) -> Any:
    """Return as many images as `like` has, of zeros, with the dtype and device of `like`."""
    padded = (length + sum(margin) for length, margin in zip(size, margins, strict=True))
    return namespace(like).zeros((len(like), channels, *padded), like.dtype)


def _window_views(images: Any, window: Pair, stride: Pair, places: Pair) -> Iterator[tuple[Pair, Any]]:
    """Yield, for each element of the window, its row and column, and the view of `images` that it covers."""
    for row, column in product(range(window[0]), range(window[1])):
        rows = slice(row, row + stride[0] * (places[0] - 1) + 1, stride[0])
        columns = slice(column, column + stride[1] * (places[1] - 1) + 1, stride[1])
        yield (row, column), images[:, :, rows, columns]


def _unfold(images: Any, window: Pair, stride: Pair, margins: Margins, places: Pair) -> Any:
    """Return a matrix with a row for each element of the windows, and a column for each position in each sample."""
    images = _pad(images, margins, 0.0)
    samples, channels = images.shape[:2]
    column = namespace(images).empty((channels, *window, samples, *places), images.dtype)
    for (i, j), view in _window_views(images, window, stride, places):
        column[:, i, j] = view.swapaxes(0, 1)
    return column.reshape(channels * window[0] * window[1], -1)


def _flatten(gradient: Any) -> Any:
    return gradient.swapaxes(0, 1).reshape(gradient.shape[1], -1)


def correlate(images: Any, weight: Any, bias: Any, stride: Pair, margins: Margins, places: Pair) -> Any:
    """Return the cross-correlation of images with filters, as `convolution.correlate` does."""
    filters = len(weight)
    result = weight.reshape(filters, -1) @ _unfold(images, weight.shape[2:], stride, margins, places)
    if bias is not None:
        result += bias[:, None]
    return namespace(images).ascontiguousarray(result.reshape(filters, -1, *places).swapaxes(0, 1))


def gradient_of_images(gradient: Any, weight: Any, size: Pair, stride: Pair, margins: Margins) -> Any:
    """Return the gradient of images of this size, as `convolution.gradient_of_images` does."""
    channels, window, places = weight.shape[1], weight.shape[2:], gradient.shape[2:]
    whole = _zeros_with_margins(gradient, channels, size, margins)
    column = weight.reshape(len(weight), -1).T @ _flatten(gradient)
    column = column.reshape(channels, *window, len(gradient), *places)
    for (i, j), view in _window_views(whole, window, stride, places):
        view += column[:, i, j].swapaxes(0, 1)
    return _crop(whole, margins)


def gradient_of_weight(gradient: Any, images: Any, window: Pair, stride: Pair, margins: Margins) -> Any:
    """Return the gradient of filters with this window, as `convolution.gradient_of_weight` does."""
    column = _unfold(images, window, stride, margins, gradient.shape[2:])
    return (_flatten(gradient) @ column.T).reshape(gradient.shape[1], images.shape[1], *window)


def mean_of_windows(images: Any, window: Pair, stride: Pair, margins: Margins, places: Pair) -> Any:
    """Return the mean of the elements of each window that are no margin; the arguments are those of `correlate`."""
    views = _window_views(_pad(images, margins, 0.0), window, stride, places)
    total = next(views)[1].copy()
    for _, view in views:
        total += view
    return total / _count_inside(images, images.shape[2:], window, stride, margins, places)


def gradient_of_means(gradient: Any, size: Pair, window: Pair, stride: Pair, margins: Margins) -> Any:
    """Return the gradient of images of this size, from that of the means of their windows."""
    whole = _zeros_with_margins(gradient, gradient.shape[1], size, margins)
    places = gradient.shape[2:]
    share = gradient / _count_inside(gradient, size, window, stride, margins, places)
    for _, view in _window_views(whole, window, stride, places):
        view += share
    return _crop(whole, margins)


def _count_inside(like: Any, size: Pair, window: Pair, stride: Pair, margins: Margins, places: Pair) -> Any:
    """Return how many elements of each window are no margin: an array (*places) with the dtype and device of `like`."""
    counts = []
    for k in range(2):
        begin = np.arange(places[k]) * stride[k] - margins[k][0]
        counts.append(np.minimum(begin + window[k], size[k]) - np.maximum(begin, 0))
    return arrays_holding(like).to_device(np.multiply.outer(*counts).astype(like.dtype))


def take_largest(images: Any, window: Pair, stride: Pair, margins: Margins, places: Pair) -> tuple[Any, Any]:
    """Return the largest element of each window, and which it is, as `pooling.take_largest` does."""
    xp = namespace(images)
    views = _window_views(_pad(images, margins, -xp.inf), window, stride, places)
    largest = next(views)[1].copy()
    winner = xp.zeros(largest.shape, "int32")
    for (i, j), view in views:
        winner[view > largest] = i * window[1] + j
        xp.maximum(largest, view, out=largest)
    return largest, winner


def gradient_of_winners(
    gradient: Any, winner: Any, size: Pair, window: Pair, stride: Pair, margins: Margins
) -> Any:
    """Return the gradient of images of this size, as `pooling.gradient_of_winners` does."""
    whole = _zeros_with_margins(gradient, gradient.shape[1], size, margins)
    places = gradient.shape[2:]
    for (i, j), view in _window_views(whole, window, stride, places):
        view += gradient * (winner == i * window[1] + j)
    return _crop(whole, margins)
