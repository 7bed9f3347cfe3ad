"""Children of a plan: drafts, then ids for what is new, then whole genomes, in memory that is used again."""

from __future__ import annotations

import numpy as np

from neat.config.config import Config
from neat.evolution import breeding
from neat.evolution.breeding import Counts, Work
from neat.evolution.innovation import GlobalInnovations, Requests
from neat.evolution.mutation import NodeFunctions
from neat.evolution.selection import Plan
from neat.genome import buffers
from neat.genome.genome import GenomeArrays
from neat.kernels import parallel


class OffspringMaker:
    """Makes the children of each generation.

    Args:
        config: The config.
        settings: Its record, as `to_record` gives it.

    Attributes:
        requests: What the last children asked of the innovation scheme, and got.
    """

    def __init__(self, config: Config, settings: np.ndarray) -> None:
        size = config.population_size
        self._size = size
        self._seed = np.uint64(config.seed)
        self._settings = settings
        self._functions = NodeFunctions.of(config.genome)
        self._input_count = config.genome.num_inputs + config.genome.bias_input
        self._num_outputs = config.genome.num_outputs
        self._spare = buffers.empty(size, 0, 0)  # the next children lie here
        self._draft = buffers.empty(size, 0, 0)  # children before their structural additions
        self._count = Counts(np.empty(size, np.int64), np.empty(size, np.int64))
        self.requests = Requests(*(np.empty(size, np.int64) for _ in Requests._fields))

    def make(
        self,
        parents: GenomeArrays,
        memory: GenomeArrays,
        plan: Plan,
        innovations: GlobalInnovations,
        generation: int,
    ) -> tuple[GenomeArrays, GenomeArrays]:
        """The children, and the memory in which they lie, which may have room to spare.

        Args:
            parents: The parents.
            memory: Where they lie. The next call writes its children there.
            plan: Who makes each child.
            innovations: Numbers what is new.
            generation: The children's.
        """
        self._breed(parents, plan, generation)
        nodes, connections, splits, links = breeding.measure(
            self._count, self.requests, self._spare.node_offset, self._spare.connection_offset
        )
        innovations.next_generation()
        innovations.assign(self.requests, self._draft, self._count.node, self._input_count, splits, links)
        whole = buffers.with_room(self._spare, nodes, connections)
        children = buffers.trim(whole, self._size, nodes, connections)
        parallel.over(
            breeding.finish,
            self._size,
            self._draft,
            self._count,
            self.requests,
            children,
            self._input_count,
            self._settings,
            self._functions,
            self._seed,
            generation,
        )
        self._spare = memory
        return children, whole

    def _breed(self, parents: GenomeArrays, plan: Plan, generation: int) -> None:
        """Make the children as far as they can be made without new ids."""
        genes = self._draft
        most_nodes, most_genes = breeding.reserve(
            parents.node_offset,
            parents.connection_offset,
            plan,
            genes.node_offset,
            genes.connection_offset,
        )
        self._draft = buffers.with_room(genes, int(genes.node_offset[-1]), int(genes.connection_offset[-1]))
        parallel.over(
            breeding.breed,
            self._size,
            parents,
            plan,
            self._draft,
            self._count,
            self.requests,
            self._input_count,
            self._num_outputs,
            self._settings,
            self._functions,
            self._seed,
            generation,
            scratch=lambda: (Work.of(self._input_count + most_nodes, most_genes),),
        )
