"""Make the offspring of a generation: drafts, then ids for the additions, then finished genomes."""

from __future__ import annotations

import numpy as np

from neat.evolution import breeding
from neat.evolution.child_drafts import Drafts, Work
from neat.evolution.innovation import GlobalInnovations
from neat.evolution.innovation_kernels import Requests
from neat.evolution.run_settings import RunSettings
from neat.evolution.selection import BreedingPlan
from neat.genome import buffers
from neat.genome.genome import GenomeArrays
from neat.kernels import parallel


class OffspringMaker:
    """Makes the children of each generation, in memory that it reuses.

    Args:
        run: The run's settings.
        size: The number of children of each generation.

    Attributes:
        requests: The requests of the last children to the innovation scheme, with the ids that they got.
    """

    def __init__(self, run: RunSettings, size: int) -> None:
        self._run = run
        self._size = size
        self._spare = buffers.empty(size, 0, 0)  # receives the next children
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
        parents_buffer: GenomeArrays,
        plan: BreedingPlan,
        innovations: GlobalInnovations,
        generation: int,
        workers: parallel.Workers | None = None,
    ) -> tuple[GenomeArrays, GenomeArrays]:
        """Return the children, and the buffer of which they are views and which may have room to spare.

        Args:
            parents: The parents.
            parents_buffer: The buffer of which they are views. The next call overwrites it with its children.
            plan: The parents of each child.
            innovations: The scheme that gives ids to the additions.
            generation: The children's generation.
            workers: The threads that make the children; None for the shared threads.
        """
        self._breed(parents, plan, generation, workers)
        drafts, input_count = self._drafts, self._run.shape.input_count
        nodes, connections, splits, links = breeding.write_child_offsets(
            drafts.nodes,
            drafts.connections,
            drafts.requests,
            self._spare.node_offset,
            self._spare.connection_offset,
        )
        innovations.next_generation()
        innovations.assign(self.requests, drafts.genes, drafts.nodes, input_count, splits, links)
        buffer = buffers.with_room(self._spare, nodes, connections)
        children = buffers.trim(buffer, self._size, nodes, connections)
        arguments = drafts, children, self._run, generation
        parallel.over(breeding.write_children, self._size, *arguments, workers=workers, cost=0.5)
        innovations.check_offspring(parents, plan, children, input_count)
        self._spare = parents_buffer
        return children, buffer

    def _breed(
        self, parents: GenomeArrays, plan: BreedingPlan, generation: int, workers: parallel.Workers | None
    ) -> None:
        """Make the drafts, which need no new ids."""
        genes = self._drafts.genes
        most_nodes, most_genes = breeding.write_draft_offsets(
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
