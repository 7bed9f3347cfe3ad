"""Preparation of data for training: scales that are fitted on the training set."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.checks import as_float64
from evaluators.gradient.checks import check_positive
from evaluators.mean_and_deviation import FLOAT64, exceeds_rounding, moments


class _FittedScale:
    """The base of scales that are fitted on the training set, whose mean they subtract."""

    mean: np.ndarray

    def _scale(self, centred: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def __call__(self, inputs: Any) -> np.ndarray:
        """Return the scaled inputs, float64 of the same shape.

        Raises:
            ValueError: The features have another shape, or a number is not finite before or after the scaling.
        """
        array = as_float64("inputs", inputs)
        if array.shape[1:] != self.mean.shape:
            raise ValueError(f"inputs: expected samples of shape {self.mean.shape}, got {array.shape[1:]}")
        with np.errstate(over="ignore", invalid="ignore"):
            return as_float64("inputs, scaled", self._scale(array - self.mean))


class Standardise(_FittedScale):
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
        array = _check_training(training)
        self.mean, deviation = moments(array)
        self.deviation = np.where(exceeds_rounding(deviation, self.mean, FLOAT64), deviation, 1.0)

    def _scale(self, centred: np.ndarray) -> np.ndarray:
        return centred / self.deviation


class ZCA(_FittedScale):
    """Whitens features so that, on the training set, they are uncorrelated and each has the variance 1.

    Of all matrices that do so, this one changes the features least: images stay recognisable (Bell and Sejnowski 1997).
    It is U (Λ + ε)^−1/2 Uᵀ, where U Λ Uᵀ is the training set's covariance. Other sets are whitened with the same mean
    and matrix.

    Args:
        training: Inputs of the training set, shape (samples, …).
        epsilon: ε, added to the variance of each principal component. Components of a smaller variance stay smaller, so
            that their noise is not amplified.

    Attributes:
        mean: float64, shape (…).
        matrix: float64, shape (features, features), for samples flattened to (samples, features).

    Raises:
        ValueError: There is no sample, a number is not finite, or `epsilon` is not above 0.
    """

    def __init__(self, training: Any, epsilon: float = 1e-3) -> None:
        array = _check_training(training)
        epsilon = check_positive("epsilon", epsilon)
        self.mean = array.mean(axis=0)
        centred = (array - self.mean).reshape(len(array), -1)
        variance, component = np.linalg.eigh(centred.T @ centred / len(array))
        # Rounding may make the smallest variances negative.
        self.matrix = component / np.sqrt(np.maximum(variance, 0) + epsilon) @ component.T

    def _scale(self, centred: np.ndarray) -> np.ndarray:
        return (centred.reshape(len(centred), -1) @ self.matrix).reshape(centred.shape)


def _check_training(training: Any) -> np.ndarray:
    array = as_float64("training", training)
    if array.ndim < 2 or not array.size:
        raise ValueError(f"training: expected shape (samples, features), got {array.shape}")
    return array
