"""Define the arrays that hold genes: their names, dtypes and bounds, and how to select genes from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neat.genome import schema
from neat.genome.schema import Role
from neat.support.validation import check_unmasked

OFFSETS = ("node_offset", "connection_offset")

if TYPE_CHECKING:

    class GenomeArrays(NamedTuple):
        """The fields of the class below for type checkers, which cannot read the schema."""

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
        connection_birth: np.ndarray

    class Bounds(NamedTuple):
        """The fields of the class below for type checkers."""

        weight: tuple[np.float32, np.float32]
        bias: tuple[np.float32, np.float32]
        response: tuple[np.float32, np.float32]

else:
    GenomeArrays = NamedTuple(
        "GenomeArrays",
        [(name, np.ndarray) for name in (*OFFSETS, *(row.field for row in schema.ATTRIBUTES))],
    )
    GenomeArrays.__doc__ = """The genes of P genomes, which have N nodes and C connections in total.

    `node_offset` and `connection_offset`, int64 (P+1,), are the positions where each genome's genes begin. After them,
    there is an array of shape (N,) for each attribute of nodes, and one of shape (C,) for each attribute of
    connections, in the order of `neat.genome.schema`:

    - `node_id`: int64, ascending within a genome.
    - `node_bias`, `node_response`: float32.
    - `node_activation`, `node_aggregation`: uint8, indices into `activations.ACTIVATIONS` and `AGGREGATIONS`.
    - `connection_innovation`: int64, ascending within a genome.
    - `connection_source`, `connection_target`: int32, indices within the genome.
    - `connection_weight`: float32.
    - `connection_enabled`: bool.
    - `connection_birth`: int32, the generation in which a mutation added the gene; 0 for those of the first genomes.
      Where parents have a gene in common, the child gets the birth of the parent that gives its structure.
    """
    Bounds = NamedTuple("Bounds", [(row.name, tuple[np.float32, np.float32]) for row in schema.NUMBERS])
    Bounds.__doc__ = (
        """The (minimum, maximum) of weights, biases, responses and further numbers of genes, as float32."""
    )


class Description(NamedTuple):
    """The facts about networks that gene arrays do not contain."""

    num_inputs: int
    num_outputs: int
    bias_input: bool
    feed_forward: bool

    @classmethod
    def of(cls, owner: Any) -> Description:
        """Return the description in the attributes of Genomes, of GenomeData or of a GenomeConfig."""
        return cls(*(getattr(owner, name) for name in cls._fields))


DTYPES = (*[np.dtype(np.int64)] * 2, *(row.dtype for row in schema.ATTRIBUTES))
HASHED_NODE = 2**62  # a bit of every hashed node id, so that these come after all counted ones
MOST_INPUTS = 2**24 - 1  # and most outputs, so that a typing error does not fill the memory

# No value in these arrays makes compiled code read or write outside of arrays.
WRITABLE_FIELDS = tuple(
    row.field for row in schema.ATTRIBUTES if row.role in (Role.NUMBER, Role.SWITCH, Role.GENERATION)
)

NUMBERS = tuple(row.field for row in schema.NUMBERS)  # in the order of Bounds
UNBOUNDED = Bounds(*[(np.float32(-np.inf), np.float32(np.inf))] * len(NUMBERS))

_FIRST_NODE_ARRAY = len(OFFSETS)  # where attributes of nodes begin in GenomeArrays


def check_bounds(arrays: GenomeArrays, bounds: Bounds) -> None:
    """Raise ValueError if a number of a gene exceeds the bounds. All numbers must be finite."""
    for name, (low, high) in zip(NUMBERS, bounds, strict=True):
        values = getattr(arrays, name)
        beyond = (values < low) | (values > high)
        if beyond.any():
            raise ValueError(
                f"expected {name} within the config's bounds, from {low!s} to {high!s}, got {values[beyond][0]!s}"
            )


def node_arrays(arrays: GenomeArrays) -> tuple[np.ndarray, ...]:
    """Return the arrays of the attributes of nodes."""
    return arrays[_FIRST_NODE_ARRAY : _FIRST_NODE_ARRAY + len(schema.NODE)]


def connection_arrays(arrays: GenomeArrays) -> tuple[np.ndarray, ...]:
    """Return the arrays of the attributes of connections."""
    return arrays[_FIRST_NODE_ARRAY + len(schema.NODE) :]


def select(
    arrays: GenomeArrays, node_offset: np.ndarray, connection_offset: np.ndarray, nodes: Any, connections: Any
) -> GenomeArrays:
    """Return the genes at the positions `nodes` and `connections`, slices or integer arrays, with these offsets."""
    return GenomeArrays(
        node_offset,
        connection_offset,
        *(array[nodes] for array in node_arrays(arrays)),
        *(array[connections] for array in connection_arrays(arrays)),
    )


def copy_genome_at(arrays: GenomeArrays, index: int) -> GenomeArrays:
    """Return a copy of the genes of the genome at `index`, a position from 0 up."""
    node = slice(arrays.node_offset[index], arrays.node_offset[index + 1])
    connection = slice(arrays.connection_offset[index], arrays.connection_offset[index + 1])
    node_offset = np.array([0, node.stop - node.start])
    connection_offset = np.array([0, connection.stop - connection.start])
    views = select(arrays, node_offset, connection_offset, node, connection)
    return GenomeArrays(*(array.copy() for array in views))


def make_writable(arrays: GenomeArrays) -> GenomeArrays:
    """Return the arrays, with copies of those that are read-only, not aligned or not contiguous."""
    return GenomeArrays(*(np.require(array, requirements=("C", "A", "W")) for array in arrays))


def ragged_indices(offset: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets of the chosen rows when concatenated, and the original positions of their elements.

    Args:
        offset: int64 (n + 1,), where each row begins.
        rows: int64 (m,), the chosen rows.
    """
    size = offset[rows + 1] - offset[rows]
    new_offset = np.concatenate([[0], np.cumsum(size)])
    return new_offset, np.arange(new_offset[-1]) + np.repeat(offset[rows] - new_offset[:-1], size)


