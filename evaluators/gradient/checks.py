"""Checks of the numbers that callers pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neat.support.messages import quote


def check_flag(name: str, value: Any) -> bool:
    """Return `value` as Python's bool; ValueError unless it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}: expected True or False, got {quote(value)}")
    return bool(value)


def check_fraction(name: str, value: Any) -> float:
    """Return `value` as Python's float; ValueError unless it is a number of at least 0 and below 1."""
    number = _to_float(value)
    if not 0 <= number < 1:
        raise ValueError(f"{name}: expected a number of at least 0 and below 1, got {quote(value)}")
    return number


def check_non_negative(name: str, value: Any, where: str = "") -> float:
    """Return `value` as Python's float; ValueError, whose message ends with `where`, unless it is finite and >= 0."""
    number = _to_float(value)
    if not 0 <= number < math.inf:
        raise ValueError(f"{name}: expected a finite number of at least 0, got {quote(value)}{where}")
    return number


def check_positive(name: str, value: Any) -> float:
    """Return `value` as Python's float; ValueError unless it is a finite number above 0."""
    number = _to_float(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name}: expected a finite number above 0, got {quote(value)}")
    return number


def _to_float(value: Any) -> float:
    if isinstance(value, bool | str):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def check_none_negative(name: str, array: np.ndarray) -> None:
    """Raise ValueError if a number of a numpy array is below 0."""
    if (array < 0).any():
        raise ValueError(f"{name}: expected no number below 0, got {array.min()}")
