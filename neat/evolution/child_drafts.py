"""Drafts: children before their structural additions, in arrays with room to spare."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.evolution.innovation import Requests
from neat.genome.gene_arrays import GenomeArrays
from neat.kernels import rng


class Draft(NamedTuple):
    """One child: where its genes begin in arrays, and how many there are so far."""

    genes: GenomeArrays
    first_node: int
    nodes: int
    first_connection: int
    connections: int


class Drafts(NamedTuple):
    """All children of a generation."""

    genes: GenomeArrays  # a child's genes begin at its offsets
    nodes: np.ndarray  # int64 (P,), how many each has
    connections: np.ndarray  # int64 (P,), likewise
    requests: Requests  # what to add to each


class Work(NamedTuple):
    """Scratch for making children, one at a time."""

    stream: np.ndarray  # uint64 (rng.STREAM_WORDS,)
    mark: np.ndarray  # uint8, for each index of a child
    primary_map: np.ndarray  # int32, for each index of a child
    secondary_map: np.ndarray  # int32, for each index of a child
    draws: np.ndarray  # float32, as `mutation.mutate_values` wants it

    @classmethod
    def of(cls, indices: int, genes: int) -> Work:
        """Work for children of so many inputs and nodes, and of so many genes of a kind."""
        return cls(
            np.empty(rng.STREAM_WORDS, np.uint64),
            np.empty(indices, np.uint8),
            np.empty(indices, np.int32),
            np.empty(indices, np.int32),
            np.empty((3, genes + 7), np.float32),
        )
