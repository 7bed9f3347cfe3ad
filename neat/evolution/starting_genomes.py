"""Make the first generation of a run from given genomes."""

from __future__ import annotations

from typing import Any

import numpy as np

from neat.config.config import Config
from neat.evolution.evaluation_results import check_values
from neat.evolution.initial_genomes import bounds_of
from neat.evolution.innovation import CollisionError, GlobalInnovations, HashedInnovations, PairingInnovations
from neat.genome.gene_arrays import HASHED_NODE, Description, connection_arrays, end_ids, node_arrays
from neat.genome.genome import GenomeArrays, Genomes
from neat.support.messages import quote, restate_errors


def make_first_generation(genomes: Any, config: Config, innovations: GlobalInnovations) -> GenomeArrays:
    """Return copies of the genomes, repeated until there are `population_size`, and enter their ids in the scheme.

    The youngest gene gets generation 0 as its birth, older ones negative numbers, so that they keep their order of age.
    A scheme that computes numbers gives new ones to their connections, since the node ids alone determine them. In
    other schemes than "hashed", hashed ids become counted ones.

    Args:
        genomes: From 1 to population_size genomes.
        config: The settings of the run.
        innovations: The new run's scheme.

    Raises:
        ValueError: The genomes are not Genomes, are none or too many, do not fit the config, or cannot be aligned: an
            innovation number means two links, or a link has two numbers in the scheme "global".
    """
    if not isinstance(genomes, Genomes):
        raise ValueError(
            f"genomes: expected neat.Genomes, got {quote(genomes)}; neat.Genomes.from_list joins single ones"
        )
    _check_description(genomes.description, Description.of(config.genome))
    size = config.population_size
    if not 1 <= len(genomes) <= size:
        raise ValueError(f"genomes: expected 1 to {size}, the population_size, got {len(genomes)}")
    genomes.check()
    own = genomes.take(np.arange(len(genomes)))
    own.arrays.connection_birth[:] -= own.arrays.connection_birth.max(initial=0)
    if not isinstance(innovations, HashedInnovations):
        own = own.with_arrays(_count_hashed(own.arrays))
    if isinstance(innovations, PairingInnovations):
        own = own.with_arrays(_renumber_links(own.arrays, own.input_count, innovations))
    else:
        _check_numbers(own.arrays, own.input_count)
    own.bounds = bounds_of(config.genome)
    check_values(own, config.genome)
    with restate_errors("genomes: "):
        innovations.adopt(own.arrays, own.input_count)
    return own.take(np.arange(size) % len(own)).arrays


def _check_description(given: Description, expected: Description) -> None:
    for name, own, wanted in zip(Description._fields, given, expected, strict=True):
        if own != wanted:
            is_size = name in ("num_inputs", "num_outputs") and own < wanted
            hint = f"; genomes.with_{name.removeprefix('num_')}({wanted}) adds them" if is_size else ""
            raise ValueError(f"genomes: {name} must be {wanted}, as in the config, got {own}{hint}")


def _check_numbers(arrays: GenomeArrays, input_count: int) -> None:
    """Raise ValueError if an innovation number means two links."""
    links = np.stack([arrays.connection_innovation, *end_ids(arrays, input_count)], axis=1)
    number, count = np.unique(np.unique(links, axis=0)[:, 0], return_counts=True)
    if (count > 1).any():
        raise ValueError(
            f"genomes: innovation number {number[count > 1][0]} means several links; genomes of different runs cannot "
            "be aligned"
        )


def _count_hashed(arrays: GenomeArrays) -> GenomeArrays:
    """Return the genes with the next counted ids, in the same order, in place of hashed node ids, and of all
    innovation numbers if some are too high to count on.
    """
    node_id, number = arrays.node_id.copy(), arrays.connection_innovation
    is_hashed = node_id >= HASHED_NODE
    _, place = np.unique(node_id[is_hashed], return_inverse=True)
    node_id[is_hashed] = node_id[~is_hashed].max() + 1 + place
    if number.max(initial=0) >= GlobalInnovations.most_ids:
        number = np.unique(number, return_inverse=True)[1]
    return arrays._replace(node_id=node_id, connection_innovation=number)


def _renumber_links(arrays: GenomeArrays, input_count: int, innovations: PairingInnovations) -> GenomeArrays:
    """Return the genes with the numbers that the scheme computes for their connections, in ascending order."""
    links, place = np.unique(np.stack(end_ids(arrays, input_count)), axis=1, return_inverse=True)
    try:
        number = innovations.number_links(*np.ascontiguousarray(links))[place.ravel()]
    except (OverflowError, CollisionError) as error:
        raise ValueError(f"genomes: {error}") from None
    genome = np.repeat(np.arange(len(arrays.node_offset) - 1), np.diff(arrays.connection_offset))
    order = np.lexsort((number, genome))
    numbered = arrays._replace(connection_innovation=number)
    return GenomeArrays(
        *arrays[:2], *node_arrays(arrays), *(array[order] for array in connection_arrays(numbered))
    )
