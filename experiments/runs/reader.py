"""Read what a run has written to its folder so far: also of an interrupted run, or of one that is under way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from experiments.runs import description as descriptions
from experiments.runs.folder import CHAMPION, CHECKPOINT, RESULT
from experiments.tasks.experiment import COMPARE
from neat import Genome, Population
from neat.evolution.history import History
from neat.evolution.lineage import Lineage
from neat.io import checkpoint
from neat.support.text_files import read_regular, shorten_path


class RunSoFar(NamedTuple):
    """A run until its newest checkpoint, which is written whole, so that all parts belong to the same generation."""

    description: descriptions.Description
    """Experiment, arguments, options and starts."""
    population: Population
    """The state in the newest checkpoint, with the config."""
    champion: Genome
    """The champion of the run if it has ended, otherwise the best genome so far."""
    fitness: float
    """The fitness of the champion."""
    result: dict[str, Any] | None
    """The content of result.json if the run has ended, otherwise None."""

    @property
    def history(self) -> History:
        """A row for each generation, and one for each species of each generation: the curves."""
        return self.population.history

    @property
    def lineage(self) -> Lineage | None:
        """Champions, births, innovations and origins of species; None with --no-lineage and in old runs."""
        return self.population.lineage


def read_run(folder: Path, field: str) -> RunSoFar:
    """Return what the run in a folder has written so far; `field` begins the messages.

    Raises:
        ValueError: The folder holds no run, a study of many or a comparison, the run has no checkpoint yet, or a file
            is damaged.
    """
    description = descriptions.read(folder, field)
    if description.settings:
        raise ValueError(f"{field}: {shorten_path(folder)} holds a study of many runs; expected a single one")
    if description.experiment == COMPARE:
        raise ValueError(f"{field}: {shorten_path(folder)} holds a comparison; expected a single run")
    if not (folder / CHECKPOINT).exists():
        raise ValueError(
            f"{field}: {shorten_path(folder)} has no {CHECKPOINT} yet; a run writes it every "
            f"{description.options.get('checkpoint_every', 'few')} generations"
        )
    population = checkpoint.load(folder / CHECKPOINT)
    assert population.best is not None
    result = _read_result(folder, population.generation, field)
    if result is None:
        return RunSoFar(description, population, population.best, population.best_fitness, None)
    champion = Genome.load(folder / CHAMPION)
    # The file has no generation, by which `Lineage.ancestors` finds a refined champion.
    champion.genomes.generation = result.get("champion_generation", 0)
    return RunSoFar(description, population, champion, result["champion_fitness"], result)


def _read_result(folder: Path, generation: int, field: str) -> dict[str, Any] | None:
    """Return the content of result.json; None if there is none, or if the run was continued since."""
    path = folder / RESULT
    if not path.exists() or not (folder / CHAMPION).exists():
        return None
    try:
        content = json.loads(read_regular(path, descriptions.MOST_BYTES).decode())
        is_last = content["generations"] == generation and isinstance(
            content["champion_fitness"], float | int
        )
    except (ValueError, RecursionError, TypeError, KeyError):
        raise ValueError(f"{field}: {shorten_path(path)}: is not the result of a run") from None
    return content if is_last else None
