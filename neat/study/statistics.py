"""Compare two arms of a study by the evaluations that their runs take to the solution.

A run that fails is censored: all that is known is that its solution takes more evaluations than the limit, which is the
same for all runs. Ranks tie failures at the end, and means count each with the limit.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import special, stats

LEVEL = 0.05
"""Significance level of the tests; intervals cover 1 − LEVEL."""
RESAMPLES = 10_000
LEAST_RUNS = 20
"""With fewer runs of an arm, nothing is called equivalent, since resampling cannot show how much they vary."""
MANY_RUNS = 50
"""With fewer runs of an arm, p values come from permutations."""
_MOST_DRAWN = 4_000_000  # indices that a bootstrap holds at a time

Verdict = Literal["different", "different, within the margin", "equivalent", "undecided"]


class Interval(NamedTuple):
    """An estimate with its interval; NaN where it is unknown."""

    estimate: float
    low: float
    high: float


class Outcomes(NamedTuple):
    """How the runs of an arm on a task ended.

    Attributes:
        evaluations: float64 (runs,), the genomes evaluated until the solution, or until the end of a run that failed.
        solved: bool (runs,).
        limit: The evaluations after which a run fails.
    """

    evaluations: np.ndarray
    solved: np.ndarray
    limit: float

    @classmethod
    def of(cls, evaluations: Any, solved: Any, limit: float) -> Outcomes:
        """Return the outcomes of runs, failures with `limit` evaluations.

        Raises:
            ValueError: The arrays are empty or differ in length, or a solution took no evaluations or more than
                `limit`.
        """
        evaluations, solved = np.asarray(evaluations, float), np.asarray(solved, bool)
        if evaluations.shape != solved.shape or evaluations.ndim != 1 or len(solved) == 0:
            raise ValueError(
                f"evaluations, solved: must have the same number of runs, got {evaluations.shape} and {solved.shape}"
            )
        wrong = solved & ~((evaluations > 0) & (evaluations <= limit))
        if wrong.any():
            raise ValueError(
                f"evaluations: a solution must take from 1 to limit {limit:g} evaluations, "
                f"got {evaluations[wrong][0]:g}"
            )
        return cls(np.where(solved, evaluations, float(limit)), solved, float(limit))


def wilson(successes: int, count: int) -> Interval:
    """Return a share with its interval (Wilson 1927)."""
    interval = stats.binomtest(successes, count).proportion_ci(1 - LEVEL, "wilson")
    return Interval(successes / count, float(interval.low), float(interval.high))


class Survival(NamedTuple):
    """The share of runs without a solution, by evaluations (Kaplan and Meier 1958), a step function from 1.

    Attributes:
        evaluations: float64 (steps,), ascending.
        share: float64 (steps,), the share from `evaluations[k]` on.
        low: float64 (steps,), the lower end of the pointwise interval (log–log); NaN where it is unknown.
        high: float64 (steps,), the upper end.
    """

    evaluations: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


def survival(outcomes: Outcomes) -> Survival:
    """Return the Kaplan–Meier estimate of the share of runs without a solution."""
    function = stats.ecdf(_censored(outcomes)).sf
    with warnings.catch_warnings():  # the interval of shares 0 and 1 is unknown
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        interval = function.confidence_interval(1 - LEVEL, method="log-log")
    steps = function.quantiles, function.probabilities
    return Survival(*steps, interval.low.probabilities, interval.high.probabilities)


def median(outcomes: Outcomes) -> Interval:
    """Return the median of the evaluations to the solution; infinite if fewer than half of the runs find one.

    The interval holds the medians that the interval of the survival curve admits (Brookmeyer and Crowley 1982).
    """
    curve = survival(outcomes)
    return Interval(
        *(_first_at_half(curve.evaluations, share) for share in (curve.share, curve.low, curve.high))
    )


def _first_at_half(evaluations: np.ndarray, share: np.ndarray) -> float:
    below = np.flatnonzero(share <= 0.5 + 1e-9)  # the product of shares rounds
    return float(evaluations[below[0]]) if len(below) else float("inf")


def logrank(first: Outcomes, second: Outcomes) -> float:
    """Return the p value of the log-rank test that both arms have the same survival curve (Mantel 1966).

    It is 1 if no run has a solution.
    """
    if not (first.solved.any() or second.solved.any()):
        return 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        p = float(stats.logrank(_censored(first), _censored(second)).pvalue)
    return 1.0 if np.isnan(p) else p  # all runs took the same


def brunner_munzel(first: np.ndarray, second: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Return the p value of the test that P(first < second) + P(equal) / 2 is 1/2 (Brunner and Munzel 2000).

    The test is unpaired, because runs of two arms with the same seed soon have nothing in common. It is NaN if an arm
    has fewer than two values. If one has fewer than MANY_RUNS, p is that of the permutations (Neubert and Brunner
    2007): Student's approximation yields small p values several times too often in small samples, and Holm's
    correction depends on small p values.

    Args:
        first: float64 (n,), the values of one arm.
        second: float64 (m,), those of the other.
        resamples: How many permutations to draw; all are taken if there are fewer.
        seed: The seed of the draws.
    """
    if min(len(first), len(second)) < 2:
        return float("nan")
    if first.min() == first.max() == second.min() == second.max():
        return 1.0
    if first.max() < second.min() or second.max() < first.min():
        # The variances vanish; two permutations are as extreme.
        return float(2 / special.comb(len(first) + len(second), len(first)))
    if min(len(first), len(second)) >= MANY_RUNS:
        return float(stats.brunnermunzel(first, second).pvalue)
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of permutations whose variances vanish
        random = np.random.default_rng(seed)
        test = stats.permutation_test(
            (first, second), _compute_brunner_munzel, n_resamples=resamples, random_state=random
        )
    return float(test.pvalue)


