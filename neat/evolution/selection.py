"""Rank genomes, allocate offspring to species by shared fitness, and choose parents (2002, section 3.3)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from neat.config.choices import EqualFitness
from neat.evolution import crossover
from neat.kernels import rng
from neat.kernels.jit import inner_function, kernel
from neat.kernels.sorting import descending

_BOTH = int(EqualFitness.BOTH)


class Ranking(NamedTuple):
    """The members of each of S species, the fittest first, and their best and mean fitness."""

    member: np.ndarray  # int64 (P,), genomes by species, then by fitness, then by index
    offset: np.ndarray  # int64 (S+1,), where the members of each species begin
    best: np.ndarray  # float64 (S,), the best fitness
    mean: np.ndarray  # float64 (S,), the mean of the valid fitness; -inf if no member's is valid


class Parents(NamedTuple):
    """The properties of P genomes by which parents are chosen."""

    fitness: np.ndarray  # float64 (P,), -inf where it is invalid
    connection_offset: np.ndarray  # int64 (P+1,)
    birth: np.ndarray  # int64 (P,), the generation in which each was created


class BreedingPlan(NamedTuple):
    """How each of P children is made, in the order of the first parent."""

    first: np.ndarray  # int64 (P,), the primary parent
    second: np.ndarray  # int64 (P,), the secondary parent, or -1
    mutates: np.ndarray  # bool (P,), whether the child mutates
    both: np.ndarray  # bool (P,), whether disjoint and excess genes of both parents enter the child
    birth: np.ndarray  # int64 (P,), the generation in which the genome was created


@kernel
def rank(fitness, species, count):
    """Sort the members of `count` species by fitness.

    Args:
        fitness: float64 (P,), -inf where it is invalid; at least one value must be valid.
        species: int64 (P,), the position of each genome's species.
        count: The number of species, S.

    Returns:
        (member, offset, best, mean, summary): the fields of Ranking, and (mean, standard deviation, median, number) of
        all valid values.
    """
    order = descending(fitness)
    offset = np.zeros(count + 1, np.int64)
    for genome in range(len(species)):
        offset[species[genome] + 1] += 1
    for position in range(count):
        offset[position + 1] += offset[position]
    end = offset.copy()
    member = np.empty(len(species), np.int64)
    for position in range(len(order)):
        genome = order[position]
        member[end[species[genome]]] = genome
        end[species[genome]] += 1
    best, mean = np.empty(count), np.empty(count)
    for position in range(count):
        first, last = offset[position], offset[position + 1]
        while last > first and fitness[member[last - 1]] == -np.inf:
            last -= 1
        best[position] = fitness[member[first]]
        mean[position] = -np.inf if last == first else _compute_moments(fitness, member, first, last)[0]
    valid = len(order)
    while fitness[order[valid - 1]] == -np.inf:
        valid -= 1
    median = fitness[order[valid // 2]] / 2 + fitness[order[(valid - 1) // 2]] / 2
    return member, offset, best, mean, (*_compute_moments(fitness, order, 0, valid), median, valid)


@inner_function(inline="never")
def _compute_moments(fitness, order, first, last):
    """Return (mean, standard deviation) of fitness[order[first:last]], which must descend (Welford 1962)."""
    greatest = max(abs(fitness[order[first]]), abs(fitness[order[last - 1]]))
    # Measured in a power of two near the greatest value, no sum or square exceeds the range of float64.
    unit = math.ldexp(1.0, math.frexp(greatest)[1] - 1) if greatest > 0 else 1.0
    mean, squares = 0.0, 0.0
    for position in range(first, last):
        value = fitness[order[position]] / unit
        change = value - mean
        mean += change / (position - first + 1)
        squares += change * (value - mean)
    return mean * unit, np.sqrt(squares / (last - first)) * unit


@kernel
def allocate(fitness: np.ndarray, ranking: Ranking, allowed: np.ndarray, population_size: int) -> np.ndarray:
    """Return the number of offspring of each species, int64 (S,); their sum is `population_size`.

    This is explicit fitness sharing (2002, equation 2): the fitness of a genome is divided by the size of its species,
    and species get offspring in proportion to the sums. If some fitness is negative, the least fitness of the species
    that may reproduce is subtracted from all; an invalid one counts as that least, or 0. If all sums are 0, the shares
    are equal. Fractions are rounded by largest remainder, ties by species id.

    Args:
        fitness: float64 (P,), -inf where it is invalid.
        ranking: Ranking of S species.
        allowed: bool (S,), which species may reproduce; at least one.
        population_size: P.
    """
    count = len(allowed)
    least, largest = np.inf, 0.0
    for species in range(count):
        if allowed[species]:
            for position in range(ranking.offset[species], ranking.offset[species + 1]):
                value = fitness[ranking.member[position]]
                if value > -np.inf:
                    least = min(least, value)
                    largest = max(largest, abs(value))
    # Measured in a power of two near the largest value, no sum overflows, and distinct values stay distinct.
    _, exponent = math.frexp(largest)
    shift = math.ldexp(min(least, 0.0), -exponent)
    share = np.zeros(count)
    for species in range(count):
        if allowed[species]:
            first, last = ranking.offset[species], ranking.offset[species + 1]
            for position in range(first, last):
                value = fitness[ranking.member[position]]
                if value > -np.inf:
                    share[species] += math.ldexp(value, -exponent) - shift
            share[species] /= last - first
    return _round_by_largest_remainder(share, allowed, population_size)


@inner_function(inline="never", allocates=True)
def _round_by_largest_remainder(share, allowed, population_size):
    """Return integers, int64 (S,), in proportion to the shares of the allowed species; equal if all shares are 0."""
    count = len(share)
    total = 0.0
    for species in range(count):
        total += share[species]
    if total <= 0.0:
        for species in range(count):
            share[species] = 1.0 if allowed[species] else 0.0
            total += share[species]
    offspring, remainder = np.zeros(count, np.int64), np.empty(count)
    left = population_size
    for species in range(count):
        quota = share[species] / total * population_size
        offspring[species] = np.int64(quota)
        remainder[species] = quota - offspring[species] if allowed[species] else -1.0
        left -= offspring[species]
    by_remainder = descending(remainder)
    for position in range(left):
        offspring[by_remainder[position]] += 1
    return offspring


@inner_function
def _count_survivors(size, rule):
    """Return how many of a species' best may be parents: one more than the share, as in Stanley's source."""
    # The float32 rate can be slightly below the configured one, but 0.35 · 20 must give 7.
    share = size * (np.float64(rule.survival_rate) + 1e-7)
    return min(size, np.int64(share) + 1)


@inner_function
def _choose_parents(child, species, elite, ranking, rule, seed, generation):
    """Return (first, second, mutates) for a child of `species`; `second` is -1 without crossover.

    `elite` is the position in the species of a member to clone, or -1.
    """
    first_member = ranking.offset[species]
    size = ranking.offset[species + 1] - first_member
    if elite >= 0:
        return ranking.member[first_member + elite], -1, False
    word0, word1, word2, word3 = rng.block(seed, generation, child, rng.PARENTS, 0)
    survivors = _count_survivors(size, rule)
    first = ranking.member[first_member + rng.to_index(word0, survivors)]
    if rng.to_uniform(word1) < rule.mutate_only_rate:
        return first, -1, True
    second = ranking.member[first_member + rng.to_index(word2, survivors)]
    count = len(ranking.best)
    if count > 1 and rng.to_uniform(word3) < rule.interspecies_rate:
        word0, word1, _, _ = rng.block(seed, generation, child, rng.PARENTS, 1)
        other = (species + 1 + rng.to_index(word0, count - 1)) % count
        size = ranking.offset[other + 1] - ranking.offset[other]
        second = ranking.member[ranking.offset[other] + rng.to_index(word1, _count_survivors(size, rule))]
    if second == first:
        return first, -1, True
    _, _, word2, _ = rng.block(seed, generation, child, rng.PARENTS, 1)
    return first, second, rng.to_uniform(word2) >= rule.mate_only_rate


@kernel
def plan_offspring(parents, ranking, offspring, kept, config, seed, generation):
    """Choose the parents of each child, and sort the children by their first parent.

    Args:
        parents: Parents.
        ranking: Ranking of S species.
        offspring: int64 (S,), the number of children of each species.
        kept: A genome that replaces the last child, unchanged, or -1.
        config: The record of the config, shape (1,).
        seed: uint64, the run's seed.
        generation: The children's generation.

    Returns:
        (first, second, mutates, both, birth): the fields of BreedingPlan.
    """
    fitness, connection_offset, birth = parents
    population_size = len(fitness)
    rule = config[0].reproduction
    both_enter = config[0].crossover.equal_fitness == _BOTH
    first, second = np.empty(population_size, np.int64), np.empty(population_size, np.int64)
    mutates, both = np.empty(population_size, np.bool_), np.empty(population_size, np.bool_)
    child = 0
    for species in range(len(offspring)):
        size = ranking.offset[species + 1] - ranking.offset[species]
        elites = rule.elites if size > rule.elite_species_size else 0
        for position in range(offspring[species]):
            elite = position if position < min(elites, size) else -1
            a, b, mutates[child] = _choose_parents(child, species, elite, ranking, rule, seed, generation)
            both[child] = b >= 0 and both_enter and fitness[a] == fitness[b]
            if b >= 0:
                a_genes = connection_offset[a + 1] - connection_offset[a]
                b_genes = connection_offset[b + 1] - connection_offset[b]
                if not crossover.is_primary(fitness[a], a_genes, a, fitness[b], b_genes, b):
                    a, b = b, a
            first[child], second[child] = a, b
            child += 1
    if kept >= 0:
        first[-1], second[-1], mutates[-1], both[-1] = kept, -1, False, False

    start = np.zeros(population_size + 1, np.int64)
    for child in range(population_size):
        start[first[child] + 1] += 1
    for genome in range(population_size):
        start[genome + 1] += start[genome]
    sorted_first, sorted_second = np.empty(population_size, np.int64), np.empty(population_size, np.int64)
    sorted_mutates, sorted_both = np.empty(population_size, np.bool_), np.empty(population_size, np.bool_)
    sorted_birth = np.full(population_size, generation)
    for child in range(population_size):
        place = start[first[child]]
        start[first[child]] += 1
        sorted_first[place], sorted_second[place] = first[child], second[child]
        sorted_mutates[place], sorted_both[place] = mutates[child], both[child]
        if not mutates[child] and second[child] < 0:
            sorted_birth[place] = birth[first[child]]
    return sorted_first, sorted_second, sorted_mutates, sorted_both, sorted_birth
