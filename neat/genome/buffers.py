"""Arrays that are used again in every generation and grow when they must."""

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

_APART = 64  # bytes


def empty(genomes: int, nodes: int, connections: int) -> GenomeArrays:
    """Uninitialised GenomeArrays of these sizes, in one block: what is evaluated lies together, for one copy of it."""
    sizes = {"node": nodes, "connection": connections}
    evaluated_first = sorted(schema.ATTRIBUTES, key=lambda row: not row.evaluated)
    fields = {name: ((genomes + 1,), np.dtype(np.int64)) for name in OFFSETS}
    fields |= {row.field: ((sizes[row.owner],), row.dtype) for row in evaluated_first}
    block = packed(fields)
    return GenomeArrays(**block.empty())


@dataclass(frozen=True, eq=False)
class Block:
    """Where arrays lie in a block of bytes."""

    fields: Fields
    begins: tuple[int, ...]  # of each array
    size: int

    def empty(self) -> dict[str, np.ndarray]:
        """The arrays, uninitialised."""
        return self.views(np.empty(self.size, np.uint8))

    def views(self, memory: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays in so many bytes or more, uint8."""
        return {
            name: memory[begin : begin + prod(shape) * dtype.itemsize].view(dtype).reshape(shape)
            for (name, (shape, dtype)), begin in zip(self.fields.items(), self.begins, strict=True)
        }


def packed(fields: Fields) -> Block:
    """A Block of arrays of these shapes and dtypes, one after the other on cache lines."""
    sizes = (prod(shape) * dtype.itemsize for shape, dtype in fields.values())
    *begins, end = accumulate((-(-size // _APART) * _APART for size in sizes), initial=0)
    return Block(fields, tuple(begins), max(end, 1))


def trim(arrays: GenomeArrays, genomes: int, nodes: int, connections: int) -> GenomeArrays:
    """Views of the first so many."""
    offsets = (arrays.node_offset[: genomes + 1], arrays.connection_offset[: genomes + 1])
    return select(arrays, *offsets, slice(nodes), slice(connections))


def with_room(arrays: GenomeArrays, nodes: int, connections: int) -> GenomeArrays:
    """`arrays`, or, where they are too short, new ones with the same offsets and a quarter to spare."""
    if len(arrays.node_id) >= nodes and len(arrays.connection_innovation) >= connections:
        return arrays
    larger = empty(len(arrays.node_offset) - 1, nodes * 5 // 4, connections * 5 // 4)
    larger.node_offset[...], larger.connection_offset[...] = arrays.node_offset, arrays.connection_offset
    return larger
