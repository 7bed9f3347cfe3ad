"""Evolution on a data set or in an environment, and its two controls: random search, and learning alone."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from experiments.comparison.meter import Counts, Meter, Network
from experiments.tasks.control import REPORT_TRIAL, STOP_TRIAL, UNSEEN_STARTS, Control
from experiments.tasks.prediction import Learnable, predictions
from neat import Config, Genome, Genomes, Population


class ScoredGeneration(NamedTuple):
    """The evaluation of a generation."""

    fitness: np.ndarray
    """float64 (genomes,)."""
    learned: Genomes | None
    """The genomes with what they have learned; None if none of them has learned."""
    counts: Counts
    """The work, with that of reproduction."""
    network: Network | None
    """The network that the run would return now; None if it has not changed."""


class GenerationScorer(ABC):
    """Evaluates generations, and decides which genome the run would return.

    Attributes:
        is_solved: Whether that genome solves the task.
    """

    evaluator: Any

    def __init__(self) -> None:
        self.is_solved = False
        self._best = -math.inf

    @abstractmethod
    def __call__(self, genomes: Genomes) -> ScoredGeneration:
        """Evaluate a generation."""


class DataScorer(GenerationScorer):
    """Returns the genome with the highest fitness so far."""

    def __init__(self, task: Learnable) -> None:
        super().__init__()
        self.evaluator = task.evaluator("cpu")
        self._solves = task.solved(self.evaluator)
        self._task = task
        sets = task.sets()
        self._inputs, self._targets = sets.inputs[sets.test], sets.targets[sets.test]

    def __call__(self, genomes: Genomes) -> ScoredGeneration:
        """Evaluate a generation."""
        fitness = self.evaluator(genomes)
        learned = self.evaluator.learned
        best = int(np.nanargmax(fitness))
        network = None
        if fitness[best] > self._best:
            self._best = fitness[best]
            champion = (genomes if learned is None else learned)[best]
            self.is_solved = self._solves is not None and self._solves(champion)
            network = Network(lambda: self._score(champion), count_parameters(champion))
        return ScoredGeneration(fitness, learned, count_genes(genomes), network)

    def _score(self, champion: Genome) -> float:
        return self._task.score(predictions(champion, self._inputs), self._targets)


class EpisodeScorer(GenerationScorer):
    """Returns that champion of a generation which has the highest mean reward over fresh starts.

    These episodes, which also decide whether the task is solved, count as work.
    """

    def __init__(self, task: Control) -> None:
        super().__init__()
        self.evaluator = task.evaluator("cpu")
        self._task = task

    def __call__(self, genomes: Genomes) -> ScoredGeneration:
        """Evaluate a generation."""
        before = self.evaluator.steps
        fitness = self.evaluator(genomes)
        champion = genomes[int(np.nanargmax(fitness))]
        fresh = self.evaluator.play(champion, UNSEEN_STARTS, trial=STOP_TRIAL)
        steps = self.evaluator.steps - before + int(fresh.length.sum())
        counts = {**count_genes(genomes), "environment step": steps}
        self.is_solved = self._task.exceeds_target(fresh.reward[0])
        network = None
        if self.is_solved or fresh.reward.mean() > self._best:
            self._best = float(fresh.reward.mean())
            network = Network(lambda: self._score(champion), count_parameters(champion))
        return ScoredGeneration(fitness, None, counts, network)

    def _score(self, champion: Genome) -> float:
        return float(self.evaluator.play(champion, UNSEEN_STARTS, trial=REPORT_TRIAL).reward.mean())


def count_genes(genomes: Genomes) -> dict[str, float]:
    """Return the work of evaluating, speciating and reproducing a generation."""
    arrays = genomes.arrays
    return {"generation": 1, "gene": int(arrays.node_offset[-1] + arrays.connection_offset[-1])}


def count_parameters(champion: Genome) -> int:
    """Return the number of enabled connections and nodes: the weights and biases of the champion."""
    return sum(connection["enabled"] for connection in champion.connections) + len(champion.nodes)


def evolve(scorer: GenerationScorer, config: Config, meter: Meter) -> None:
    """Evolve until the task is solved or the budget is spent."""
    meter.start()
    population = Population(config, lineage=False)
    while not scorer.is_solved:
        scored = scorer(population.ask())
        population.tell(scored.fitness, scored.learned)
        meter.tick(scored.counts, scored.network)


def search(scorer: GenerationScorer, config: Config, restart: int, meter: Meter) -> None:
    """Run NEAT with random fitness, as a control: only the genome that the run returns is selected.

    With the settings of `random_settings`, each genome has new random numbers. Its structure has gone through as many
    mutations as if it had evolved.

    Args:
        scorer: Evaluates the generations.
        config: The settings.
        restart: The number of generations after which the search begins again, so that genomes stay small.
        meter: The meter of the run.
    """
    draws = np.random.default_rng(config.seed)
    meter.start()
    while True:
        population = Population(config.updated(seed=int(draws.integers(2**31))), lineage=False)
        for _ in range(restart):
            scored = scorer(population.ask())
            population.tell(draws.random(config.population_size))
            meter.tick(scored.counts, scored.network)
            if scorer.is_solved:
                return


def random_settings(spread: float) -> dict[str, Any]:
    """Return settings by which mutation replaces all weights and biases, with the standard deviation `spread`.

    There is one species, since several would favour genomes with a new structure.
    """
    replaced = {"genome_rate": 1.0, "perturb_rate": 0.0, "replace_rate": 1.0}
    return {
        "genome": {"weight": {"spread": spread}, "bias": {"spread": spread}},
        "mutation": {"weight": replaced, "bias": replaced},
        "speciation": {"threshold": 1e9, "threshold_mode": "fixed"},
        "reproduction": {"elites": 0, "survival_rate": 1.0},
    }


def learn_only(task: Learnable, learner: Learnable, config: Config, meter: Meter) -> None:
    """Let the best genomes of generation 0 learn, without reproduction.

    They learn until the task is solved or the budget is spent.

    Args:
        task: The task without learning, which finds the best genomes.
        learner: The same task, in which all of these genomes learn.
        config: The settings of generation 0.
        meter: The meter of the run.
    """
    scorer, evaluator = DataScorer(learner), task.evaluator("cpu")
    meter.start()
    genomes = Population(config).ask()
    count = max(1, round(task.learn_best * len(genomes)))
    genomes = genomes.take(np.argsort(-evaluator(genomes), kind="stable")[:count])
    while not scorer.is_solved:
        scored = scorer(genomes)
        if scored.learned is not None:
            genomes = scored.learned
        meter.tick({"round": 1}, scored.network)
