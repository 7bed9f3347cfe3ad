"""Arrays that are used again in every generation and grow when they must."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neat.genome import DTYPES, GenomeArrays

_allocate: Callable[[int, Any], np.ndarray] = np.empty


def allocate_with(function: Callable[[int, Any], np.ndarray]) -> None:
    """Keep populations from now on in what `function(size, dtype)` gives, from which a device copies fast, say."""
    global _allocate
    _allocate = function


def empty(genomes: int, nodes: int, connections: int) -> GenomeArrays:
    """Uninitialised GenomeArrays of these sizes."""
    sizes = [genomes + 1] * 2 + [nodes] * 5 + [connections] * 5
    return GenomeArrays(*map(_allocate, sizes, DTYPES))


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
    larger = empty(0, nodes * 5 // 4, connections * 5 // 4)
    return larger._replace(node_offset=arrays.node_offset, connection_offset=arrays.connection_offset)
