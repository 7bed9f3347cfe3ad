"""Assign genomes to species by compatibility distance, and handle stagnation (2002, section 3.3)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from neat.config.choices import Measure, Normalisation
from neat.config.config import Config, to_record
from neat.evolution.selection import Ranking
from neat.genome.copying import copy_genome
from neat.genome.genome import Genome, GenomeArrays
from neat.genome.schema import CONNECTION_NUMBERS, NODE_NUMBERS, Attribute, generate, repeat
from neat.kernels import rng
from neat.kernels.jit import inner_function, kernel
from neat.kernels.sorting import descending
from neat.kernels.work_pieces import claim

_MOST_DOUBLINGS = 5.0  # limit of |log2(species / target_species)| in one adjustment of the threshold

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_WIDE_ZERO = np.float64(0.0)
_GREATEST = np.finfo(np.float32).max
_MEAN = int(Measure.MEAN)
_CONTINUOUS = int(Normalisation.CONTINUOUS)


class Species(NamedTuple):
    """The S species of a generation, in the order of their ids."""

    id: np.ndarray  # int64 (S,), ascending
    founded: np.ndarray  # int64 (S,), the generation in which each species was founded
    improved: np.ndarray  # int64 (S,), the generation of the last improvement
    record: np.ndarray  # float64 (S,), the highest best or mean fitness so far (`StagnationConfig.measure`)
    representative: GenomeArrays  # of S genomes, each a random member of the species in the last generation


def _make_difference(head: str, piece: str, numbers: tuple[Attribute, ...]) -> Any:
    """Return a jitted function with this head, which sums `piece` over the numbers that the distance compares."""
    terms = repeat(piece, [row for row in numbers if row.compared], " + ")
    return inner_function(generate(head, f"return {terms}", {"float64": np.float64}))


# Return the sum of |Δ| over the numbers of gene i of `a` and gene j of `b`: in float32, in float64 for names with
# "wide", and for nodes in the type of `zero`.
_connection_difference = _make_difference(
    "_connection_difference(a, i, b, j)", "abs(a.{row.field}[i] - b.{row.field}[j])", CONNECTION_NUMBERS
)
_wide_connection_difference = _make_difference(
    "_wide_connection_difference(a, i, b, j)",
    "abs(float64(a.{row.field}[i]) - float64(b.{row.field}[j]))",
    CONNECTION_NUMBERS,
)
_node_number_difference = _make_difference(
    "_node_number_difference(a, i, b, j, zero)",
    "abs(zero + a.{row.field}[i] - b.{row.field}[j])",
    NODE_NUMBERS,
)


@inner_function
def distance(a, first, b, second, rule, limit):
    """Return the compatibility distance δ = c1·E/N + c2·D/N + c3·W̄ of two genomes (2002, equation 1).

    Args:
        a: GenomeArrays that contain the first genome.
        first: The index of the first genome in `a`.
        b: GenomeArrays that contain the second genome.
        second: The index of the second genome in `b`.
        rule: SpeciationConfig record.
        limit: float32. If the distance reaches it, the result may be any value that also reaches it.
    """
    i, i_end = a.connection_offset[first], a.connection_offset[first + 1]
    j, j_end = b.connection_offset[second], b.connection_offset[second + 1]
    genes = max(i_end - i, j_end - j)
    size = _ONE
    if genes >= rule.normalise_from:
        size = np.float32(genes)
        if rule.normalisation == _CONTINUOUS:
            size /= np.float32(rule.normalise_from)
    unmatched = abs((i_end - i) - (j_end - j))
    least = np.float32(unmatched) * min(rule.excess_coefficient, rule.disjoint_coefficient) / size
    if least >= limit:
        return least
    matching, disjoint = 0, 0
    difference = _ZERO
    while i < i_end and j < j_end:
        left, right = a.connection_innovation[i], b.connection_innovation[j]
        if left == right:
            difference += _connection_difference(a, i, b, j)
            matching += 1
        else:
            disjoint += 1
        i += left <= right
        j += right <= left
    excess = (i_end - i) + (j_end - j)
    total = (
        rule.excess_coefficient * np.float32(excess) / size
        + rule.disjoint_coefficient * np.float32(disjoint) / size
    )
    if matching > 0:
        part = rule.weight_coefficient * difference / np.float32(matching)
        if not part <= _GREATEST:  # the float32 sum is infinite; times a coefficient of 0, it is NaN
            wide = _wide_weight_difference(a, first, b, second)
            part = np.float32(rule.weight_coefficient * wide / matching)
        total += part
    if rule.node_coefficient > _ZERO and total < limit:
        part = rule.node_coefficient * _node_difference(a, first, b, second, _ZERO)
        if part > _GREATEST:
            part = np.float32(rule.node_coefficient * _wide_node_difference(a, first, b, second))
        total += part
    return total


@inner_function(inline="never")
def _wide_weight_difference(a, first, b, second):
    """Return the float64 sum of |Δ| over the matching connections, which float32 cannot hold."""
    i, i_end = a.connection_offset[first], a.connection_offset[first + 1]
    j, j_end = b.connection_offset[second], b.connection_offset[second + 1]
    difference = 0.0
    while i < i_end and j < j_end:
        left, right = a.connection_innovation[i], b.connection_innovation[j]
        if left == right:
            difference += _wide_connection_difference(a, i, b, j)
        i += left <= right
        j += right <= left
    return difference


@inner_function
def _node_difference(a, first, b, second, zero):
    """Return the mean difference of matching nodes, computed in the type of `zero`, float32 or float64.

    The difference of two nodes is the sum of |Δ| over their numbers, + 1 if the activations differ, + 1 if the
    aggregations differ.
    """
    i, i_end = a.node_offset[first], a.node_offset[first + 1]
    j, j_end = b.node_offset[second], b.node_offset[second + 1]
    matching = 0
    difference = zero
    while i < i_end and j < j_end:
        left, right = a.node_id[i], b.node_id[j]
        if left == right:
            matching += 1
            difference += _node_number_difference(a, i, b, j, zero)
            difference += _ONE if a.node_activation[i] != b.node_activation[j] else _ZERO
            difference += _ONE if a.node_aggregation[i] != b.node_aggregation[j] else _ZERO
        i += left <= right
        j += right <= left
    return difference / np.float32(max(matching, 1))


@inner_function(inline="never")
def _wide_node_difference(a, first, b, second):
    return _node_difference(a, first, b, second, _WIDE_ZERO)


def compatibility_distance(first: Genome, second: Genome, config: Config) -> float:
    """Return the compatibility distance of two genomes with the settings of a config (2002, equation 1)."""
    return float(
        _distance(
            first.genomes.to_kernel(),
            second.genomes.to_kernel(),
            to_record(config.speciation),
            np.float32(np.inf),
        )
    )


@kernel(allocates=False)
def _distance(a, b, rule, limit):
    return distance(a, 0, b, 0, rule[0], limit)


@kernel(allocates=False)
def assign(
    pieces: np.ndarray,
    genes: GenomeArrays,
    representative: GenomeArrays,
    rule: np.ndarray,
    threshold: np.float32,
    species: np.ndarray,
) -> None:
    """Assign genomes to the first species whose representative is nearer than the threshold.

    Args:
        pieces: The genomes to claim.
        genes: GenomeArrays of P genomes.
        representative: GenomeArrays of S genomes.
        rule: SpeciationConfig record, shape (1,).
        threshold: float32.
        species: int64 (P,), written: the position of each genome's species, or -1 if none is near enough.
    """
    begin, end = claim(pieces, 0)
    while begin < end:
        for genome in range(begin, end):
            species[genome] = -1
            for candidate in range(len(representative.connection_offset) - 1):
                if distance(genes, genome, representative, candidate, rule[0], threshold) < threshold:
                    species[genome] = candidate
                    break
        begin, end = claim(pieces, end - begin)


@kernel
def found_species(
    genes: GenomeArrays, known: int, rule: np.ndarray, threshold: np.float32, species: np.ndarray
) -> int:
    """Found species for the genomes that fit none; the first genome of a new species represents it.

    Args:
        genes: GenomeArrays of P genomes.
        known: The number of species before.
        rule: SpeciationConfig record, shape (1,).
        threshold: float32.
        species: int64 (P,), as `assign` wrote it; the positions of new species, from `known` up, are written to it.

    Returns:
        The number of species founded.
    """
    founder = np.empty(len(species), np.int64)
    founders = 0
    for genome in range(len(species)):
        if species[genome] >= 0:
            continue
        for candidate in range(founders):
            if distance(genes, genome, genes, founder[candidate], rule[0], threshold) < threshold:
                species[genome] = known + candidate
                break
        if species[genome] < 0:
            species[genome] = known + founders
            founder[founders] = genome
            founders += 1
    return founders


@kernel(allocates=False)
def gather(genes: GenomeArrays, genome: np.ndarray, gathered: GenomeArrays) -> None:
    """Copy the genomes at the indices `genome`, int64 (n,), to `gathered`, whose arrays must be large enough."""
    gathered.node_offset[0] = 0
    gathered.connection_offset[0] = 0
    for position in range(len(genome)):
        chosen = genome[position]
        nodes = genes.node_offset[chosen + 1] - genes.node_offset[chosen]
        connections = genes.connection_offset[chosen + 1] - genes.connection_offset[chosen]
        copy_genome(genes, chosen, nodes, connections, gathered, position)
        gathered.node_offset[position + 1] = gathered.node_offset[position] + nodes
        gathered.connection_offset[position + 1] = gathered.connection_offset[position] + connections


@kernel
def update_species(species, id_, founded, improved, record, founders, next_id, generation):
    """Remove the species without members, and add the new ones.

    Args:
        species: int64 (P,), the positions of the genomes' species; replaced by their new positions.
        id_: int64 (S,), `Species.id` before this generation.
        founded: int64 (S,), `Species.founded` before this generation.
        improved: int64 (S,), `Species.improved` before this generation.
        record: float64 (S,), `Species.record` before this generation.
        founders: The number of new species.
        next_id: The id of the first new species.
        generation: The current generation.

    Returns:
        (id, founded, improved, record) of the species that have members.
    """
    known = len(id_)
    living = np.zeros(known + founders, np.bool_)
    for genome in range(len(species)):
        living[species[genome]] = True
    position, count = np.empty(known + founders, np.int64), 0
    for old in range(known + founders):
        position[old] = count
        count += living[old]
    for genome in range(len(species)):
        species[genome] = position[species[genome]]
    new_id, new_founded = np.empty(count, np.int64), np.full(count, generation)
    new_improved, new_record = np.full(count, generation), np.full(count, -np.inf)
    for old in range(known + founders):
        if living[old]:
            new = position[old]
            if old < known:
                new_id[new], new_founded[new] = id_[old], founded[old]
                new_improved[new], new_record[new] = improved[old], record[old]
            else:
                new_id[new] = next_id + old - known
    return new_id, new_founded, new_improved, new_record


@kernel
def stagnate(improved, record, best, mean, rule, population_stagnates, generation):
    """Update which species improved, and return which may have offspring.

    A species that has stagnated may not have any, unless it is among the best `protected_species`. If the whole
    population stagnates, only the two best species may, and their count of generations without improvement restarts.

    Args:
        improved: int64 (S,), the generation of each species' last improvement; updated.
        record: float64 (S,), the highest measure so far; updated.
        best: float64 (S,), the best fitness of each species.
        mean: float64 (S,), the mean fitness of each species.
        rule: StagnationConfig record, shape (1,).
        population_stagnates: Whether the population has stagnated.
        generation: The current generation.

    Returns:
        bool (S,), which species may have offspring.
    """
    allowed = np.empty(len(best), np.bool_)
    by_best = descending(best)
    for rank in range(len(best)):
        species = by_best[rank]
        value = mean[species] if rule[0].measure == _MEAN else best[species]
        if value > record[species]:
            record[species] = value
            improved[species] = generation
        stagnant = generation - improved[species] >= rule[0].species_generations
        allowed[species] = rank < rule[0].protected_species or not stagnant
        if population_stagnates:
            allowed[species] = rank < 2
            improved[species] = generation if rank < 2 else improved[species]
    return allowed


@kernel
def draw_representatives(
    id_: np.ndarray,
    ranking: Ranking,
    offspring: np.ndarray,
    node_offset: np.ndarray,
    connection_offset: np.ndarray,
    seed: np.uint64,
    generation: int,
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Draw a random member of each species that has offspring.

    Args:
        id_: int64 (S,), the species' ids.
        ranking: Ranking of S species.
        offspring: int64 (S,), the number of offspring of each species.
        node_offset: int64 (P+1,), the genomes' node_offset.
        connection_offset: int64 (P+1,), the genomes' connection_offset.
        seed: uint64, the run's seed.
        generation: The current generation.

    Returns:
        (kept, genome, nodes, connections): the positions of these species and the indices of the members, int64 each,
        and the total numbers of the members' nodes and connections.
    """
    count, nodes, connections = 0, 0, 0
    kept, genome = np.empty(len(id_), np.int64), np.empty(len(id_), np.int64)
    for species in range(len(id_)):
        if offspring[species] > 0:
            first, last = ranking.offset[species], ranking.offset[species + 1]
            word, _, _, _ = rng.block(seed, generation, id_[species], rng.REPRESENTATIVE, 0)
            chosen = ranking.member[first + rng.to_index(word, last - first)]
            kept[count], genome[count] = species, chosen
            nodes += node_offset[chosen + 1] - node_offset[chosen]
            connections += connection_offset[chosen + 1] - connection_offset[chosen]
            count += 1
    return kept[:count], genome[:count], nodes, connections


def threshold_as_float32(threshold: float) -> np.float32:
    """Return the threshold for kernels. It is above 0, so that a genome fits the species of its own copy."""
    return max(np.float32(threshold), np.finfo(np.float32).smallest_subnormal)


def adjusted_threshold(threshold: float, count: int, config: Config) -> float:
    """Return the compatibility threshold of the next generation, after a generation with `count` species."""
    rule = config.speciation
    if rule.threshold_mode == "fixed":
        return threshold
    doublings = max(-_MOST_DOUBLINGS, min(_MOST_DOUBLINGS, math.log2(count / rule.target_species)))
    adjusted = threshold * (1 + rule.threshold_step) ** doublings
    return min(max(rule.minimum_threshold, adjusted), float(_GREATEST))
