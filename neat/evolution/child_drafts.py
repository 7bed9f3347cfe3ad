"""Define drafts, which are children before their structural additions, in arrays with room to spare."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.evolution.innovation_kernels import Requests
from neat.genome.gene_arrays import GenomeArrays
from neat.kernels import rng


class Draft(NamedTuple):
    """The genes of one child in arrays of many genomes.

    Its nodes are at the positions `first_node` to `first_node + nodes`, and its connections likewise.
    """

    genes: GenomeArrays  # of P children
    first_node: int
    nodes: int  # the number of nodes so far
    first_connection: int
    connections: int  # the number of connections so far


class Drafts(NamedTuple):
    """The drafts of all P children of a generation."""

    genes: GenomeArrays  # of P genomes; a child's genes begin at its offsets, and room can follow them
    nodes: np.ndarray  # int64 (P,), the number of nodes of each child
    connections: np.ndarray  # int64 (P,), the number of connections of each child
    requests: Requests  # the additions to each child


class Work(NamedTuple):
    """Scratch for making one child at a time. A child or parent has at most `indices` inputs and nodes."""

    stream: np.ndarray  # uint64 (rng.STREAM_WORDS,), the state of the child's random stream
    mark: np.ndarray  # uint8 (indices,), flags of the child's indices
    primary_map: np.ndarray  # int32 (indices,), the child's index for each index of the primary parent
    secondary_map: np.ndarray  # int32 (indices,), the child's index for each index of the secondary parent
    draws: np.ndarray  # float32 (3, genes + 7), scratch of `mutation.mutate_values`

    @classmethod
    def of(cls, indices: int, genes: int) -> Work:
        """Return Work for children with at most `indices` inputs and nodes, and `genes` nodes or connections."""
        return cls(
            np.empty(rng.STREAM_WORDS, np.uint64),
            np.empty(indices, np.uint8),
            np.empty(indices, np.int32),
            np.empty(indices, np.int32),
            np.empty((3, genes + 7), np.float32),
        )
