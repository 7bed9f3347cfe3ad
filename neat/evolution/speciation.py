"""Species: compatibility distance, assignment and stagnation (2002, section 3.3)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from neat.config.choices import Measure, Normalisation
from neat.config.config import Config, to_record
from neat.genome.copying import copy_genome
from neat.genome.genome import Genome, GenomeArrays
from neat.genome.schema import CONNECTION_NUMBERS, NODE_NUMBERS, Attribute, generate, repeat
from neat.kernels import rng
from neat.kernels.jit import inner_function, kernel
from neat.kernels.sorting import descending
from neat.kernels.work_pieces import claimed

_MOST_DOUBLINGS = 5.0  # that an adjusted threshold answers to at once

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_WIDE_ZERO = np.float64(0.0)
_GREATEST = np.finfo(np.float32).max
_MEAN = int(Measure.MEAN)
_CONTINUOUS = int(Normalisation.CONTINUOUS)


class Species(NamedTuple):
    """The species of a generation, in order of id.

    `representative` holds one genome for each: a member of the generation before, drawn at random.
    """

    id: np.ndarray  # int64 (S,), ascending
    founded: np.ndarray  # int64 (S,), the generation
    improved: np.ndarray  # int64 (S,), the generation of the last improvement
    record: np.ndarray  # float64 (S,), the highest measure so far
    representative: GenomeArrays


def _difference(head: str, piece: str, numbers: tuple[Attribute, ...]) -> Any:
    """A jitted function of this head: the sum of `piece` over the numbers that are compared."""
    terms = repeat(piece, [row for row in numbers if row.compared], " + ")
    return inner_function(generate(head, f"return {terms}", {"float64": np.float64}))


# Sums of |Δ| of gene i of `a` and gene j of `b`, those of nodes in the type of `zero`.
_connection_difference = _difference(
    "_connection_difference(a, i, b, j)", "abs(a.{row.field}[i] - b.{row.field}[j])", CONNECTION_NUMBERS
)
_wide_connection_difference = _difference(
    "_wide_connection_difference(a, i, b, j)",
    "abs(float64(a.{row.field}[i]) - float64(b.{row.field}[j]))",
    CONNECTION_NUMBERS,
)
_number_difference = _difference(
    "_number_difference(a, i, b, j, zero)", "abs(zero + a.{row.field}[i] - b.{row.field}[j])", NODE_NUMBERS
)


@inner_function
def distance(a, first, b, second, rule, limit):
    """Compatibility distance δ = c1·E/N + c2·D/N + c3·W̄ of two genomes (2002, equation 1).

    Args:
        a: GenomeArrays of the first genome.
        first: Its index there.
        b: GenomeArrays of the second genome.
        second: Its index there.
        rule: SpeciationConfig record.
        limit: Once the distance is known to reach this, some value from the limit up is returned.
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
        if not part <= _GREATEST:  # the sum is infinite in float32, and NaN with a coefficient of 0
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
    """Sum over matching connections of |Δ| of the numbers compared in float64, where float32 cannot hold it."""
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
    """Mean over matching nodes of |Δ| of the numbers compared, + 1 for another activation + 1 for another aggregation.

    It is computed in the type of `zero`, float32 or float64.
    """
    i, i_end = a.node_offset[first], a.node_offset[first + 1]
    j, j_end = b.node_offset[second], b.node_offset[second + 1]
    matching = 0
    difference = zero
    while i < i_end and j < j_end:
        left, right = a.node_id[i], b.node_id[j]
        if left == right:
            matching += 1
            difference += _number_difference(a, i, b, j, zero)
            difference += _ONE if a.node_activation[i] != b.node_activation[j] else _ZERO
            difference += _ONE if a.node_aggregation[i] != b.node_aggregation[j] else _ZERO
        i += left <= right
        j += right <= left
    return difference / np.float32(max(matching, 1))


@inner_function(inline="never")
def _wide_node_difference(a, first, b, second):
    return _node_difference(a, first, b, second, _WIDE_ZERO)


