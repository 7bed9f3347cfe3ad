"""Convolution on the CPU without unfolding: what an element of the windows covers is a shifted view of the images.

A thread copies an image with its margins to scratch, where each row of pixels follows the one before it. There, the
pixels that the element (i, j) of the windows covers begin at a fixed offset and are contiguous. So the output is a
product of the filters with shifted views. It has some positions across the edge, which are not copied to the result.
With a stride S, scratch has the S · S images of every S-th pixel, so that views are contiguous again.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from evaluators.gradient.tensor.vector_products import BLOCK_BYTES, multiply_views, weigh_views
from neat.kernels import parallel
from neat.kernels.jit import inner_function, kernel
from neat.kernels.work_pieces import claimed

Pair = tuple[int, int]
Margins = tuple[Pair, Pair]

_COST = 1e-4  # of a multiplication and an addition, in the unit of `parallel.over`
_GROUPS = 8  # of samples, each with its own sum, so that the number of threads does not change the result
_SCRATCH = 2**18  # bytes that stay in a core's cache

_unsigned = np.uintp


class Layout(NamedTuple):
    """Where scratch has the pixels of an image.

    Attributes:
        stride: Steps of the windows along height and width.
        margin: Rows above and columns left of the image.
        size: Rows and columns of the image of every S-th pixel.
    """

    stride: Pair
    margin: Pair
    size: Pair

    def length(self, channels: int) -> int:
        """Return the number of elements of an image."""
        return channels * self.stride[0] * self.stride[1] * self.size[0] * self.size[1]


class Positions(NamedTuple):
    """The positions of windows, and where they are in the result.

    Attributes:
        places: Positions along height and width.
        first: Row and column of the first position in the result, which may be outside.
        step: Rows and columns from one position to the next.
    """

    places: Pair
    first: Pair = (0, 0)
    step: Pair = (1, 1)


@functools.lru_cache(1024)
def _offset(layout: Layout, channels: int, window: Pair) -> np.ndarray:
    """Return where the view of each element of the windows begins, int64 (channels · rows · columns,)."""
    channel, i, j = np.ogrid[:channels, : window[0], : window[1]]
    (s, t), (rows, columns) = layout.stride, layout.size
    image = (channel * s + i % s) * t + j % t
    return np.ravel((image * rows + i // s) * columns + j // t)


@inner_function
def _copy(source, begin, step, target, place, apart, count):
    """Copy every `step`-th number of the source to every `apart`-th place of the target."""
    # numba takes no unsigned index as one that counts from the end, so that LLVM can vectorise the loops.
    begin, step, place, apart = _unsigned(begin), _unsigned(step), _unsigned(place), _unsigned(apart)
    for k in range(_unsigned(max(count, 0))):
        target[place + k * apart] = source[begin + k * step]


@inner_function
def _fill(scratch, image, layout):
    """Copy an image (channels, height, width) to scratch."""
    channels, height, width = image.shape
    (s, t), (top, left), (rows, columns) = layout
    for channel in range(channels):
        for a in range(s):
            for b in range(t):
                # The first pixel of those whose row is a, and column b, mod S.
                y, x = (a - top) % s, (b - left) % t
                place = (((channel * s + a) * t + b) * rows + (y + top) // s) * columns + (x + left) // t
                for row in range(y, height, s):
                    _copy(image[channel, row], x, t, scratch, place, 1, (width - x + t - 1) // t)
                    place += columns


@inner_function
def _empty(block, columns, positions, result):
    """Copy positions from a block, whose rows have this number of columns, to a result (channels, height, width)."""
    channels, height, width = result.shape
    (rows, places), (y, x), (s, t) = positions
    low, high = max(0, -(x // t)), min(places, (width - 1 - x) // t + 1)
    for channel in range(channels):
        for row in range(max(0, -(y // s)), min(rows, (height - 1 - y) // s + 1)):
            line = result[channel, y + row * s]
            _copy(block[channel], row * columns + low, 1, line, x + low * t, t, high - low)


@kernel(allocates=False)
def _correlate(pieces, images, layout, filters, positions, result, scratch, block):
    start, matrix, offset = filters
    for sample in claimed(pieces):
        _fill(scratch, images[sample], layout)
        weigh_views(start, matrix, scratch, offset, block)
        _empty(block, layout.size[1], positions, result[sample])


@kernel(allocates=False)
def _sum_products(pieces, images, layout, offset, gradient, total, scratch, blocks):
    """Add the products for the samples of each group to its total, some samples at a time."""
    arrays, part = scratch
    samples, filters, rows, places = gradient.shape
    for group in claimed(pieces):
        end = (group + 1) * samples // len(total)
        for begin in range(group * samples // len(total), end, len(blocks)):
            count = min(len(blocks), end - begin)
            for k in range(count):
                _fill(arrays[k], images[begin + k], layout)
                for each in range(filters):
                    for row in range(rows):
                        line = gradient[begin + k, each, row]
                        _copy(line, 0, 1, blocks[k, each], row * layout.size[1], 1, places)
            multiply_views(blocks[:count], arrays[:count], offset, part)
            for row in range(filters):
                for view in range(len(offset)):
                    total[group, row, view] += part[row, view]


def _layout(size: Pair, stride: Pair, margins: Margins, places: Pair) -> Layout:
    """Return the layout of images of this size."""
    rows, columns = (length + sum(margin) for length, margin in zip(size, margins, strict=True))
    if stride[1] == 1:  # a row's right margin and the next one's left margin overlap
        columns = max(size[1] + max(margins[1]), places[1])
    return Layout(stride, (margins[0][0], margins[1][0]), (-(-rows // stride[0]), -(-columns // stride[1])))


def _width(rows: int, layout: Layout, dtype: np.dtype) -> int:
    """Return the elements of some rows of positions, rounded up to a multiple of a block."""
    block = BLOCK_BYTES // dtype.itemsize
    return -(-rows * layout.size[1] // block) * block


def _run(images: Any, layout: Layout, weight: Any, start: Any, positions: Positions, result: Any) -> None:
    """Write the cross-correlation of packed images with filters to positions of the result."""
    filters, channels = weight.shape[:2]
    width = _width(positions.places[0], layout, images.dtype)
    matrix = np.ascontiguousarray(weight).reshape(filters, -1)
    offset = _offset(layout, channels, weight.shape[2:])
    parallel.over(
        _correlate,
        len(images),
        np.ascontiguousarray(images),
        layout,
        (np.ascontiguousarray(start), matrix, offset),
        positions,
        result,
        scratch=lambda: (
            np.zeros(layout.length(channels) + width, images.dtype),
            np.empty((filters, width), images.dtype),
        ),
        cost=_COST * width * matrix.size,
    )


def correlate(images: Any, weight: Any, bias: Any, stride: Pair, margins: Margins, places: Pair) -> Any:
    """Return the cross-correlation of images with filters.

    Args:
        images: Shape (samples, channels, height, width).
        weight: Shape (filters, channels, rows, columns).
        bias: Shape (filters,), or None.
        stride: Steps along height and width.
        margins: Zeros before and after, along height and width.
        places: Positions along height and width.

    Returns:
        Shape (samples, filters, *places).
    """
    start = np.zeros(len(weight), images.dtype) if bias is None else bias
    result = np.empty((len(images), len(weight), *places), images.dtype)
    _run(images, _layout(images.shape[2:], stride, margins, places), weight, start, Positions(places), result)
    return result


def gradient_of_images(gradient: Any, weight: Any, size: Pair, stride: Pair, margins: Margins) -> Any:
    """Return the gradient of images of this size from that of the result, correlated with turned filters.

    With a stride S, each of the S · S images of every S-th pixel meets other elements of the filters.
    """
    channels, window = weight.shape[1], weight.shape[2:]
    result = np.zeros((len(gradient), channels, *size), gradient.dtype)
    start = np.zeros(channels, gradient.dtype)
    for phase in np.ndindex(min(stride[0], window[0]), min(stride[1], window[1])):
        part = weight[:, :, phase[0] :: stride[0], phase[1] :: stride[1]]
        count, first, margin = [], [], []
        for k in range(2):
            # Position q is pixel q · S + phase of the images with their margins. Those from low to high are inside.
            extent, before = part.shape[2 + k], margins[k][0] - phase[k]
            low = min(max(0, -(-before // stride[k])), extent - 1)
            high = min(gradient.shape[2 + k] + extent - 1, (size[k] - 1 + before) // stride[k] + 1)
            count.append(max(high - low, 0))
            first.append(low * stride[k] - before)
            margin.append((extent - 1 - low, max(high - gradient.shape[2 + k], 0)))
        layout = _layout(gradient.shape[2:], (1, 1), (margin[0], margin[1]), (count[0], count[1]))
        positions = Positions((count[0], count[1]), (first[0], first[1]), stride)
        _run(gradient, layout, part[:, :, ::-1, ::-1].swapaxes(0, 1), start, positions, result)
    return result


def gradient_of_weight(gradient: Any, images: Any, window: Pair, stride: Pair, margins: Margins) -> Any:
    """Return the gradient of filters with this window, shape (filters, channels, rows, columns)."""
    (samples, filters), places = gradient.shape[:2], gradient.shape[2:]
    channels, dtype = images.shape[1], images.dtype
    layout = _layout(images.shape[2:], stride, margins, places)
    offset = _offset(layout, channels, window)
    length, width = layout.length(channels), _width(places[0], layout, dtype)
    groups = min(samples, _GROUPS)
    total = np.zeros((groups, filters, len(offset)), dtype)
    fitting = _SCRATCH // ((length + filters * width) * dtype.itemsize)
    count = max(1, min(fitting, -(-samples // _GROUPS)))

    def scratch() -> tuple[Any, ...]:
        arrays = np.zeros(count * length + width, dtype)[: count * length].reshape(count, length)
        return (arrays, np.empty(total.shape[1:], dtype)), np.zeros((count, filters, width), dtype)

    arguments = np.ascontiguousarray(images), layout, offset, np.ascontiguousarray(gradient), total
    cost = _COST * width * total[0].size * samples / max(groups, 1) if groups else 0
    parallel.over(_sum_products, groups, *arguments, scratch=scratch, cost=cost)
    return total.sum(axis=0).reshape(filters, channels, *window)
