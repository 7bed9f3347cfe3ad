"""batchneat's side of the measurements with XOR."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import evaluators
import neat

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([[0], [1], [1], [0]], np.float32)


def default_config(population: int, **settings: Any) -> neat.Config:
    """Return the default settings, apart from these."""
    return neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, population_size=population, **settings)


class Run:
    """A run that advances by some generations at a time and measures them.

    Args:
        config: The settings.
        workers: The threads; None: the shared ones.
    """

    def __init__(self, config: neat.Config, workers: neat.parallel.Workers | None = None) -> None:
        self.population = neat.Population(config, workers)
        self.evaluator = evaluators.Supervised(*XOR, workers=workers)

    def advance(self, generations: int) -> dict[str, Any]:
        """Run some generations; return the seconds that they took and a description of the population."""
        begin = time.perf_counter()
        for _ in range(generations):
            self.population.tell(self.evaluator(self.population.ask()))
        return {"seconds": time.perf_counter() - begin, **self.described()}

    def described(self) -> dict[str, Any]:
        """Return mean genes and bytes per genome, and the number of species."""
        genomes = self.population.ask()
        arrays = genomes.arrays
        return {
            "nodes": len(arrays.node_id) / len(genomes),
            "connections": len(arrays.connection_innovation) / len(genomes),
            "bytes": sum(array.nbytes for array in arrays) / len(genomes),
            "species": int(self.population.history.last["species"]) if len(self.population.history) else 1,
        }
