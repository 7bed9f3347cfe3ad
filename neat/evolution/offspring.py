"""Children of a plan: drafts, then ids for what is new, then whole genomes, in memory that is used again."""

from __future__ import annotations

import numpy as np

from neat.evolution import breeding
from neat.evolution.child_drafts import Drafts, Work
from neat.evolution.innovation import GlobalInnovations, Requests
from neat.evolution.run_settings import RunSettings
from neat.evolution.selection import Plan
from neat.genome import buffers
from neat.genome.genome import GenomeArrays
from neat.kernels import parallel


class OffspringMaker:
    """Makes the children of each generation.

    Args:
        run: The run's settings.
        size: Children in each generation.

    Attributes:
        requests: What the last children asked of the innovation scheme, and got.
    """

    def __init__(self, run: RunSettings, size: int) -> None:
        self._run = run
        self._size = size
        self._spare = buffers.empty(size, 0, 0)  # the next children lie here
        self._drafts = Drafts(
            genes=buffers.empty(size, 0, 0),
            nodes=np.empty(size, np.int64),
            connections=np.empty(size, np.int64),
            requests=Requests(*(np.empty(size, np.int64) for _ in Requests._fields)),
        )
        self.requests = self._drafts.requests

    def make(
        self,
        parents: GenomeArrays,
        memory: GenomeArrays,
        plan: Plan,
        innovations: GlobalInnovations,
        generation: int,
        workers: parallel.Workers | None = None,
    ) -> tuple[GenomeArrays, GenomeArrays]:
        """The children, and the memory in which they lie, which may have room to spare.

        Args:
            parents: The parents.
            memory: Where they lie. The next call writes its children there.
            plan: Who makes each child.
            innovations: Numbers what is new.
            generation: The children's.
            workers: The threads that make them; None: the shared ones.
        """
        self._breed(parents, plan, generation, workers)
        drafts, input_count = self._drafts, self._run.shape.input_count
        nodes, connections, splits, links = breeding.measure(
            drafts, self._spare.node_offset, self._spare.connection_offset
        )
        innovations.next_generation()
        innovations.assign(self.requests, drafts.genes, drafts.nodes, input_count, splits, links)
        whole = buffers.with_room(self._spare, nodes, connections)
        children = buffers.trim(whole, self._size, nodes, connections)
        arguments = drafts, children, self._run, generation
        parallel.over(breeding.finish, self._size, *arguments, workers=workers, cost=0.5)
        self._spare = memory
        return children, whole

    def _breed(
        self, parents: GenomeArrays, plan: Plan, generation: int, workers: parallel.Workers | None
    ) -> None:
        """Make the children as far as they can be made without new ids."""
        genes = self._drafts.genes
        most_nodes, most_genes = breeding.reserve(
            parents.node_offset,
            parents.connection_offset,
            plan,
            genes.node_offset,
            genes.connection_offset,
        )
        genes = buffers.with_room(genes, int(genes.node_offset[-1]), int(genes.connection_offset[-1]))
        self._drafts = self._drafts._replace(genes=genes)
        indices = self._run.shape.input_count + most_nodes
        parallel.over(
            breeding.breed,
            self._size,
            parents,
            plan,
            self._drafts,
            self._run,
            generation,
            scratch=lambda: (Work.of(indices, most_genes),),
            workers=workers,
        )
