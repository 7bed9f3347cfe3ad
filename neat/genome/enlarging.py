"""Add inputs and outputs to genomes.

The ids of inputs come first, then that of the bias input, those of the outputs, and those of hidden nodes. New inputs
or outputs therefore move all later ids up, by the same number in every genome: genes that matched still match.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neat.genome.gene_arrays import (
    MOST_INPUTS,
    Bounds,
    Description,
    GenomeArrays,
    connection_arrays,
    node_arrays,
)
from neat.genome.rules import GenomeError
from neat.genome.schema import NODE_NUMBERS
from neat.support.messages import quote

_LARGEST_ID = np.iinfo(np.int64).max


def add_inputs(arrays: GenomeArrays, description: Description, num_inputs: Any) -> GenomeArrays:
    """Return a copy of the genes, in which the later ids and indices make room for more inputs."""
    added = _check_number("num_inputs", num_inputs, description.num_inputs)
    return _move_up(arrays, description.num_inputs, description.num_inputs, added)


def add_outputs(
    arrays: GenomeArrays, description: Description, num_outputs: Any, bounds: Bounds
) -> GenomeArrays:
    """Return a copy of the genes with further outputs.

    New outputs have the functions of their genome's first output, and the defaults of numbers, moved into the bounds.
    """
    added = _check_number("num_outputs", num_outputs, description.num_outputs)
    first = description.num_inputs + description.bias_input
    end = first + description.num_outputs  # the id and the index of the first new output
    moved = _move_up(arrays, end, end, added)
    starts = arrays.node_offset[:-1]
    # New outputs begin as copies of the first one.
    place = np.repeat(starts + description.num_outputs, added)
    copied = np.insert(np.arange(len(arrays.node_id)), place, np.repeat(starts, added))
    is_new = np.insert(np.zeros(len(arrays.node_id), np.bool_), place, True)
    nodes = GenomeArrays(
        *moved[:2], *(array[copied] for array in node_arrays(moved)), *connection_arrays(moved)
    )
    nodes.node_id[is_new] = np.tile(np.arange(end, end + added), len(starts))
    for row in NODE_NUMBERS:
        getattr(nodes, row.field)[is_new] = np.clip(np.float32(row.default), *getattr(bounds, row.name))
    return nodes._replace(node_offset=arrays.node_offset + np.arange(len(arrays.node_offset)) * added)


def _check_number(name: str, value: Any, present: int) -> int:
    """Return how many are added; raise GenomeError unless `value` is an integer that is at least the present number."""
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_integer or not present <= value <= MOST_INPUTS:
        raise GenomeError(
            f"{name}: expected an integer from {present}, the present number, to {MOST_INPUTS}, got {quote(value)}"
        )
    return int(value) - present


def _move_up(arrays: GenomeArrays, first_id: int, first_index: int, added: int) -> GenomeArrays:
    """Return a copy of the genes in which ids from `first_id` and indices from `first_index` are greater by `added`."""
    if arrays.node_id.max(initial=0) > _LARGEST_ID - added:
        raise GenomeError(f"node ids up to {arrays.node_id.max()} leave no room for {added} more")
    copy = GenomeArrays(*(array.copy() for array in arrays))
    copy.node_id[copy.node_id >= first_id] += added
    for ends in (copy.connection_source, copy.connection_target):
        ends[ends >= first_index] += added
    return copy