def compatibility_distance(first: Genome, second: Genome, config: Config) -> float:
    """The compatibility distance of two genomes under a config's settings (2002, equation 1)."""
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
def assign(pieces, genes, representative, rule, threshold, species):
    """Put genomes into the first species whose representative is nearer than the threshold.

    Args:
        pieces: The genomes, to be claimed.
        genes: GenomeArrays of P genomes.
        representative: GenomeArrays of S genomes.
        rule: SpeciationConfig record, shape (1,).
        threshold: float32.
        species: int64 (P,), receives each genome's species, -1 where none is near enough.
    """
    for genome in claimed(pieces):
        species[genome] = -1
        for candidate in range(len(representative.connection_offset) - 1):
            if distance(genes, genome, representative, candidate, rule[0], threshold) < threshold:
                species[genome] = candidate
                break


@kernel
def found(genes, known, rule, threshold, species):
    """Found species for the genomes that fit none: the first one represents its own, and the rest are tried against it.

    Args:
        genes: GenomeArrays of P genomes.
        known: The number of species so far.
        rule: SpeciationConfig record, shape (1,).
        threshold: float32.
        species: int64 (P,), as `assign` left it; the new species are numbered from `known`.

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
def gather(genes, genome, gathered):
    """Copy the genomes at the indices `genome` into `gathered`, whose arrays are long enough."""
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
def settle(species, id_, founded, improved, record, founders, next_id, generation):
    """Drop the species without members and enter the founded ones.

    Args:
        species: int64 (P,), positions that `assign` gave; renumbered in place.
        id_: int64 (S,), as the next three the fields of Species before this generation.
        founded: int64 (S,).
        improved: int64 (S,).
        record: float64 (S,).
        founders: The number of species founded.
        next_id: The id of the first of them.
        generation: The current one.

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
    """Note which species improved, in place, and say which may have offspring.

    A species that has stagnated may not, unless it is among the best `protected_species`. When the whole
    population stagnates, only the two best may, and their count starts anew.

    Args:
        improved: int64 (S,), the generation of each species' last improvement; updated.
        record: float64 (S,), the highest measure so far; updated.
        best: float64 (S,), the best fitness in each.
        mean: float64 (S,), the mean fitness in each.
        rule: StagnationConfig record.
        population_stagnates: Whether the population has gone too long without improvement.
        generation: The current one.

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
def draw_representatives(id_, ranking, offspring, genes, seed, generation):
    """The species that have offspring, and a random member of each.

    Args:
        id_: int64 (S,), the species' ids.
        ranking: Ranking.
        offspring: int64 (S,).
        genes: GenomeArrays of P genomes.
        seed: uint64.
        generation: The current one.

    Returns:
        The positions of those species; the members' indices, both int64; how many nodes and how many connections the
        members have in all.
    """
    count, nodes, connections = 0, 0, 0
    kept, genome = np.empty(len(id_), np.int64), np.empty(len(id_), np.int64)
    for species in range(len(id_)):
        if offspring[species] > 0:
            first, last = ranking.offset[species], ranking.offset[species + 1]
            word, _, _, _ = rng.block(seed, generation, id_[species], rng.REPRESENTATIVE, 0)
            chosen = ranking.member[first + rng.to_index(word, last - first)]
            kept[count], genome[count] = species, chosen
            nodes += genes.node_offset[chosen + 1] - genes.node_offset[chosen]
            connections += genes.connection_offset[chosen + 1] - genes.connection_offset[chosen]
            count += 1
    return kept[:count], genome[:count], nodes, connections


def threshold_as_float32(threshold: float) -> np.float32:
    """The threshold for kernels; not 0, or a genome would be too far from its own copy."""
    return max(np.float32(threshold), np.finfo(np.float32).smallest_subnormal)


def adjusted_threshold(threshold: float, count: int, config: Config) -> float:
    """The next generation's compatibility threshold, after a generation with `count` species."""
    rule = config.speciation
    if rule.threshold_mode == "fixed":
        return threshold
    doublings = max(-_MOST_DOUBLINGS, min(_MOST_DOUBLINGS, math.log2(count / rule.target_species)))
    adjusted = threshold * (1 + rule.threshold_step) ** doublings
    return min(max(rule.minimum_threshold, adjusted), float(_GREATEST))
