"""Meters count the work of a run, end it when its budget is spent, and keep its learning curve."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

Counts = Mapping[str, float]
"""Numbers of units of work, by unit."""

_ROUNDING = 1e-9  # relative; sums of equal numbers differ by less from their product
_TICKS_TO_MEASURE = 200


class Point(NamedTuple):
    """A point of a learning curve."""

    work: float
    """Seconds: at the prices of a plan or, with equal time, of the processor."""
    score: float


class ComparedRun(NamedTuple):
    """The result of a run."""

    parameters: int
    """Number of weights and biases of the final network."""
    curve: list[Point]
    """The last point is that of the final network, at the end of the run."""

    @property
    def end(self) -> Point:
        """The last point of the curve."""
        return self.curve[-1]


class Network(NamedTuple):
    """The network that a run would return now."""

    score: Callable[[], float]
    """Computes the score by which runs are compared. Nothing is selected by it, and it does not count as work."""
    parameters: int


class BudgetSpent(Exception):
    """The budget of a run is spent."""


class Meter(ABC):
    """Adds up the work of a run.

    Args:
        budget: Seconds of work.
    """

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self._work = 0.0
        self._parameters = 0
        self._points: list[Point] = []

    def start(self) -> None:
        """Begin to measure, when the data of a run is prepared."""
        self._begin = time.process_time()

    @abstractmethod
    def count_affordable(self, counts: Counts) -> int:
        """Return how many ticks of this work the whole budget pays for, at least 1."""

    def _measure(self, counts: Counts) -> float:
        """Return the seconds of the tick that ends now."""
        return time.process_time() - self._begin

    def tick(self, counts: Counts, network: Network | None) -> None:
        """End a tick, which is work that is not divided, such as a generation.

        Args:
            counts: The work since the last tick.
            network: The network that the run would return now; None if it is still that of the last tick.

        Raises:
            BudgetSpent: The budget did not pay for the tick, so that the network before it is the final one. The first
                tick of a run is always paid for.
        """
        work = self._work + self._measure(counts)
        if self._points and work > self.budget * (1 + _ROUNDING):
            raise BudgetSpent
        self._work = work
        if network is not None:
            self._points.append(Point(work, network.score()))
            self._parameters = network.parameters
        self.start()  # the time that the score takes does not count

    @property
    def outcome(self) -> ComparedRun:
        """The result of the run up to the last tick that was paid for."""
        last = self._points[-1]
        at_end = [] if last.work == self._work else [Point(self._work, last.score)]
        return ComparedRun(self._parameters, self._points + at_end)


class TimedMeter(Meter):
    """Measures the processor time of this process, which differs from run to run. Prices only plan the run's length.

    Args:
        budget: Seconds of work.
        prices: Seconds of each unit of work.
    """

    def __init__(self, budget: float, prices: Mapping[str, float]) -> None:
        super().__init__(budget)
        self._prices = prices

    def count_affordable(self, counts: Counts) -> int:
        """Return how many ticks of this work the whole budget pays for, at least 1."""
        return max(1, math.floor(self.budget / self._price(counts) * (1 + _ROUNDING)))

    def _price(self, counts: Counts) -> float:
        return sum(number * self._prices[unit] for unit, number in counts.items())


class PricedMeter(TimedMeter):
    """Measures work by the prices too, so that a run repeats."""

    def _measure(self, counts: Counts) -> float:
        return self._price(counts)


class PricingMeter(Meter):
    """Measures the processor time of the ticks of one or more runs, from which prices follow. It takes no scores.

    Args:
        budget: Seconds of processor time.

    Attributes:
        is_spent: Whether the budget is spent.
    """

    def __init__(self, budget: float) -> None:
        super().__init__(budget)
        self.is_spent = False
        self._ticks: list[tuple[Counts, float]] = []

    def count_affordable(self, counts: Counts) -> int:
        """Return a number of ticks that is enough to measure their price."""
        return _TICKS_TO_MEASURE

    def tick(self, counts: Counts, network: Network | None) -> None:
        """End a tick; raise BudgetSpent if the budget is spent."""
        seconds = self._measure(counts)
        self._ticks.append((counts, seconds))
        self._work += seconds
        self.is_spent = self._work >= self.budget
        if self.is_spent:
            raise BudgetSpent
        self.start()

    @property
    def prices(self) -> dict[str, float]:
        """The prices of the units: those, none below 0, that predict the ticks' times with the least squared error.

        They are scaled so that all ticks together cost what they took.
        """
        from scipy.optimize import nnls

        units = list(self._ticks[0][0])
        counts = np.array([[tick[unit] for unit in units] for tick, _ in self._ticks], float)
        seconds = np.array([taken for _, taken in self._ticks])
        scale = counts.mean(axis=0)
        found = nnls(counts / scale, seconds)[0] / scale
        found *= seconds.sum() / (counts @ found).sum()
        return dict(zip(units, found.tolist(), strict=True))
