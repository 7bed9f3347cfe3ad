"""The arrays that hold genes: their names, dtypes and bounds, and rows taken from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neat.genome import schema
from neat.genome.schema import Role

OFFSETS = ("node_offset", "connection_offset")

if TYPE_CHECKING:

    class GenomeArrays(NamedTuple):
        """What checkers know of the arrays below; further rows of the schema need not stand here."""

        node_offset: np.ndarray
        connection_offset: np.ndarray
        node_id: np.ndarray
        node_bias: np.ndarray
        node_response: np.ndarray
        node_activation: np.ndarray
        node_aggregation: np.ndarray
        connection_innovation: np.ndarray
        connection_source: np.ndarray
        connection_target: np.ndarray
        connection_weight: np.ndarray
        connection_enabled: np.ndarray

    class Bounds(NamedTuple):
        """What checkers know of the bounds below."""

        weight: tuple[np.float32, np.float32]
        bias: tuple[np.float32, np.float32]
        response: tuple[np.float32, np.float32]

else:
    GenomeArrays = NamedTuple(
        "GenomeArrays",
        [(name, np.ndarray) for name in (*OFFSETS, *(row.field for row in schema.ATTRIBUTES))],
    )
    GenomeArrays.__doc__ = """The genes of P genomes with N nodes and C connections in all.

    `node_offset` and `connection_offset`, int64 (P+1,), say where each genome's genes begin. Then comes an array for
    each attribute of nodes, of shape (N,), and for each of connections, (C,), as `neat.genome.schema` says:

    - `node_id`: int64, ascending within a genome.
    - `node_bias`, `node_response`: float32.
    - `node_activation`, `node_aggregation`: uint8, indices into `activations.ACTIVATIONS` and `AGGREGATIONS`.
    - `connection_innovation`: int64, ascending within a genome.
    - `connection_source`, `connection_target`: int32, indices within the genome.
    - `connection_weight`: float32.
    - `connection_enabled`: bool.
    """
    Bounds = NamedTuple("Bounds", [(row.name, tuple[np.float32, np.float32]) for row in schema.NUMBERS])
    Bounds.__doc__ = (
        """Least and greatest weight, bias, response and so on that genomes may have, as float32."""
    )


class Description(NamedTuple):
    """What genes mean."""

    num_inputs: int
    num_outputs: int
    bias_input: bool
    feed_forward: bool

    @classmethod
    def of(cls, owner: Any) -> Description:
        """The description in the attributes of genomes, their plain data or a genome's config."""
        return cls(*(getattr(owner, name) for name in cls._fields))


DTYPES = (*[np.dtype(np.int64)] * 2, *(row.dtype for row in schema.ATTRIBUTES))
MOST_INPUTS = 2**24 - 1  # or outputs; a slip of the pen shall not fill the memory

# Whatever is written to these, compiled code stays within the arrays.
HARMLESS = tuple(row.field for row in schema.ATTRIBUTES if row.role in (Role.NUMBER, Role.SWITCH))

NUMBERS = tuple(row.field for row in schema.NUMBERS)  # in the order of Bounds
UNBOUNDED = Bounds(*[(np.float32(-np.inf), np.float32(np.inf))] * len(NUMBERS))

_NODES = len(OFFSETS)  # where attributes of nodes begin in GenomeArrays


def check_bounds(arrays: GenomeArrays, bounds: Bounds) -> None:
    """Raise ValueError unless weights, biases, responses and so on, all finite, lie within the bounds."""
    for name, (low, high) in zip(NUMBERS, bounds, strict=True):
        values = getattr(arrays, name)
        beyond = (values < low) | (values > high)
        if beyond.any():
            raise ValueError(
                f"expected {name} within the config's bounds, from {low!s} to {high!s}, got {values[beyond][0]!s}"
            )


def node_arrays(arrays: GenomeArrays) -> tuple[np.ndarray, ...]:
    """The attributes of nodes."""
    return arrays[_NODES : _NODES + len(schema.NODE)]


def connection_arrays(arrays: GenomeArrays) -> tuple[np.ndarray, ...]:
    """The attributes of connections."""
    return arrays[_NODES + len(schema.NODE) :]


def select(
    arrays: GenomeArrays, node_offset: np.ndarray, connection_offset: np.ndarray, nodes: Any, connections: Any
) -> GenomeArrays:
    """The genes at the positions `nodes` and `connections`, slices or integers, under these offsets."""
    return GenomeArrays(
        node_offset,
        connection_offset,
        *(array[nodes] for array in node_arrays(arrays)),
        *(array[connections] for array in connection_arrays(arrays)),
    )


def writable(arrays: GenomeArrays) -> GenomeArrays:
    """The arrays, or copies of those that are read-only, not aligned or not contiguous."""
    return GenomeArrays(*(np.require(array, requirements=("C", "A", "W")) for array in arrays))


def ragged_indices(offset: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of the chosen rows when laid side by side, and the elements' positions in the original."""
    size = offset[rows + 1] - offset[rows]
    new_offset = np.concatenate([[0], np.cumsum(size)])
    return new_offset, np.arange(new_offset[-1]) + np.repeat(offset[rows] - new_offset[:-1], size)
