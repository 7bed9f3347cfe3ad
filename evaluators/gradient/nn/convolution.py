"""Layers for images, arrays of shape (samples, channels, height, width)."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.gradient.nn.initialisation import filled, scaled
from evaluators.gradient.nn.module import Module
from evaluators.gradient.nn.parameter import Parameter
from evaluators.gradient.tensor import operations
from evaluators.gradient.tensor.operations.windows import Padding
from evaluators.gradient.tensor.tensor import Tensor
from neat.support.messages import quote


def _pair(name: str, value: Any) -> tuple[int, int]:
    """Return a setting's two integers, for height and width; `value` is the pair, or one integer for both."""
    both = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
    for one in both:
        check_count(name, one)
    return int(both[0]), int(both[1])


def _check_padding(padding: Any) -> None:
    if isinstance(padding, str) and padding in ("same", "valid"):
        return
    if isinstance(padding, int | np.integer) and not isinstance(padding, bool) and padding >= 0:
        return
    raise ValueError(f"padding: must be 'same', 'valid' or an integer of at least 0, got {quote(padding)}")


class Conv2d(Module):
    """A layer that cross-correlates images with filters.

    Args:
        channels: Channels of the images.
        filters: Channels of the output.
        window: Rows and columns of a filter, or one integer for both.
        stride: Steps along height and width, or one integer for both.
        padding: Zeros around the images: "same" for ceil(W / S) positions, "valid" for none, or a number for each side.
        bias: Whether to add a bias, which is 0 at first.
        initialisation: See `initialisation.NAMES`.
        exact: Raise for images in which the last window does not end at the edge: S must divide W − F + 2P.

    Attributes:
        weight: Shape (filters, channels, rows, columns).
        bias: Shape (filters,), or None.
    """

    _incoming = (1, 2, 3)

    def __init__(
        self,
        channels: int,
        filters: int,
        window: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: Padding = "valid",
        bias: bool = True,
        initialisation: str = "glorot_uniform",
        exact: bool = False,
    ) -> None:
        check_count("channels", channels)
        check_count("filters", filters)
        _check_padding(padding)
        rows, columns = _pair("window", window)
        self.stride, self.padding, self.exact = _pair("stride", stride), padding, exact
        fans = channels * rows * columns, filters * rows * columns
        self.weight = Parameter((filters, channels, rows, columns), scaled(initialisation, *fans))
        self.bias = Parameter((filters,), filled(0.0)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (samples, channels, height, width) to (samples, filters, …)."""
        return operations.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.exact)

    def multiplications(self, output: tuple[int, ...]) -> int:
        """Return the multiplications for one sample, from the output's shape."""
        return int(np.prod(self.weight.shape)) * output[2] * output[3]


class _Pool2d(Module):
    """The base of layers that reduce each window to one element."""

    def __init__(
        self,
        window: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: Padding = "valid",
        exact: bool = False,
    ) -> None:
        _check_padding(padding)
        self.window = _pair("window", window)
        self.stride = self.window if stride is None else _pair("stride", stride)
        self.padding, self.exact = padding, exact
        if not isinstance(padding, str) and 2 * padding > min(self.window):
            raise ValueError(
                f"padding: expected at most half the window of {min(self.window)}, got {padding}"
            )


class MaxPool2d(_Pool2d):
    """A layer that takes the largest element of each window.

    Args:
        window: Rows and columns, or one integer for both.
        stride: Steps along height and width, or one integer for both; by default the window.
        padding: See Conv2d; at most half the window. Padding is never the largest element.
        exact: See Conv2d.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (samples, channels, height, width) to (samples, channels, …)."""
        return operations.max_pool2d(x, self.window, self.stride, self.padding, self.exact)


class AveragePool2d(_Pool2d):
    """A layer that takes the mean of each window, or of the part of the window that is inside the image.

    Args:
        window: Rows and columns, or one integer for both.
        stride: Steps along height and width, or one integer for both; by default the window.
        padding: See Conv2d; at most half the window. Padding does not count.
        exact: See Conv2d.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (samples, channels, height, width) to (samples, channels, …)."""
        return operations.average_pool2d(x, self.window, self.stride, self.padding, self.exact)
