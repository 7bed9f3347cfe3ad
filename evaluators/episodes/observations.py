"""Conversion of observations to inputs: unchanged, scaled by bounds, or normalised by mean and deviation."""

from __future__ import annotations

from typing import Literal

import numpy as np

from evaluators.checks import check_count, check_state
from evaluators.environments import Environment
from evaluators.episodes.episode import ObservationScaling
from evaluators.mean_and_deviation import FLOAT32, exceeds_rounding
from evaluators.models import inputs
from neat.support.messages import quote

Observations = Literal["scaled", "raw", "normalised"]

_NORMAL_LIMIT = np.float32(10.0)  # standard deviations


class Normaliser:
    """Accumulates the mean and the standard deviation of observations (Chan, Golub and LeVeque 1979)."""

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean = np.zeros(size)
        self.squares = np.zeros(size)

    @property
    def deviation(self) -> np.ndarray:
        """float64 (observations,); 1 for observations that have varied only by rounding errors."""
        variance = np.maximum(self.squares, 0.0) / max(self.count, 1)
        return np.sqrt(np.where(exceeds_rounding(np.sqrt(variance), self.mean), variance, 1.0))

    def add(self, moment: np.ndarray, count: int) -> None:
        """Add `count` observations.

        Args:
            moment: (…, 2, observations), sums of deviations from the float32 mean and of their squares, in parts.
            count: The number of observations.
        """
        first, second = moment.reshape(-1, *moment.shape[-2:]).sum(axis=0)
        whole = self.count + count
        # The kernel measured deviations from the mean in float32.
        shift = np.float64(np.float32(self.mean)) + first / count - self.mean
        self.squares += second - first * first / count + shift * shift * self.count * count / whole
        self.mean = self.mean + shift * count / whole
        self.count = whole

    def senses(self) -> ObservationScaling:
        """Return how observations become inputs: in standard deviations from the mean, and limited."""
        return _make_scaling(self.mean, 1 / self.deviation, _NORMAL_LIMIT)

    def state(self) -> dict[str, np.ndarray]:
        """Return the statistics as arrays, for a checkpoint."""
        return {"count": np.array(self.count), "mean": self.mean, "squares": self.squares.copy()}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned; raise a ValueError if it has another number of observations or is invalid."""
        own = self.state()
        check_state({name: arrays[name] for name in own if name in arrays}, own)
        count, mean, squares = int(arrays["count"]), arrays["mean"], arrays["squares"]
        check_count("state: count", count, 0, 2**62)
        if np.abs(mean).max(initial=0.0) > inputs.GREATEST:
            raise ValueError(f"state: mean: expected numbers that float32 can hold, got {quote(mean)}")
        least = -FLOAT32 * count * mean * mean  # rounding can make sums of squares slightly negative
        if (squares < least).any():
            raise ValueError(f"state: squares: expected sums of squares, got {quote(squares)}")
        self.count, self.mean, self.squares = count, mean.copy(), squares.copy()


def make_observation_scaling(environment: Environment, observations: Observations) -> ObservationScaling:
    """Return the scaling by bounds, or one that changes nothing. The one that normalises is `Normaliser.senses`."""
    low, high = np.array(environment.observations)
    bounded = np.isfinite(low) & np.isfinite(high) & (observations == "scaled")
    return _make_scaling(*inputs.scale_bounds(low, high, bounded), inputs.GREATEST)


def _make_scaling(offset: np.ndarray, factor: np.ndarray, limit: np.float32) -> ObservationScaling:
    return ObservationScaling(
        offset.astype(np.float32), np.minimum(factor, inputs.GREATEST).astype(np.float32), limit
    )


def observation_part(senses: ObservationScaling) -> inputs.Observations:
    """Return how observations become inputs, in a model's form."""
    offset, factor, limit = senses
    return inputs.Observations(
        offset=tuple(offset.tolist()), factor=tuple(factor.tolist()), limit=float(limit)
    )
