"""Arrays that are used again in every generation and grow when they must."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from neat.genome import DTYPES, GenomeArrays

_APART = 64  # bytes
_UNREAD = ("node_id", "connection_innovation")  # by evaluators

_allocate: Callable[[int, Any], np.ndarray] = np.empty


def allocate_with(function: Callable[[int, Any], np.ndarray]) -> None:
    """Keep populations from now on in what `function(size, dtype)` gives, from which a device copies fast, say."""
    global _allocate
    _allocate = function


def empty(genomes: int, nodes: int, connections: int) -> GenomeArrays:
    """Uninitialised GenomeArrays of these sizes, in one block: what is evaluated lies together, for one copy of it."""
    sizes = [genomes + 1] * 2 + [nodes] * 5 + [connections] * 5
    fields = {
        name: (size, dtype) for name, size, dtype in zip(GenomeArrays._fields, sizes, DTYPES, strict=True)
    }
    order = [*(name for name in fields if name not in _UNREAD), *_UNREAD]
    begins, end = places(fields[name][0] * fields[name][1].itemsize for name in order)
    block = _allocate(end, np.uint8)
    arrays = {}
    for name, begin in zip(order, begins, strict=True):
        size, dtype = fields[name]
        arrays[name] = block[begin : begin + size * dtype.itemsize].view(dtype)
    return GenomeArrays(**arrays)


def places(sizes: Iterable[int]) -> tuple[list[int], int]:
    """Where arrays of so many bytes begin in a block, one after the other on cache lines, and the block's size."""
    begins, end = [], 0
    for size in sizes:
        begins.append(end)
        end += -(-size // _APART) * _APART
    return begins, max(end, 1)


def trim(arrays: GenomeArrays, genomes: int, nodes: int, connections: int) -> GenomeArrays:
    """Views of the first so many."""
    offsets, node, connection = slice(genomes + 1), slice(nodes), slice(connections)
    return GenomeArrays(
        *(array[offsets] for array in arrays[:2]),
        *(array[node] for array in arrays[2:7]),
        *(array[connection] for array in arrays[7:]),
    )


def with_room(arrays: GenomeArrays, nodes: int, connections: int) -> GenomeArrays:
    """`arrays`, or, where they are too short, new ones with the same offsets and a quarter to spare."""
    if len(arrays.node_id) >= nodes and len(arrays.connection_innovation) >= connections:
        return arrays
    larger = empty(len(arrays.node_offset) - 1, nodes * 5 // 4, connections * 5 // 4)
    larger.node_offset[...], larger.connection_offset[...] = arrays.node_offset, arrays.connection_offset
    return larger
