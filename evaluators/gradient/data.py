"""Preparation of data for training."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.checks import as_float64
from evaluators.moments import FLOAT64, exceeds_rounding, moments


class Standardise:
    """Scales features so that, on the training set, each has the mean 0 and the standard deviation 1.

    Other sets are scaled with the training set's mean and deviation.

    Args:
        training: Inputs of the training set, shape (samples, …).

    Attributes:
        mean: float64, shape (…).
        deviation: float64, shape (…); 1 for a feature that varies by no more than float64's rounding.

    Raises:
        ValueError: There is no sample, or a number is not finite.
    """

    def __init__(self, training: Any) -> None:
        array = as_float64("training", training)
        if array.ndim < 2 or not array.size:
            raise ValueError(f"training: expected shape (samples, features), got {array.shape}")
        self.mean, deviation = moments(array)
        self.deviation = np.where(exceeds_rounding(deviation, self.mean, FLOAT64), deviation, 1.0)

    def __call__(self, inputs: Any) -> np.ndarray:
        """Return the standardised inputs, float64 of the same shape.

        Raises:
            ValueError: The features have another shape, or a number is not finite before or after the scaling.
        """
        array = as_float64("inputs", inputs)
        if array.shape[1:] != self.mean.shape:
            raise ValueError(f"inputs: expected samples of shape {self.mean.shape}, got {array.shape[1:]}")
        with np.errstate(over="ignore"):
            return as_float64("inputs, standardised", (array - self.mean) / self.deviation)
