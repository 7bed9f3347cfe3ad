"""Which genome to return where fitness is noisy: the best value ever seen is then the luckiest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neat.genome.genome import Genome, Genomes
from neat.support.validation import check_unmasked

MOST_CANDIDATES = 10


class Candidates:
    """The generations' champions of the highest fitness, the latest of equals.

    Attributes:
        genomes: At most ten.
        fitness: As it was in their generations.
    """

    def __init__(self) -> None:
        self.genomes: list[Genome] = []
        self.fitness: list[float] = []

    def note(self, genomes: Genomes, fitness: np.ndarray) -> None:
        """Take in a generation's champion if it is good enough."""
        champion = int(np.argmax(fitness))
        if len(self.genomes) == MOST_CANDIDATES and fitness[champion] < min(self.fitness):
            return
        genome = genomes[champion]
        if genome in self.genomes:  # it lived on; one lucky generation is not to count twice
            known = self.genomes.index(genome)
            self.fitness[known] = max(self.fitness[known], float(fitness[champion]))
            return
        self.genomes.append(genome)
        self.fitness.append(float(fitness[champion]))
        if len(self.genomes) > MOST_CANDIDATES:
            least = self.fitness.index(min(self.fitness))
            del self.genomes[least], self.fitness[least]

    def choose(self, validate: Callable[[Genomes], np.ndarray], seed: int) -> tuple[Genome, float]:
        """The best in fresh trials, the latest of equals, and its fitness there."""
        batch = Genomes.from_list(self.genomes)
        batch.seed = seed
        given = validate(batch)
        check_unmasked("validate", given)
        fitness = np.asarray(given, np.float64)
        best = len(fitness) - 1 - int(np.argmax(fitness[::-1]))
        return self.genomes[best], float(fitness[best])
