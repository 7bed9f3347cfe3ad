"""Define the reporter that shows the progress of a run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from neat.evolution.history import History
from neat.evolution.result import Result
from neat.genome.genome import describe_size
from neat.population import Population
from neat.reporting.reporters import Reporter
from neat.support.progress_display import ProgressDisplay, abbreviate, show_number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


class Progress(Reporter):
    """Shows the progress of a run and, at the end, its result.

    A terminal and a notebook show it in place. Elsewhere, such as in a log, it is a line for each tenth of the
    generations, and after a minute of silence. The species are shown at the end. The champion is that of the run so
    far, and the time left is that for all generations.

    Args:
        verbose: Also show the species after each tenth of the run.
        species: Show the species at the end.
        max_seconds: The argument of `Population.run`, so that the time left is not more; None for no limit.
        console: The output; None for standard output, or the notebook.
        status: Returns what to show as a line of its own, such as the status of an `evaluators.Distributed`.
    """

    def __init__(
        self,
        verbose: bool = False,
        species: bool = True,
        max_seconds: float | None = None,
        console: Console | None = None,
        status: Callable[[], object] | None = None,
    ) -> None:
        self._verbose, self._species = verbose, species
        self._max_seconds, self._console, self._status = max_seconds, console, status
        self._display: ProgressDisplay | None = None

    def start(self, population: Population, generations: int) -> None:
        """Open the display."""
        self.close()
        self._every = max(1, generations // 10)
        self._display = ProgressDisplay(
            "generation",
            generations,
            population.generation,
            self._console,
            self._max_seconds,
            self._status,
        )

    def generation(self, population: Population, timings: Mapping[str, float]) -> None:
        """Show the finished generation."""
        assert self._display is not None
        self._display.update(population.generation, functools.partial(self._describe, population))
        if self._verbose and population.generation % self._every == 0:
            self._display.console.print(species_table(population.history))

    def finish(self, population: Population, result: Result) -> None:
        """Show the species and the result."""
        assert self._display is not None
        self._display.close()
        console = self._display.console
        if self._species and len(population.history):
            console.print(species_table(population.history))
        ending = {"target": "solved", "generations": "ended"}.get(
            result.stopped_by, f"ended by {result.stopped_by}"
        )
        console.print(
            f"{ending} after {result.generations} generations and {result.evaluations:,} evaluations, "
            f"{_describe_fitness(result)}"
        )

    def close(self) -> None:
        """Release the terminal."""
        if self._display is not None:
            self._display.close()

    def _describe(self, population: Population) -> dict[str, str]:
        assert self._display is not None and population.best is not None
        speed = self._display.speed
        rate = "–" if speed is None else abbreviate(speed * population.config.population_size)
        row = population.history.last
        return {
            "best": show_number(row["best"]),
            "mean": show_number(row["mean"]),
            "species": str(row["species"]),
            "champion": describe_size(population.best),
            "evaluations/s": rate,
        }


def _describe_fitness(result: Result) -> str:
    """Return the champion's fitness in words, which say whether new trials gave it."""
    if result.validated:
        return f"the champion's fitness in new trials is {result.champion_fitness:.6g}"
    return f"best fitness {result.champion_fitness:.6g}"


def species_table(history: History, most: int = 12) -> Table:
    """Return a rich table of the last generation's species, the largest first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    rows = history.last_species
    rows = rows[np.lexsort((rows["id"], -rows["size"]))]
    rest = f"; {len(rows) - most} smaller ones not shown" if len(rows) > most else ""
    table = Table(box=SIMPLE_HEAD, caption=f"species in generation {history.last['generation']}{rest}")
    columns = ("id", "size", "age", "best", "mean", "stagnation")
    for name in columns:
        table.add_column(name, justify="right")
    for row in rows[list(columns)][:most].tolist():
        table.add_row(*(f"{value:.6g}" if isinstance(value, float) else str(value) for value in row))
    return table
