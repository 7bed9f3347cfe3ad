"""Define when a run is solved: by the fitness of a generation's champion, or by a function of the champion."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from neat.genome.genome import Genome, Genomes


class Solution(NamedTuple):
    """A champion that met the target of a run."""

    genome: Genome
    fitness: float
    """The fitness in its generation."""
    fitness_target: float | None
    """The fitness target that it reached; None if only the function `solved` returned True."""


class Target(NamedTuple):
    """The target of a call of `run`: a fitness, a function, or both; one of them is enough."""

    fitness: float | None
    solved: Callable[[Genome], bool] | None

    def is_reached_by(self, genome: Genome, fitness: float) -> bool:
        """Whether a genome with this fitness meets the target."""
        if self.fitness is not None and fitness >= self.fitness:
            return True
        return self.solved is not None and bool(self.solved(genome))

    def find_solution(self, genomes: Genomes, fitness: np.ndarray) -> Solution | None:
        """Return the generation's champion as a Solution if it meets the target. `fitness` has shape (genomes,)."""
        champion = int(np.argmax(fitness))
        if not self.is_reached_by(genomes[champion], fitness[champion]):
            return None
        reached = self.fitness is not None and bool(fitness[champion] >= self.fitness)
        return Solution(genomes[champion], float(fitness[champion]), self.fitness if reached else None)

    def is_met_by(self, solution: Solution | None) -> bool:
        """Whether an earlier solution reached exactly this fitness target, or `solved` returns True for it."""
        if solution is None:
            return False
        is_same_target = self.fitness is not None and self.fitness == solution.fitness_target
        return is_same_target or (self.solved is not None and bool(self.solved(solution.genome)))
