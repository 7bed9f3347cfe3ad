"""When a run is solved: by the fitness of a generation's champion, or by a function of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from neat.genome.genome import Genome, Genomes


class Solution(NamedTuple):
    """A champion that met a target."""

    genome: Genome
    fitness: float
    """In its generation."""
    fitness_target: float | None
    """What it reached; None where only a function held for it."""


class Target(NamedTuple):
    """What a call of `run` asks for: either is enough."""

    fitness: float | None
    solved: Callable[[Genome], bool] | None

    def find(self, genomes: Genomes, fitness: np.ndarray) -> Solution | None:
        """The generation's champion, if it meets the target."""
        champion = int(np.argmax(fitness))
        reached = self.fitness is not None and bool(fitness[champion] >= self.fitness)
        if not reached and not (self.solved is not None and self.solved(genomes[champion])):
            return None
        return Solution(genomes[champion], float(fitness[champion]), self.fitness if reached else None)

    def is_met_by(self, solution: Solution | None) -> bool:
        """Whether an earlier call's solution counts: it reached this very fitness target, or `solved` holds for it."""
        if solution is None:
            return False
        same = self.fitness is not None and self.fitness == solution.fitness_target
        return same or (self.solved is not None and bool(self.solved(solution.genome)))
