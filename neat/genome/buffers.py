"""Allocate arrays of genes that are reused in every generation and grow when necessary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from neat.genome import schema
from neat.genome.gene_arrays import OFFSETS, GenomeArrays, select

Fields = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]  # arrays by name: shape and dtype

_ALIGNMENT = 64  # bytes, a cache line
_EVALUATED_FIRST = sorted(schema.ATTRIBUTES, key=lambda row: not row.evaluated)
_OFFSET_DTYPE = np.dtype(np.int64)


def empty(genomes: int, nodes: int, connections: int) -> GenomeArrays:
    """Return uninitialised GenomeArrays of these sizes, in one block.

    The arrays that evaluators read are adjacent, so that one copy moves all of them to a device.
    """
    sizes = {"node": nodes, "connection": connections}
    fields = {name: ((genomes + 1,), _OFFSET_DTYPE) for name in OFFSETS}
    fields |= {row.field: ((sizes[row.owner],), row.dtype) for row in _EVALUATED_FIRST}
    return GenomeArrays(**pack(fields).empty())


def no_genomes() -> GenomeArrays:
    """Return GenomeArrays of no genome."""
    arrays = empty(0, 0, 0)
    arrays.node_offset[:], arrays.connection_offset[:] = 0, 0
    return arrays


@dataclass(frozen=True, eq=False)
class Block:
    """The positions of arrays in a block of bytes."""

    fields: Fields
    begins: tuple[int, ...]  # the first byte of each array
    size: int  # bytes of the block

    def empty(self) -> dict[str, np.ndarray]:
        """Return the arrays in a new block, uninitialised."""
        return self.views(np.empty(self.size, np.uint8))

    def views(self, memory: np.ndarray) -> dict[str, np.ndarray]:
        """Return the arrays as views of `memory`, uint8 (at least `size`,)."""
        return {
            name: np.ndarray(shape, dtype, memory, begin)
            for (name, (shape, dtype)), begin in zip(self.fields.items(), self.begins, strict=True)
        }


def pack(fields: Fields) -> Block:
    """Return a Block of arrays with these shapes and dtypes, one after another, each aligned to a cache line."""
    sizes = (prod(shape) * dtype.itemsize for shape, dtype in fields.values())
    *begins, end = accumulate((-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes), initial=0)
    return Block(fields, tuple(begins), max(end, 1))


def trim(arrays: GenomeArrays, genomes: int, nodes: int, connections: int) -> GenomeArrays:
    """Return views of the first `genomes` genomes, `nodes` nodes and `connections` connections."""
    offsets = (arrays.node_offset[: genomes + 1], arrays.connection_offset[: genomes + 1])
    return select(arrays, *offsets, slice(nodes), slice(connections))


def with_room(arrays: GenomeArrays, nodes: int, connections: int) -> GenomeArrays:
    """Return `arrays`, or if they are too short, new ones with the same offsets and a quarter more room.

    New arrays do not have the genes.
    """
    if len(arrays.node_id) >= nodes and len(arrays.connection_innovation) >= connections:
        return arrays
    larger = empty(len(arrays.node_offset) - 1, nodes * 5 // 4, connections * 5 // 4)
    larger.node_offset[...], larger.connection_offset[...] = arrays.node_offset, arrays.connection_offset
    return larger