def as_indices(indices: Any, count: int) -> np.ndarray:
    """Return indices of genomes as int64 (n,).

    Raises:
        IndexError: An index is not an integer, is negative, or is not below `count`.
        ValueError: Some indices are masked.
    """
    check_unmasked("indices", indices)
    try:
        indices = np.asarray(indices)
    except ValueError:
        raise IndexError("indices: expected integers of shape (n,), got rows of different lengths") from None
    if indices.ndim != 1 or (indices.dtype.kind not in "iu" and len(indices) > 0):
        raise IndexError(
            f"indices: expected integers of shape (n,), got {indices.dtype} of shape {indices.shape}"
        )
    indices = indices.astype(np.int64)
    if len(indices) > 0 and (indices.min() < 0 or indices.max() >= count):
        raise IndexError(f"indices: must lie from 0 to {count - 1}, got {indices.min()} to {indices.max()}")
    return indices


def join_arrays(batches: Sequence[GenomeArrays]) -> GenomeArrays:
    """Return the genes of several batches, one batch after the other."""
    genes = zip(*(batch[_FIRST_NODE_ARRAY:] for batch in batches), strict=True)
    return GenomeArrays(
        *(_join_offsets([getattr(batch, name) for batch in batches]) for name in OFFSETS),
        *map(np.concatenate, genes),
    )


def _join_offsets(offsets: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.concatenate([np.diff(each) for each in offsets]))])


def end_ids(arrays: GenomeArrays, input_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of the sources and the targets of all connections, int64 (C,) each.

    Args:
        arrays: Genomes that obey the rules of `Genomes.check`.
        input_count: The number of inputs, with the bias input.
    """
    genome = np.repeat(np.arange(len(arrays.node_offset) - 1), np.diff(arrays.connection_offset))
    first = arrays.node_offset[genome] - input_count

    def to_ids(index: np.ndarray) -> np.ndarray:
        return np.where(index < input_count, index, arrays.node_id[np.maximum(first + index, 0)])

    return to_ids(arrays.connection_source), to_ids(arrays.connection_target)
