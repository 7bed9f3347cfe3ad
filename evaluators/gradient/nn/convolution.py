"""Layers for images, (samples, channels, height, width)."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.gradient.nn.initialisation import filled, scaled
from evaluators.gradient.nn.module import Module, Parameter
from evaluators.gradient.tensor import operations
from evaluators.gradient.tensor.operations.windows import Padding
from evaluators.gradient.tensor.tensor import Tensor
from neat.support.messages import shown


def _pair(name: str, value: Any) -> tuple[int, int]:
    """Along height and width; one integer stands for both."""
    both = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
    for one in both:
        check_count(name, one)
    return int(both[0]), int(both[1])


def _check_padding(padding: Any) -> None:
    if isinstance(padding, bool | str | float) or not isinstance(padding, int | np.integer) or padding < 0:
        if padding in ("same", "valid") and isinstance(padding, str):
            return
        raise ValueError(
            f"padding: must be 'same', 'valid' or an integer of at least 0, got {shown(padding)}"
        )


class Conv2d(Module):
    """Filters moved over images: cross-correlation, as is usual.

    Args:
        channels: Of the images.
        filters: Channels of the output.
        window: Rows and columns of a filter, or one integer for both.
        stride: Steps along height and width, or one integer for both.
        padding: Zeros around the images: "same" for ceil(W / S) places, "valid" for none, or how many on each side.
        bias: Whether there is one; it begins at 0.
        initialisation: See `initialisation.NAMES`.
        exact: Refuse images in which the last window does not end at the edge: S must divide W − F + 2P.

    Attributes:
        weight: Shape (filters, channels, rows, columns).
        bias: Shape (filters,), or None.
    """

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
        """Shape (samples, channels, height, width) to (samples, filters, …)."""
        return operations.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.exact)

    def multiplications(self, output: tuple[int, ...]) -> int:
        """For one sample."""
        return int(np.prod(self.weight.shape)) * output[2] * output[3]


class MaxPool2d(Module):
    """The largest element of each window.

    Args:
        window: Rows and columns, or one integer for both.
        stride: Steps along height and width, or one integer for both; default: the window.
        padding: As Conv2d's, at most half the window; what it adds is never the largest.
        exact: As Conv2d's.
    """

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

    def forward(self, x: Tensor) -> Tensor:
        """Shape (samples, channels, height, width) to (samples, channels, …)."""
        return operations.max_pool2d(x, self.window, self.stride, self.padding, self.exact)
