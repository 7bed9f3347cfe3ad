"""Define when a run is solved: by the fitness of a generation's champion, or by a function of a genome."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from neat.evolution.history import History
from neat.genome.genome import Genome, Genomes
from neat.support.messages import quote


class Solution(NamedTuple):
    """A genome that met the target of a run."""

    genome: Genome
    fitness: float
    """The fitness in its generation."""
    fitness_target: float | None
    """The fitness target that it reached; None if only the function `solved` returned True."""


class SpeciesChampions:
    """A criterion for `Population.run(solved=…)` that tests the champions of all species in turn.

    In each generation, it tests one champion by a function: the champion of the best species that has become fitter
    than ever since its last test, or of the best species if there is none. The original source does the same.

    Without it, a run tests the champion of the generation. If the function refuses it although it is the fittest,
    copies of it stay champion, and no other genome is tested.

    Args:
        is_solved: Takes a genome, and returns whether it solves the task.

    Raises:
        ValueError: `is_solved` is not callable.
    """

    def __init__(self, is_solved: Callable[[Genome], bool]) -> None:
        if not callable(is_solved):
            raise ValueError(
                f"is_solved: must take a genome and return whether it solves the task, got {quote(is_solved)}"
            )
        self._is_solved = is_solved
        self._follow(None)

    def __call__(self, genome: Genome) -> bool:
        """Return what the function returns for a genome."""
        return self._is_solved(genome)

    def choose_species(self, history: History) -> int:
        """Return the position in `history.last_species` of the species whose champion to test.

        All state follows from the history, so that a resumed run tests the same champions.
        """
        if history is not self._history:
            self._follow(history)
        rows = history.species[self._rows_read :]
        self._rows_read += len(rows)
        for generation in np.split(rows, np.flatnonzero(np.diff(rows["generation"])) + 1):
            chosen = self._choose_in(generation)
        return chosen

    def _follow(self, history: History | None) -> None:
        self._history = history
        self._rows_read = 0
        self._records: dict[int, float] = {}  # the best fitness so far by the species' id
        self._improved: set[int] = set()  # species that have improved since their last test

    def _choose_in(self, species: np.ndarray) -> int:
        """Return the position of the species to test in the rows of a generation."""
        ids = species["id"].tolist()
        for species_id, fitness in zip(ids, species["best"].tolist(), strict=True):
            if fitness > self._records.get(species_id, -np.inf):
                self._records[species_id] = fitness
                self._improved.add(species_id)
        by_fitness = np.argsort(-species["best"], kind="stable").tolist()
        chosen = next((position for position in by_fitness if ids[position] in self._improved), by_fitness[0])
        self._improved.discard(ids[chosen])
        return chosen


class Target(NamedTuple):
    """The target of a call of `run`: a fitness, a function, or both; one of them is enough."""

    fitness: float | None
    solved: Callable[[Genome], bool] | None

    def is_reached_by(self, genome: Genome, fitness: float) -> bool:
        """Whether a genome with this fitness meets the target."""
        if self.fitness is not None and fitness >= self.fitness:
            return True
        return self.solved is not None and bool(self.solved(genome))

    def find_solution(
        self, genomes: Genomes, fitness: np.ndarray, history: History, species: np.ndarray
    ) -> Solution | None:
        """Return the genome of a generation that meets the target as a Solution, or None.

        It is the generation's champion, or the one that `SpeciesChampions` tests.

        Args:
            genomes: The generation.
            fitness: float64 (P,), its fitness.
            history: The history up to this generation.
            species: int64 (P,), the position of each genome's species in `history.last_species`.
        """
        asked = champion = int(np.argmax(fitness))
        if self.fitness is not None and fitness[champion] >= self.fitness:
            return Solution(genomes[champion], float(fitness[champion]), self.fitness)
        if isinstance(self.solved, SpeciesChampions):
            chosen = self.solved.choose_species(history)
            asked = int(np.argmax(np.where(species == chosen, fitness, -np.inf)))
        if self.solved is None or not self.solved(genomes[asked]):
            return None
        return Solution(genomes[asked], float(fitness[asked]), None)

    def is_met_by(self, solution: Solution | None) -> bool:
        """Whether an earlier solution reached exactly this fitness target, or `solved` returns True for it."""
        if solution is None:
            return False
        is_same_target = self.fitness is not None and self.fitness == solution.fitness_target
        return is_same_target or (self.solved is not None and bool(self.solved(solution.genome)))
