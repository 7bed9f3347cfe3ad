"""How observations become inputs: as they are, by their bounds, or by the mean and the deviation of all so far."""

from __future__ import annotations

from typing import Literal

import numpy as np

from evaluators.checks import as_float64, as_kept_count
from evaluators.environments import Environment
from evaluators.episode import Senses

Observations = Literal["scaled", "raw", "normalised"]

_ROUNDING = 1e-12  # relative, of a sum of squares
_NORMAL_LIMIT = np.float32(10.0)  # standard deviations


class Normaliser:
    """Mean and standard deviation of all observations so far (Chan, Golub and LeVeque 1979)."""

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean = np.zeros(size)
        self.squares = np.zeros(size)

    @property
    def deviation(self) -> np.ndarray:
        """float64 (observations,); 1 where nothing has varied by more than rounding."""
        variance = np.maximum(self.squares, 0.0) / max(self.count, 1)
        varies = variance > _ROUNDING * (self.mean * self.mean + variance)
        return np.sqrt(np.where(varies, variance, 1.0))

    def add(self, moment: np.ndarray, count: int) -> None:
        """Add observations: their sums of deviations from the mean and of squares, (…, 2, observations) in parts."""
        first, second = moment.reshape(-1, *moment.shape[-2:]).sum(axis=0)
        whole = self.count + count
        # The sums are about the float32 that the kernel had of the mean.
        shift = np.float64(np.float32(self.mean)) + first / count - self.mean
        self.squares += second - first * first / count + shift * shift * self.count * count / whole
        self.mean = self.mean + shift * count / whole
        self.count = whole

    def state(self) -> dict[str, np.ndarray]:
        """As arrays, for a checkpoint."""
        return {"count": np.array(self.count), "mean": self.mean, "squares": self.squares.copy()}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `state` gave.

        Raises:
            ValueError: The arrays are of other observations, or hold something that is not finite.
        """
        count = as_kept_count("count", arrays["count"])
        kept = {name: as_float64(name, arrays[name]) for name in ("mean", "squares")}
        for name, array in kept.items():
            if array.shape != self.mean.shape:
                raise ValueError(f"{name}: expected shape {self.mean.shape}, got {array.shape}")
        self.count, self.mean, self.squares = count, kept["mean"].copy(), kept["squares"].copy()


def senses_for(
    environment: Environment, observations: Observations, normaliser: Normaliser | None = None
) -> Senses:
    """As the kernels take it; `normaliser` is for "normalised"."""
    low, high = np.array(environment.observations)
    bounded = np.isfinite(low) & np.isfinite(high) & (observations == "scaled")
    offset, factor = np.zeros(len(low)), np.ones(len(low))
    offset[bounded] = (low[bounded] + high[bounded]) / 2
    factor[bounded] = 2 / (high[bounded] - low[bounded])
    limit = np.finfo(np.float32).max
    if normaliser is not None:
        offset, factor, limit = normaliser.mean, 1 / normaliser.deviation, _NORMAL_LIMIT
    return Senses(offset.astype(np.float32), factor.astype(np.float32), limit)
