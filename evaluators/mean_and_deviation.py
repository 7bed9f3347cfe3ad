"""Mean and deviation of numbers that may all be equal, and the test to make before dividing by a deviation."""

from __future__ import annotations

from typing import Any

import numpy as np

# Relative deviations that rounding can cause: a few units in the last place of float32, which also exceeds the error of
# long float64 sums; some hundred units in the last place of float64.
FLOAT32, FLOAT64 = 1e-6, 1e-13


def exceeds_rounding(deviation: Any, mean: Any, precision: float = FLOAT32) -> Any:
    """Whether a deviation is larger than rounding can cause in numbers of this mean and precision; bool."""
    return deviation > precision * abs(mean)


def moments(values: np.ndarray, ddof: int = 0) -> tuple[Any, Any]:
    """Return mean and standard deviation of each column; the deviation is exactly 0 where all values are equal.

    The usual formula does not guarantee this, since the rounded mean of n equal numbers can differ from them. Very
    large and very small values neither overflow nor underflow.

    Args:
        values: Finite float64, shape (n, …).
        ddof: The sum of squares is divided by n − `ddof`.

    Returns:
        Two float64 arrays of shape (…).
    """
    _, exponent = np.frexp(np.abs(values).max(axis=0))
    scaled = np.ldexp(values, -exponent)  # exact, and squares stay within float64's range
    sound = exceeds_rounding(scaled.std(axis=0), scaled.mean(axis=0))
    origin = np.where(sound, 0.0, scaled[0])
    centred = scaled - origin
    mean, deviation = origin + centred.mean(axis=0), centred.std(axis=0, ddof=ddof)
    return np.ldexp(mean, exponent), np.ldexp(deviation, exponent)
