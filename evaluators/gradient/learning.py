"""Learning within evolution: the best genomes of a generation are trained by gradients before it reproduces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluators.engine import Scorer
from evaluators.gradient.evolved import Trainer
from neat.genome import schema
from neat.genome.genome import Genomes


class Scored(NamedTuple):
    """The fitness of genomes, some of which may have learned."""

    fitness: np.ndarray
    """float64 (genomes,), of the learned numbers."""
    learned: Genomes | None
    """All genomes, with the numbers that the fitness belongs to; None if none of them has learned."""


class Learner:
    """Scores genomes, trains the best of them, and keeps what improves their fitness.

    Args:
        scorer: Computes the fitness of all genomes.
        trainer: Trains those that learn.
        best: The share of the genomes that learn, in (0, 1]: those with the highest fitness, at least one.
        every: The number of generations from one that learns to the next; generation 0 learns.
    """

    def __init__(self, scorer: Scorer, trainer: Trainer, best: float, every: int) -> None:
        self._scorer = scorer
        self._trainer = trainer
        self._best = best
        self._every = every

    def __call__(self, genomes: Genomes) -> Scored:
        """Return the fitness of genomes after some have learned."""
        fitness = self._scorer.score(genomes)
        if genomes.generation % self._every:
            return Scored(fitness, None)
        chosen = self._choose(fitness)
        result = self._trainer(genomes.take(chosen))
        improved = result.fitness > fitness[chosen]  # False for NaN
        chosen = chosen[improved]
        fitness[chosen] = result.fitness[improved]
        learned = result.genomes.take(np.flatnonzero(improved))
        return Scored(fitness, replace_numbers(genomes, chosen, learned))

    def _choose(self, fitness: np.ndarray) -> np.ndarray:
        """Return the indices of the genomes that learn, int64 (n,), ascending."""
        count = max(1, round(self._best * len(fitness)))
        ranked = np.where(np.isnan(fitness), -np.inf, fitness)
        return np.sort(np.argsort(-ranked, kind="stable")[:count])


def replace_numbers(genomes: Genomes, indices: np.ndarray, learned: Genomes) -> Genomes:
    """Return a copy of all genomes, in which those at `indices` have the weights, biases and responses of `learned`.

    Args:
        genomes: The genomes.
        indices: int64 (n,), ascending.
        learned: Copies of these genomes, in the same order.
    """
    result = genomes.take(np.arange(len(genomes)))
    replaced = np.zeros(len(genomes), bool)
    replaced[indices] = True
    arrays = result.arrays
    for row in schema.NUMBERS:
        genes = np.repeat(replaced, np.diff(getattr(arrays, f"{row.owner}_offset")))
        getattr(arrays, row.field)[genes] = getattr(learned.arrays, row.field)
    return result
