"""Who learns within evolution, how long and how fast: the screening from which the defaults of `Supervised` come.

One setting is changed at a time, on the tasks and budgets of `learning_within` and on five times the budget. The seeds
begin at 1000; `learning_within` reports the defaults on others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import evaluators
from benchmarks.parts.learning_within import CASES, WARM_UP, Arm, Case, adam, evolve
from benchmarks.support.report import Table, one_thread, seconds
from experiments.runs.statistics import bootstrap
from neat import Genomes, Population, parallel
from neat.evolution import speciation

FIRST_SEED, RUNS = 1_000, {1: 60, 5: 20}  # runs by factor of the budget


class SpeciesChampions:
    """An evaluator in which the champion of each species learns, which `Supervised` does not offer.

    Species are those of the genomes before they learn.
    """

    def __init__(self, population: Population, evaluator: evaluators.Supervised, steps: int) -> None:
        self._population = population
        self._evaluator = evaluator
        self._learner = evaluators.Supervised(
            evaluator.inputs,
            evaluator.targets,
            evaluator.samples.fitness,
            evaluator.samples.steps,
            device="cpu",
            learn_steps=steps,
            learn_best=1.0,
        )
        self.learned: Genomes | None = None

    def __call__(self, genomes: Genomes) -> np.ndarray:
        from evaluators.gradient.learning import replace_numbers

        fitness = self._evaluator(genomes)
        species = self._species()
        ranked = np.where(np.isnan(fitness), -np.inf, fitness)
        members = [np.flatnonzero(species == one) for one in np.unique(species[species >= 0])]
        chosen = np.sort([each[np.argmax(ranked[each])] for each in members] or [int(np.argmax(ranked))])
        fitness[chosen] = self._learner(genomes.take(chosen))
        assert self._learner.learned is not None
        self.learned = replace_numbers(genomes, chosen, self._learner.learned)
        return fitness

    def _species(self) -> np.ndarray:
        """Return the species of each genome, int64 (genomes,), by the representatives; -1 for none."""
        population = self._population
        species = np.empty(len(population.ask()), np.int64)
        threshold = speciation.threshold_as_float32(population.threshold)
        arguments = population._speciation, threshold, species
        parallel.over(
            speciation.assign, len(species), population._genes, population.species.representative, *arguments
        )
        return species


def _learning(**arguments: Any) -> Arm:
    return Arm({"learn_steps": 30, **arguments})


ARMS = {
    "NEAT alone": Arm({}),
    "the default: the best tenth, 30 steps at 0.1": _learning(),
    "15 steps": _learning(learn_steps=15),
    "60 steps": _learning(learn_steps=60),
    "the best twentieth": _learning(learn_best=0.05),
    "the best fifth": _learning(learn_best=0.2),
    "all": _learning(learn_best=1.0),
    "every second generation": _learning(learn_every=2),
    "every fifth generation": _learning(learn_every=5),
    "a rate of 0.01": _learning(optimiser=adam(0.01)),
    "a rate of 0.03": _learning(optimiser=adam(0.03)),
    "a rate of 0.05": _learning(optimiser=adam(0.05)),
    "a rate of 0.2": _learning(optimiser=adam(0.2)),
    "a rate that falls from 0.2 to 0": _learning(optimiser=adam(lambda step: 0.2 * (1 - step / 31))),
    "Baldwin": _learning(inherit=False),
    "the champions of species": Arm({}, wrap=lambda *given: SpeciesChampions(*given, 30)),
}


def run(quick: bool) -> dict[str, Any]:
    with one_thread():
        return {
            f"{case.task} {factor}": _run_case(case, factor, runs // 20 if quick else runs)
            for factor, runs in RUNS.items()
            for case in CASES
        }


def _run_case(case: Case, factor: int, runs: int) -> dict[str, tuple[float, float, float]]:
    """Return the mean score of each arm, with its 95 % interval."""
    for arm in ARMS.values():
        evolve(case._replace(budget=np.inf), FIRST_SEED - 1, arm, most=WARM_UP)
    budget = case._replace(budget=factor * case.budget)
    scores: dict[str, list[float]] = {name: [] for name in ARMS}
    for seed in range(FIRST_SEED, FIRST_SEED + runs):
        for name, arm in ARMS.items():  # in turn, so that a busy machine is busy for all of them
            scores[name].append(evolve(budget, seed, arm).score)
    return {name: (float(np.mean(found)), *bootstrap(found)) for name, found in scores.items()}


def tables(result: dict[str, Any]) -> list[Table]:
    return [_table(factor, result) for factor in RUNS]


def _table(factor: int, result: dict[str, Any]) -> Table:
    rows = []
    for arm in ARMS:
        row = [arm]
        for case in CASES:
            mean, low, high = result[f"{case.task} {factor}"][arm]
            row.append(f"{mean:.3f} ({low:.3f} – {high:.3f})")
        rows.append(row)
    heads = [f"{case.task}, {seconds(factor * case.budget)}" for case in CASES]
    note = f"Means of the test score with 95 % intervals over {RUNS[factor]} runs; seeds from {FIRST_SEED:,}."
    return Table("Learning within evolution: who, how long, how fast", ["setting", *heads], rows, [note])
