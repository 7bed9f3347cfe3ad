"""The arrays that hold genes: their names, dtypes and bounds, and rows taken from them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class GenomeArrays(NamedTuple):
    """The genes of P genomes with N nodes and C connections in all."""

    node_offset: np.ndarray  # int64 (P+1,)
    connection_offset: np.ndarray  # int64 (P+1,)
    node_id: np.ndarray  # int64 (N,), ascending within a genome
    node_bias: np.ndarray  # float32 (N,)
    node_response: np.ndarray  # float32 (N,)
    node_activation: np.ndarray  # uint8 (N,), index into activations.ACTIVATIONS
    node_aggregation: np.ndarray  # uint8 (N,), index into activations.AGGREGATIONS
    connection_innovation: np.ndarray  # int64 (C,), ascending within a genome
    connection_source: np.ndarray  # int32 (C,), index within the genome
    connection_target: np.ndarray  # int32 (C,), index within the genome
    connection_weight: np.ndarray  # float32 (C,)
    connection_enabled: np.ndarray  # bool (C,)


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


DTYPES = tuple(map(np.dtype, ("i8", "i8", "i8", "f4", "f4", "u1", "u1", "i8", "i4", "i4", "f4", "?")))
MOST_INPUTS = 2**24 - 1  # or outputs; a slip of the pen shall not fill the memory

# Whatever is written to these, compiled code stays within the arrays.
NUMBERS = ("node_bias", "node_response", "connection_weight", "connection_enabled")


BOUNDED = ("connection_weight", "node_bias", "node_response")  # in the order of Bounds


class Bounds(NamedTuple):
    """Least and greatest weight, bias and response that genomes may have, as float32."""

    weight: tuple[np.float32, np.float32]
    bias: tuple[np.float32, np.float32]
    response: tuple[np.float32, np.float32]

    def check(self, arrays: GenomeArrays) -> None:
        """Raise ValueError unless weights, biases and responses, all finite, lie within the bounds."""
        for name, (low, high) in zip(BOUNDED, self, strict=True):
            values = getattr(arrays, name)
            beyond = (values < low) | (values > high)
            if beyond.any():
                raise ValueError(
                    f"expected {name} within the config's bounds, from {low!s} to {high!s}, got {values[beyond][0]!s}"
                )


UNBOUNDED = Bounds(*[(np.float32(-np.inf), np.float32(np.inf))] * 3)


def writable(arrays: GenomeArrays) -> GenomeArrays:
    """The arrays, or copies of those that are read-only, not aligned or not contiguous."""
    return GenomeArrays(*(np.require(array, requirements=("C", "A", "W")) for array in arrays))


def ragged_indices(offset: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of the chosen rows when laid side by side, and the elements' positions in the original."""
    size = offset[rows + 1] - offset[rows]
    new_offset = np.concatenate([[0], np.cumsum(size)])
    return new_offset, np.arange(new_offset[-1]) + np.repeat(offset[rows] - new_offset[:-1], size)
