"""Means and shares with their confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evaluators.mean_and_deviation import moments


class Summary(NamedTuple):
    """Statistics of a sample; NaN if the sample is too small for them."""

    size: int
    mean: float
    low: float
    """Lower end of the 95 % interval of the mean (Student's t)."""
    high: float
    """Upper end."""
    sd: float
    """Standard deviation of the sample, with n − 1."""
    median: float
    least: float
    greatest: float


def summary(values: Sequence[float] | np.ndarray) -> Summary:
    """Return statistics of the finite values."""
    sample = np.asarray(values, float)
    sample = sample[np.isfinite(sample)]
    if len(sample) == 0:
        return Summary(0, *[np.nan] * 7)
    mean = float(moments(sample)[0])
    sd = half = np.nan
    if len(sample) > 1:
        sd = float(moments(sample, ddof=1)[1])
        half = t_quantile(0.95, len(sample) - 1) * sd / len(sample) ** 0.5
    extremes = float(np.median(sample)), float(sample.min()), float(sample.max())
    return Summary(len(sample), mean, mean - half, mean + half, sd, *extremes)


def bootstrap(values: Sequence[float], resamples: int = 10_000) -> tuple[float, float]:
    """Return the 95 % interval of the mean by percentiles of resampled means (Efron 1979); NaN for less than 2 values.

    Unlike Student's interval, it never exceeds the range of the values.
    """
    sample = np.asarray(values, float)
    if len(sample) < 2:
        return np.nan, np.nan
    drawn = np.random.default_rng(0).integers(len(sample), size=(resamples, len(sample)))
    low, high = np.percentile(sample[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def t_quantile(coverage: float, freedom: int) -> float:
    """Return the t with P(|T| < t) = `coverage` for Student's t distribution with `freedom` degrees of freedom."""
    from scipy.special import stdtrit  # here, since its import takes long

    return float(stdtrit(freedom, (1 + coverage) / 2))


def wilson(successes: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    z = 1.959964
    centre = (successes + z**2 / 2) / (count + z**2)
    half = z / (count + z**2) * (successes * (count - successes) / count + z**2 / 4) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)
