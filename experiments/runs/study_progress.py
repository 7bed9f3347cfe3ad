"""Show the progress of a study."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from experiments.runs.run import Run
from neat import Population, reporting
from neat.support.progress_display import ProgressDisplay, abbreviate, show_number


class StudyProgress:
    """Shows how many runs are done, and the generation of the current run if it is in this process.

    Args:
        display: Where to show it; None to show nothing.
        has_criterion: Whether runs can be solved.
        name_settings: Whether to name the setting of the runs.
    """

    def __init__(self, display: ProgressDisplay | None, has_criterion: bool, name_settings: bool) -> None:
        self._display, self._has_criterion, self._name_settings = display, has_criterion, name_settings
        self._setting = self._generation = ""
        self._runs: list[Run] = []

    def begin(self, setting: str) -> None:
        """Note the setting of the next runs."""
        self._setting = setting

    def add(self, run: Run) -> None:
        """Show that a run is done."""
        self._runs.append(run)
        self._show(0.0)

    def show_generation(self, generation: int, generations: int) -> None:
        """Show the generation of the current run."""
        self._generation = f"{generation}/{generations}"
        self._show(min(generation / generations, 0.999))

    def close(self) -> None:
        """Release the terminal."""
        if self._display is not None:
            self._display.close()

    def _show(self, share: float) -> None:
        if self._display is not None:
            self._display.update(len(self._runs) + share, self._describe)

    def _describe(self) -> dict[str, str]:
        assert self._display is not None
        values = {"setting": self._setting} if self._name_settings else {}
        if self._has_criterion:
            values["solved"] = str(sum(run.solved for run in self._runs))
        if self._runs:
            speed = self._display.speed
            rate = None if speed is None else speed * float(np.mean([run.evaluations for run in self._runs]))
            values["mean fitness"] = show_number(float(np.mean([run.fitness for run in self._runs])))
            values["evaluations/s"] = "–" if rate is None else abbreviate(rate)
        return values | ({"generation": self._generation} if self._generation else {})


class GenerationProgress(reporting.Reporter):
    """Shows the generations of each run of a study.

    Args:
        study: The progress of the study.
    """

    def __init__(self, study: StudyProgress) -> None:
        self._study = study

    def start(self, population: Population, generations: int) -> None:
        """Note the number of generations."""
        self._generations = generations

    def generation(self, population: Population, timings: Mapping[str, float]) -> None:
        """Show the finished generation."""
        self._study.show_generation(population.generation, self._generations)
