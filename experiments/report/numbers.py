"""Shorten numbers for the data of a report, and the rows of long runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.pictures.film import choose_steps

_MOST_POINTS = 500  # of a curve, of which a screen shows no more
_DIGITS = 5


def shorten_numbers(values: Any) -> list[Any]:
    """Return an array of any shape as lists of integers, or of numbers with five digits and None for NaN and ±inf."""
    array = np.asarray(values)
    if array.ndim > 1:
        return [shorten_numbers(row) for row in array]
    if array.dtype.kind in "iub":
        return [int(value) for value in array]
    return [_shorten(value) for value in array.tolist()]


def _shorten(value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    shown = float(f"{value:.{_DIGITS}g}")
    return int(shown) if shown.is_integer() and abs(shown) < 1e15 else shown


def choose_rows(count: int, most: int = _MOST_POINTS) -> np.ndarray:
    """Return evenly spaced indices among `count`, at most `most`, the first and the last included."""
    return choose_steps(0, count - 1, most)
