"""Distributions of actions."""

from __future__ import annotations

import math
from typing import Any

from evaluators.gradient.tensor import operations
from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.tensor import Tensor, record

_LOG_TAU = math.log(2 * math.pi)


class Categorical:
    """The distribution over choices with the probabilities softmax(logits).

    Args:
        logits: Shape (samples, choices).
    """

    def __init__(self, logits: Tensor) -> None:
        self._logs = operations.log_softmax(logits)

    def log_probability(self, choice: Any) -> Tensor:
        """Return the logarithms of the probabilities of choices, int64 (samples,); shape (samples,)."""
        return operations.pick(self._logs, choice)

    def entropy(self) -> Tensor:
        """Return the entropy −Σ p ln p, the mean over the samples."""
        logs = self._logs._data
        p = namespace(logs).exp(logs)
        value = -(p * logs).sum() / len(logs)
        return record("entropy", value, (self._logs,), lambda g: (p * (1 + logs) * (-g / len(logs)),))


class Gaussian:
    """Independent normal distributions.

    Args:
        mean: Shape (samples, dimensions).
        log_deviation: ln σ, shape (dimensions,).
    """

    def __init__(self, mean: Tensor, log_deviation: Tensor) -> None:
        self._mean, self._log_deviation = mean, log_deviation

    def log_probability(self, drawn: Any) -> Tensor:
        """Return the logarithm of the density at numbers of shape (samples, dimensions); shape (samples,)."""
        scale = namespace(self._mean._data).exp(-self._log_deviation._data)
        z = (drawn - self._mean._data) * scale
        logs = -0.5 * z * z - self._log_deviation._data - 0.5 * _LOG_TAU

        def backward(g: Any) -> tuple[Any, Any]:
            g = g[:, None]
            return g * z * scale, g * (z * z - 1)

        return record("log_probability", logs.sum(axis=1), (self._mean, self._log_deviation), backward)

    def entropy(self) -> Tensor:
        """Return the entropy of the density, Σ ln(σ √(2πe)).

        It is below 0 for deviations below 1 / √(2πe) = 0.242: unlike a probability, a density can exceed 1.
        """
        return self._log_deviation.sum() + 0.5 * (1 + _LOG_TAU) * len(self._log_deviation)