def _compute_brunner_munzel(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
    """Return the statistic of the test along an axis of samples, float64 (…, n) and (…, m)."""
    return stats.brunnermunzel(first, second, axis=axis).statistic


def cliffs_delta(first: np.ndarray, second: np.ndarray) -> float:
    """Return P(first > second) − P(first < second), from −1 to 1 (Cliff 1993)."""
    greater = stats.mannwhitneyu(first, second, method="asymptotic").statistic
    return float(2 * greater / (len(first) * len(second)) - 1)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p values adjusted for their number (Holm 1979), float64 (tests,); NaN stays NaN and does not count."""
    p = np.asarray(p_values, float)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN come last
    adjusted = np.full(len(p), np.nan)
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def mean(values: np.ndarray) -> Interval:
    """Return the mean of the finite values with Student's interval."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return Interval(float(values.mean()) if len(values) else float("nan"), float("nan"), float("nan"))
    half = stats.t.ppf(1 - LEVEL / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return Interval(float(values.mean()), float(values.mean() - half), float(values.mean() + half))


def restricted_mean(outcomes: Outcomes, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the mean of the evaluations, failures counted with the limit, with its bootstrap interval (Efron 1979).

    It is the area under the survival curve up to the limit (Royston and Parmar 2013), since no run is censored before.
    """
    means = _resample(outcomes, resamples, np.random.default_rng(seed))
    low, high = np.quantile(means, [LEVEL / 2, 1 - LEVEL / 2]).tolist()
    return Interval(float(outcomes.evaluations.mean()), low, high)


class Ratio(NamedTuple):
    """The ratio of two restricted means by bootstrap.

    Attributes:
        ratio: The first arm's mean over the second's, with the interval that covers 1 − LEVEL.
        narrow: The interval that covers 1 − 2 LEVEL, for two one-sided tests at LEVEL (Schuirmann 1987).
            NaN if an arm has fewer than LEAST_RUNS runs.
    """

    ratio: Interval
    narrow: Interval

    def is_within(self, margin: float) -> bool:
        """Whether the means are equivalent: `narrow` lies between 1 / (1 + margin) and 1 + margin."""
        return 1 / (1 + margin) < self.narrow.low and self.narrow.high < 1 + margin


def mean_ratio(first: Outcomes, second: Outcomes, resamples: int = RESAMPLES, seed: int = 0) -> Ratio:
    """Return the ratio of the restricted means, with intervals by percentiles of resampled ratios (Efron 1979)."""
    estimate = float(first.evaluations.mean() / second.evaluations.mean())
    random = np.random.default_rng(seed)
    ratios = _resample(first, resamples, random) / _resample(second, resamples, random)
    tails = np.array([LEVEL / 2, LEVEL, 1 - LEVEL, 1 - LEVEL / 2])
    low, narrow_low, narrow_high, high = np.quantile(ratios, tails).tolist()
    if min(len(arm.evaluations) for arm in (first, second)) < LEAST_RUNS:
        narrow_low = narrow_high = math.nan
    return Ratio(Interval(estimate, low, high), Interval(estimate, narrow_low, narrow_high))


def _resample(outcomes: Outcomes, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Return the means of resampled runs, float64 (resamples,)."""
    values, size = outcomes.evaluations, len(outcomes.evaluations)
    at_once = max(1, _MOST_DRAWN // size)
    parts = [
        values[random.integers(size, size=(min(at_once, resamples - start), size))].mean(axis=1)
        for start in range(0, resamples, at_once)
    ]
    return np.concatenate(parts)


def verdict(p: float, ratio: Ratio | None, margin: float) -> Verdict:
    """Return what a comparison shows.

    Args:
        p: The p value of the difference, adjusted for the number of comparisons.
        ratio: The ratio of the restricted means; None if there is none, so that nothing is called equivalent.
        margin: The largest relative difference of the means that does not matter, such as 0.1.
    """
    within = ratio is not None and ratio.is_within(margin)
    if p < LEVEL:
        return "different, within the margin" if within else "different"
    return "equivalent" if within else "undecided"


def _censored(outcomes: Outcomes) -> stats.CensoredData:
    return stats.CensoredData.right_censored(outcomes.evaluations, ~outcomes.solved)
