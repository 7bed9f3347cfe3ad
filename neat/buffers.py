"""Arrays that are used again in every generation and grow when they must."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

import numpy as np

from neat.genome import DTYPES, GenomeArrays

Fields = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]  # arrays by name: shape and dtype

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
        name: ((size,), dtype) for name, size, dtype in zip(GenomeArrays._fields, sizes, DTYPES, strict=True)
    }
    order = [*(name for name in fields if name not in _UNREAD), *_UNREAD]
    return GenomeArrays(
        **in_block({name: fields[name] for name in order}, lambda size: _allocate(size, np.uint8))
    )


def in_block(fields: Fields, allocate: Callable[[int], np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of these shapes and dtypes one after the other in what `allocate` gives, so many bytes, uint8."""
    begins, end = places(map(size_of, fields.values()))
    block = allocate(end)
    return {
        name: block[begin : begin + size_of(field)].view(field[1]).reshape(field[0])
        for (name, field), begin in zip(fields.items(), begins, strict=True)
    }


def size_of(field: tuple[tuple[int, ...], np.dtype[Any]]) -> int:
    """Bytes of an array of this shape and dtype."""
    shape, dtype = field
    return prod(shape) * dtype.itemsize


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
