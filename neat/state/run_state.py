"""What a run has come to between two generations."""

from __future__ import annotations

from typing import Any

import numpy as np

from neat.config.config import Config
from neat.evolution import innovation
from neat.evolution.champions import Candidates
from neat.evolution.history import History
from neat.evolution.initial import bounds_of
from neat.evolution.speciation import Species
from neat.evolution.target import Solution
from neat.genome import buffers
from neat.genome.gene_arrays import Description
from neat.genome.genome import Genome, GenomeArrays, Genomes


class RunState:
    """All that a run needs to go on, and what it has found so far; a checkpoint holds just this.

    It has no genomes until `_set_genomes` is called.

    Attributes:
        config: The settings.
        generation: The current generation, whose fitness has not been told yet.
        first_parent: int64 (P,), the primary parent's index in the generation before, -1 for none.
        second_parent: int64 (P,), the other parent's.
        birth: int64 (P,), the generation in which each genome came to be; a champion that goes on keeps its own.
        species: The species that the next generation is sorted into.
        next_species: The id of the next new species.
        threshold: The compatibility threshold in force.
        innovations: The innovation scheme.
        history: Rows of the generations told.
        best: The best genome ever, None before the first generation has been told.
        best_fitness: Its fitness.
        best_generation: Its generation.
        improved_generation: That of the best fitness, or of the last time that only two species reproduced.
        kept: Where the best genome stands in this generation, with `reproduction.keep_best`; otherwise -1.
        solution: What met the target of the last call of `run` (see `neat.evolution.target`), or None.
        evaluator_state: Arrays that the evaluator restores when a loaded run goes on; kept until `run` has told a
            generation.
        candidates: Champions to choose from in the end, where the evaluator can tell luck from skill.
    """

    def __init__(self, config: Config) -> None:
        size = config.population_size
        self.config = config
        self.generation = 0
        self.innovations = innovation.scheme(config)
        self.first_parent, self.second_parent = np.full(size, -1), np.full(size, -1)
        self.birth = np.zeros(size, np.int64)
        none = np.empty(0, np.int64)
        self.species = Species(none, none, none, np.empty(0), buffers.empty(0, 0, 0))
        self.species.representative.node_offset[:] = 0
        self.species.representative.connection_offset[:] = 0
        self.next_species = 0
        self.threshold = config.speciation.threshold
        self.history = History()
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
        """The current generation, read-only. Its arrays are used again two generations later."""
        return self._genomes

    @property
    def parents(self) -> np.ndarray:
        """Both parents' indices in the generation before, int64 (P, 2), -1 for none."""
        return np.stack([self.first_parent, self.second_parent], axis=1)

    @property
    def evaluations(self) -> int:
        """Genomes evaluated so far."""
        return self.generation * self.config.population_size

    def _set_genomes(self, generation: int, genes: GenomeArrays) -> None:
        """Make these, which nobody else writes to, the genomes of this generation."""
        self.generation = generation
        self._genes = genes
        self._show()

    def _show(self) -> None:
        """Let people see the current generation."""
        description, seed = Description.of(self.config.genome), self.config.seed
        self._genomes = Genomes(self._genes, *description, self.generation, seed, self._bounds).protect()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._show()  # copies of read-only arrays are writable
