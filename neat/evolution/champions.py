"""Choose the genome that a run with noisy fitness returns, since the best value ever seen may be luck."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neat.genome.genome import Genome, Genomes
from neat.support.validation import check_unmasked

MOST_CANDIDATES = 10


class Candidates:
    """Keeps those champions of generations that have the highest fitness; of equal ones, the latest.

    Attributes:
        genomes: At most MOST_CANDIDATES champions.
        fitness: Their fitness in their generations.
    """

    def __init__(self) -> None:
        self.genomes: list[Genome] = []
        self.fitness: list[float] = []

    def add_champion(self, genomes: Genomes, fitness: np.ndarray) -> None:
        """Add a generation's champion if it is among the best. `fitness` has shape (genomes,)."""
        champion = int(np.argmax(fitness))
        if len(self.genomes) == MOST_CANDIDATES and fitness[champion] < min(self.fitness):
            return
        genome = genomes[champion]
        if genome in self.genomes:  # it survived: keep one entry, with its best fitness
            position = self.genomes.index(genome)
            self.fitness[position] = max(self.fitness[position], float(fitness[champion]))
            return
        self.genomes.append(genome)
        self.fitness.append(float(fitness[champion]))
        if len(self.genomes) > MOST_CANDIDATES:
            worst = self.fitness.index(min(self.fitness))
            del self.genomes[worst], self.fitness[worst]

    def choose(self, validate: Callable[[Genomes], np.ndarray], seed: int) -> tuple[Genome, float]:
        """Return the candidate that is best in new trials, the latest of equal ones, and its fitness there.

        Args:
            validate: Takes the candidates, and returns their fitness in new trials, shape (n,); NaN counts as -inf.
            seed: The seed of the batch that `validate` gets.

        Raises:
            ValueError: The fitness has another shape, or masked values.
        """
        batch = Genomes.from_list(self.genomes)
        batch.seed = seed
        given = validate(batch)
        check_unmasked("validate", given)
        fitness = np.asarray(given, np.float64)
        if fitness.shape != (len(batch),):
            raise ValueError(f"validate: expected fitness of shape ({len(batch)},), got {fitness.shape}")
        fitness = np.where(np.isnan(fitness), -np.inf, fitness)
        best = len(fitness) - 1 - int(np.argmax(fitness[::-1]))
        return self.genomes[best], float(fitness[best])
