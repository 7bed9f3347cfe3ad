"""Define what ends a call of `run`: its target, a limit, or a function of the user."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from neat.evolution.target import Target

StoppedBy = Literal["target", "generations", "max_evaluations", "max_seconds", "stop"]
"""What ended a run: its target, or the argument of `Population.run` with this name."""


class StopConditions(NamedTuple):
    """What ends a call of `run`. It is checked between generations; `population` is a Population."""

    target: Target
    generations: int
    max_evaluations: int | None
    """The most genomes that the whole run may evaluate; None for no limit."""
    end: float
    """The time, by `time.perf_counter`, from which no further generation begins."""
    stop: Callable[[Any], bool] | None

    @classmethod
    def from_now(
        cls,
        target: Target,
        generations: int,
        max_evaluations: int | None,
        max_seconds: float | None,
        stop: Callable[[Any], bool] | None,
    ) -> StopConditions:
        """Return conditions whose seconds begin now; None for no limit."""
        seconds = float("inf") if max_seconds is None else float(max_seconds)
        return cls(target, generations, max_evaluations, time.perf_counter() + seconds, stop)

    def count_generations(self, population_size: int) -> int:
        """Return the number of generations after which a count ends the run, if nothing else does earlier."""
        if self.max_evaluations is None:
            return self.generations
        return min(self.generations, self.max_evaluations // population_size)

    def find_reason_at_start(self, population: Any) -> StoppedBy | None:
        """Return what keeps the first generation of the call from being evaluated, or None."""
        return "target" if self.target.is_met_by(population.solution) else self._find_count(population)

    def find_reason_after(self, population: Any) -> StoppedBy | None:
        """Return what ends the run after a generation, or None. `population.solution` must be that generation's."""
        if population.solution is not None:
            return "target"
        count = self._find_count(population)
        if count is not None:
            return count
        if time.perf_counter() >= self.end:
            return "max_seconds"
        return "stop" if self.stop is not None and self.stop(population) else None

    def _find_count(self, population: Any) -> StoppedBy | None:
        """Return the number that leaves no room for another generation, or None."""
        if population.generation >= self.generations:
            return "generations"
        after_next = population.evaluations + population.config.population_size
        return "max_evaluations" if after_next > (self.max_evaluations or after_next) else None
