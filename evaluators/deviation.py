"""Mean and deviation of numbers that may not vary at all: the test to make before dividing by a deviation."""

from __future__ import annotations

from typing import Any

import numpy as np

# Relative deviations that rounding leaves: some units in the last place of float32, and more than long sums in float64
# lose; some hundred units in the last place of float64.
FLOAT32, FLOAT64 = 1e-6, 1e-13


def exceeds_rounding(deviation: Any, mean: Any, precision: float = FLOAT32) -> Any:
    """Whether a deviation is more than rounding leaves in numbers of this mean and precision; bool."""
    return deviation > precision * abs(mean)


def moments(values: np.ndarray, ddof: int = 0) -> tuple[Any, Any]:
    """Mean and standard deviation of each column; the deviation is 0 exactly where all values are equal.

    The formula's mean of n equal numbers differs from them by rounding, and so does its deviation from 0. Neither
    large values nor small ones leave float64's range here.

    Args:
        values: Finite float64, shape (n, …).
        ddof: The sum of squares is divided by n − `ddof`.

    Returns:
        Two float64 arrays of shape (…).
    """
    _, exponent = np.frexp(np.abs(values).max(axis=0))
    scaled = np.ldexp(values, -exponent)  # exact, and no square leaves float64's range
    sound = exceeds_rounding(scaled.std(axis=0), scaled.mean(axis=0))
    origin = np.where(sound, 0.0, scaled[0])
    centred = scaled - origin
    mean, deviation = origin + centred.mean(axis=0), centred.std(axis=0, ddof=ddof)
    return np.ldexp(mean, exponent), np.ldexp(deviation, exponent)
