"""Convolution and maximum over windows of images, arrays of shape (samples, channels, height, width)."""

from __future__ import annotations

from itertools import product
from typing import Any

from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.operations.elementwise import operands
from evaluators.gradient.tensor.tensor import Tensor, record

Pair = tuple[int, int]
Padding = int | str


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
                f"{name}: stride {step} does not divide {length} - {extent} + {total}, as exact=True asks"
            )
        places.append(room // step + 1)
        margins.append((total // 2, total - total // 2))
    return (places[0], places[1]), (margins[0], margins[1])


def _pad(xp: Any, images: Any, margins: tuple[Pair, Pair], value: float) -> Any:
    if margins == ((0, 0), (0, 0)):
        return images
    return xp.pad(images, ((0, 0), (0, 0), *margins), constant_values=value)


def _crop(images: Any, margins: tuple[Pair, Pair]) -> Any:
    (top, bottom), (left, right) = margins
    return images[:, :, top : images.shape[2] - bottom, left : images.shape[3] - right]


def _window_views(images: Any, window: Pair, stride: Pair, places: Pair) -> Any:
    """Yield, for each element of the window, its row and column, and the view of `images` that it covers."""
    for row, column in product(range(window[0]), range(window[1])):
        rows = slice(row, row + stride[0] * (places[0] - 1) + 1, stride[0])
        columns = slice(column, column + stride[1] * (places[1] - 1) + 1, stride[1])
        yield (row, column), images[:, :, rows, columns]


def conv2d(
    x: Any, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Padding, exact: bool = False
) -> Tensor:
    """Cross-correlate images with filters, by one matrix product.

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
    samples, channels = x.shape[:2]
    filters, _, *window = weight.shape
    places, margins = place_windows("conv2d", x.shape[2:], (window[0], window[1]), stride, padding, exact)
    xp = namespace(x._data)
    images = _pad(xp, x._data, margins, 0.0)
    column = xp.empty((channels, *window, samples, *places), x.dtype)
    for (i, j), view in _window_views(images, (window[0], window[1]), stride, places):
        column[:, i, j] = view.swapaxes(0, 1)
    column = column.reshape(channels * window[0] * window[1], -1)
    matrix = weight._data.reshape(filters, -1)
    result = matrix @ column
    if bias is not None:
        result += bias._data[:, None]
    data = xp.ascontiguousarray(result.reshape(filters, samples, *places).swapaxes(0, 1))

    def backward(g: Any) -> tuple[Any, ...]:
        flat = xp.ascontiguousarray(g.swapaxes(0, 1)).reshape(filters, -1)
        of_x = None
        if x.requires_grad:
            of_column = (matrix.T @ flat).reshape(channels, *window, samples, *places)
            whole = xp.zeros(images.shape, x.dtype)
            for (i, j), view in _window_views(whole, (window[0], window[1]), stride, places):
                view += of_column[:, i, j].swapaxes(0, 1)
            of_x = _crop(whole, margins)
        of_weight = (flat @ column.T).reshape(weight.shape) if weight.requires_grad else None
        return (of_x, of_weight) if bias is None else (of_x, of_weight, flat.sum(axis=1))

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
        ValueError: The shapes do not fit.
    """
    (x,) = operands("max_pool2d", x)
    if x.ndim != 4:
        raise ValueError(
            f"max_pool2d: expected shape (samples, channels, height, width), got shape {x.shape}"
        )
    places, margins = place_windows("max_pool2d", x.shape[2:], window, stride, padding, exact)
    xp = namespace(x._data)
    images = _pad(xp, x._data, margins, -xp.inf)
    views = _window_views(images, window, stride, places)
    _, data = next(views)
    data = data.copy()
    winner = xp.zeros(data.shape, "int32")
    for (i, j), view in views:
        larger = view > data
        winner[larger] = i * window[1] + j
        xp.maximum(data, view, out=data)

    def backward(g: Any) -> tuple[Any]:
        whole = xp.zeros(images.shape, x.dtype)
        for (i, j), view in _window_views(whole, window, stride, places):
            view += g * (winner == i * window[1] + j)
        return (_crop(whole, margins),)

    return record("max_pool2d", data, (x,), backward)
