"""Hold the state of a run between two generations."""

from __future__ import annotations

from typing import Any

import numpy as np

from neat.config.config import Config
from neat.evolution import innovation
from neat.evolution.champions import Candidates
from neat.evolution.history import History
from neat.evolution.initial_genomes import bounds_of
from neat.evolution.lineage import Lineage
from neat.evolution.speciation import Species
from neat.evolution.target import Solution
from neat.genome import buffers
from neat.genome.gene_arrays import Description
from neat.genome.genome import Genome, GenomeArrays, Genomes


class RunState:
    """Everything that a run needs to continue, and its results so far. A checkpoint stores exactly this.

    It has no genomes before `_set_genomes` is called.

    Attributes:
        config: The settings.
        generation: The current generation, whose fitness is not known yet.
        first_parent: int64 (P,), the primary parent's index in the generation before, -1 for none.
        second_parent: int64 (P,), the second parent's index in the generation before, -1 for none.
        birth: int64 (P,), the generation in which each genome was created; an elite keeps its own.
        species: The species to which genomes of the next generation are assigned.
        next_species: The id of the next new species.
        threshold: The current compatibility threshold.
        innovations: The innovation scheme.
        history: A row for each finished generation.
        lineage: Champions, births, innovations and the origins of species; None if the run does not keep them.
        best: The best genome ever, None before the first generation is finished.
        best_fitness: The fitness of `best`.
        best_generation: The generation of `best`.
        improved_generation: The generation of the best fitness, or the last one in which only two species reproduced.
        kept: The index of the best genome in this generation with `reproduction.keep_best`; otherwise -1.
        solution: The genome that met the target of the last `run` (see `neat.evolution.target`), or None.
        evaluator_state: Arrays that the evaluator restores when a loaded run continues; kept until `run` has finished
            a generation.
        candidates: Champions from which a run with a `Validating` evaluator chooses at the end.
    """

    def __init__(self, config: Config) -> None:
        size = config.population_size
        self.config = config
        self.generation = 0
        self.innovations = innovation.make_scheme(config)
        self.first_parent, self.second_parent = np.full(size, -1), np.full(size, -1)
        self.birth = np.zeros(size, np.int64)
        none = np.empty(0, np.int64)
        self.species = Species(none, none, none, np.empty(0), buffers.no_genomes())
        self.next_species = 0
        self.threshold = config.speciation.threshold
        self.history = History()
        self.lineage: Lineage | None = None
        self.best: Genome | None = None
        self.best_fitness = -np.inf
        self.best_generation = -1
        self.improved_generation = 0
        self.kept = -1
        self.solution: Solution | None = None
        self.evaluator_state: dict[str, np.ndarray] = {}
        self.candidates = Candidates()
        self._bounds = bounds_of(config.genome)

    @property
    def genomes(self) -> Genomes:
        """The current generation, read-only. Its arrays are overwritten two generations later."""
        return self._genomes

    @property
    def parents(self) -> np.ndarray:
        """The indices of both parents in the generation before, int64 (P, 2), -1 for none."""
        return np.stack([self.first_parent, self.second_parent], axis=1)

    @property
    def evaluations(self) -> int:
        """The number of genomes evaluated so far."""
        return self.generation * self.config.population_size

    def _set_genomes(self, generation: int, genes: GenomeArrays) -> None:
        """Make `genes` the genomes of this generation. The caller must not write to them afterwards."""
        self.generation = generation
        self._genes = genes
        self._update_view()

    def _update_view(self) -> None:
        """Update the read-only `genomes`."""
        description, seed = Description.of(self.config.genome), self.config.seed
        self._genomes = Genomes(self._genes, *description, self.generation, seed, self._bounds).protect()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._update_view()  # copies of read-only arrays are writable
