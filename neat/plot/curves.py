"""Set up axes for curves: limits and ticks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LIMIT = 1e100  # values are clipped, because matplotlib's ticks overflow


def clip(values: Any) -> np.ndarray:
    """Return values as float64, within what matplotlib can draw."""
    return np.clip(np.asarray(values, float), -_LIMIT, _LIMIT)


def to_reals(values: Any, ndim: int) -> np.ndarray | None:
    """Return values as a float64 array of `ndim` dimensions; None if they are no such array of real numbers."""
    try:
        array = np.asarray(values)
        return array.astype(float) if array.ndim == ndim and array.dtype.kind in "biufO" else None
    except (TypeError, ValueError, OverflowError):
        return None


def set_integer_ticks(axes: Axes, x: np.ndarray) -> None:
    """Set ticks of the horizontal axis at whole numbers, without margins; `x` ascends."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    if x[-1] > x[0]:
        axes.set_xlim(x[0], x[-1])


def set_up_generations(axes: Axes, x: np.ndarray, label: str) -> None:
    """Label axes of values by generation; `x` are the generations that are drawn, ascending."""
    axes.set_xlabel("generation")
    axes.set_ylabel(label)
    set_integer_ticks(axes, x)


def set_value_limits(axes: Axes, curves: list[np.ndarray], context: Sequence[np.ndarray] = ()) -> None:
    """Set the value axis to show all of `curves`, and those values of `context` that are near them.

    A few extreme genomes can pull `context` far away. The axis is symmetrically logarithmic if a linear one would
    show one value and flatten the rest.
    """
    values = np.concatenate([c.ravel() for c in curves])
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return
    low, high = values.min(), values.max()
    small = np.quantile(np.abs(values), 0.05)
    if small > 1e-30 and 1000 * small < high - low:
        axes.set_yscale("symlog", linthresh=min(small, abs(low) or small, abs(high) or small))
        axes.set_ylim(low * 1.5 if low < 0 else low / 1.5, high * 1.5 if high > 0 else high / 1.5)
        return
    span = max(high - low, 1e-9 * max(abs(low), abs(high)), 1e-12)
    around = np.concatenate([values[:0], *(c.ravel() for c in context)])
    around = around[np.isfinite(around)]
    near = around[(around > low - 2 * span) & (around < high + 2 * span)]
    if len(near):
        low, high = min(low, near.min()), max(high, near.max())
    margin = 0.05 * max(high - low, span)
    axes.set_ylim(low - margin, high + margin)
