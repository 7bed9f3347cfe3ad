"""Learning within evolution: the best genomes of a generation are trained by gradients before it reproduces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from evaluators.engine import Engine, Scorer
from evaluators.gradient.evolved import Trainer
from evaluators.samples import Samples
from neat.evaluation import Divide
from neat.genome import schema
from neat.genome.genome import Genomes


class LearningSettings(NamedTuple):
    """Which genomes learn, when and how (see `evaluators.Supervised`)."""

    steps: int
    best: float
    every: int
    batch: int | None
    optimiser: Callable[[list[Any]], Any]


class Scored(NamedTuple):
    """The fitness of genomes, some of which may have learned."""

    fitness: np.ndarray
    """float64 (genomes,), of the learned numbers."""
    gain: np.ndarray
    """float64 (genomes,), by how much learning improved each fitness; 0 for a genome that has not learned."""
    learned: Genomes | None
    """All genomes, with the numbers that the fitness belongs to; None if none of them has learned."""


class Learner:
    """Scores genomes, trains the best of them, and keeps what improves their fitness over all samples.

    Args:
        samples: The data set.
        engine: Trains the genomes that learn.
        scorer: Computes the fitness of all genomes.
        settings: Which genomes learn, when and how.
    """

    def __init__(self, samples: Samples, engine: Engine, scorer: Scorer, settings: LearningSettings) -> None:
        self._samples = samples
        self._engine = engine
        self._scorer = scorer
        self._settings = settings
        self._trainer = self._trainer_on(samples)
        self._has_batches = settings.batch is not None and settings.batch < len(samples.targets)

    def __call__(self, genomes: Genomes, divide: Divide | None = None) -> Scored:
        """Return the fitness of genomes after some have learned.

        Args:
            genomes: The genomes.
            divide: Lets other evaluators score and train them (see `Supervised.call_divided`).
        """
        fitness = self._scorer.score(genomes) if divide is None else divide("score_part", genomes)["fitness"]
        gain = np.zeros(len(fitness))
        if genomes.generation % self._settings.every:
            return Scored(fitness, gain, None)
        chosen = self._choose(fitness)
        trained, after = self._train(genomes.take(chosen), divide)
        # False for NaN, and for genomes that failed: Distributed gives them −inf.
        improved = (after > fitness[chosen]) & np.isfinite(fitness[chosen])
        chosen = chosen[improved]
        gain[chosen] = after[improved] - fitness[chosen]
        fitness[chosen] = after[improved]
        return Scored(fitness, gain, replace_numbers(genomes, chosen, trained.take(np.flatnonzero(improved))))

    def train(self, genomes: Genomes) -> tuple[Genomes, np.ndarray]:
        """Return trained copies of genomes, with their fitness."""
        trainer = self._trainer_on(self._draw_batch(genomes)) if self._has_batches else self._trainer
        trained = trainer(genomes).genomes
        # Scored like the others, so that the fitness of a champion is the one that a later call returns for it.
        return trained, self._scorer.score(trained)

    def _train(self, genomes: Genomes, divide: Divide | None) -> tuple[Genomes, np.ndarray]:
        if divide is None:
            return self.train(genomes)
        results = divide("train_part", genomes)
        for row in schema.NUMBERS:
            if row.field in results:  # unless all have failed
                getattr(genomes.arrays, row.field)[:] = results[row.field]
        return genomes, results["fitness"]

    def _trainer_on(self, samples: Samples) -> Trainer:
        return Trainer(samples, self._engine, self._settings.optimiser, self._settings.steps)

    def _draw_batch(self, genomes: Genomes) -> Samples:
        """Draw the samples on which a generation learns.

        All steps of a generation see the same batch, so that they need no falling rate. The next generation sees
        another.
        """
        draw = np.random.default_rng([genomes.seed, genomes.generation])
        return self._samples.take(
            draw.choice(len(self._samples.targets), self._settings.batch, replace=False)
        )

    def _choose(self, fitness: np.ndarray) -> np.ndarray:
        """Return the indices of the genomes that learn, int64 (n,), ascending."""
        count = max(1, round(self._settings.best * len(fitness)))
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
