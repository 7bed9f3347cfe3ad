"""The evolution of an estimator: generations, the champion of the validation samples, and the end of a fit."""

from __future__ import annotations

import functools
import logging
import time
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from evaluators.supervised import Supervised
from neat.genome.genome import Genome, Genomes, describe_size
from neat.population import Population
from neat.support.progress_display import ProgressDisplay, show_number

_log = logging.getLogger("evaluators")


# What a pass of a sample takes, in the time of a connection: fitted to fits of eleven data sets on one core.
_NODE, _CROSS_ENTROPY = 8, 100  # for each node, and for each output of a classifier


class Limits(NamedTuple):
    """What ends a fit."""

    generations: int
    patience: int
    """Generations without a better champion of the validation samples."""
    seconds: float | None
    work: float | None
    """Operations, as `_count_operations` estimates them."""
    passes: int
    """The samples that all networks of a generation see; those of a gradient step count three times."""


@dataclass
class Evolved:
    """The state of an evolution, with which another fit can go on.

    Attributes:
        population: The population.
        first: The champion of the first generation; None before it.
        champion: The best champion so far; None before the first generation.
        score: Its fitness on the validation samples, or on the training samples if there are none.
        scores: The scores of the champions of all generations.
    """

    population: Population
    first: Genome | None = None
    champion: Genome | None = None
    score: float = -np.inf
    scores: list[float] = field(default_factory=list)


def evolve(
    evolved: Evolved,
    training: Supervised,
    validation: Supervised | None,
    limits: Limits,
    display: ProgressDisplay | None,
) -> None:
    """Evolve for some generations, and keep the champion of a generation that scores best.

    Args:
        evolved: The state, which changes.
        training: The evaluator of the training samples.
        validation: The evaluator of the validation samples; None: the fitness in training chooses the champion.
        limits: What ends the fit.
        display: Where to show the progress; None to show nothing.
    """
    population = evolved.population
    if evolved.champion is not None:  # an earlier fit's, on other samples maybe
        evolved.score = (validation or training).score(evolved.champion)
    begin, improved, work = time.perf_counter(), 0, 0.0
    for generation in range(1, limits.generations + 1):
        genomes = population.ask()
        fitness = training(genomes)
        scored = genomes if training.learned is None else training.learned
        best = int(np.argmax(np.where(np.isnan(fitness), -np.inf, fitness)))
        candidate = scored[best]
        if evolved.first is None:
            evolved.first = candidate
        score = float(fitness[best]) if validation is None else validation.score(candidate)
        evolved.scores.append(score)
        if score > evolved.score or evolved.champion is None:
            evolved.champion, evolved.score, improved = candidate, score, generation
        population.tell(fitness, training.learned)
        if display is not None:
            described = functools.partial(_describe, float(fitness[best]), evolved, validation is not None)
            display.update(generation, described)
        if validation is not None and generation - improved >= limits.patience:
            _log.info("no better champion in %d generations: stopped after %d", limits.patience, generation)
            return
        work += _count_operations(genomes, training, limits.passes)
        if limits.work is not None and work >= limits.work:
            _log.info("max_work ended the fit after %d generations", generation)
            return
        if limits.seconds is not None and time.perf_counter() - begin >= limits.seconds:
            _log.warning(
                "max_seconds ended the fit after %d generations; a repetition can end after another number",
                generation,
            )
            return


def _count_operations(genomes: Genomes, training: Supervised, passes: int) -> float:
    """Estimate the work of a generation, in an order of magnitude that fits most machines."""
    arrays = genomes.arrays
    genes = len(arrays.connection_weight) + _NODE * len(arrays.node_bias)
    outputs = _CROSS_ENTROPY * training.num_outputs if training.samples.classifies else 0
    return passes * (genes / len(genomes) + outputs)


def _describe(fitness: float, evolved: Evolved, is_validated: bool) -> dict[str, str]:
    """Return what the progress display shows of a generation whose best fitness this is."""
    assert evolved.champion is not None
    kind = "validation" if is_validated else "training"
    return {
        "best": show_number(fitness),
        f"best in {kind}": show_number(evolved.score),
        "champion": describe_size(evolved.champion),
    }
