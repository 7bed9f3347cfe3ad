"""Reproduction: fitness sharing, numbers of offspring, and who the parents are (2002, section 3.3)."""

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
    """The members of each species, the fittest first, and what they achieved."""

    member: np.ndarray  # int64 (P,), genomes by species, then by fitness, then by index
    offset: np.ndarray  # int64 (S+1,)
    best: np.ndarray  # float64 (S,)
    mean: np.ndarray  # float64 (S,), of the valid ones; -inf without any


class Plan(NamedTuple):
    """Who makes each child, in the order of the first parent."""

    first: np.ndarray  # int64 (P,), the primary parent
    second: np.ndarray  # int64 (P,), the other one, or -1
    mutates: np.ndarray  # bool (P,)
    both: np.ndarray  # bool (P,), whether disjoint and excess genes of both parents enter
    birth: np.ndarray  # int64 (P,), the generation in which the genome came to be


@kernel
def rank(fitness, species, count):
    """Order the members of `count` species by fitness.

    Args:
        fitness: float64 (P,), -inf where it is invalid.
        species: int64 (P,), each genome's species by position.
        count: The number of species.

    Returns:
        (member, offset, best, mean): the fields of Ranking; and (mean, standard deviation, median) of all valid
        values, and how many are valid.
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
        mean[position] = -np.inf if last == first else _moments(fitness, member, first, last)[0]
    valid = len(order)
    while fitness[order[valid - 1]] == -np.inf:
        valid -= 1
    median = fitness[order[valid // 2]] / 2 + fitness[order[(valid - 1) // 2]] / 2
    return member, offset, best, mean, (*_moments(fitness, order, 0, valid), median, valid)


@inner_function(inline="never")
def _moments(fitness, order, first, last):
    """(mean, standard deviation) of the values at order[first:last], which fall (Welford 1962)."""
    greatest = max(abs(fitness[order[first]]), abs(fitness[order[last - 1]]))
    # A power of two near the greatest: in units of it no sum or square leaves float64's range.
    unit = math.ldexp(1.0, math.frexp(greatest)[1] - 1) if greatest > 0 else 1.0
    mean, squares = 0.0, 0.0
    for position in range(first, last):
        value = fitness[order[position]] / unit
        change = value - mean
        mean += change / (position - first + 1)
        squares += change * (value - mean)
    return mean * unit, np.sqrt(squares / (last - first)) * unit


@kernel
def allocate(fitness, ranking, allowed, population_size):
    """Offspring of each species, int64 (S,), which sum to `population_size`.

    Explicit fitness sharing (2002, equation 2): a genome's fitness is divided by the size of its species, and
    species get offspring in proportion to the sums. Where some fitness is negative, all are shifted by the least
    among the species that may reproduce; invalid ones count as that least, or 0. A total of zero gives equal
    shares. Fractions go by largest remainder, then by species id.

    Args:
        fitness: float64 (P,), -inf where it is invalid.
        ranking: Ranking.
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
    # In units of a power of two about the largest: no sum overflows, and neighbours stay as far apart as they were.
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
    return _largest_remainder(share, allowed, population_size)


@inner_function(inline="never", allocates=True)
def _largest_remainder(share, allowed, population_size):
    """Whole numbers in proportion to the shares of the allowed species; equal ones where all shares are 0."""
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
def _survivors(size, rule):
    """How many of a species' best may be parents: one more than the share, as in the original's source."""
    # As a float32 the rate may lie just below what was meant: 0.35 · 20 must be 7.
    share = size * (np.float64(rule.survival_rate) + 1e-7)
    return min(size, np.int64(share) + 1)


@inner_function
def _choose_parents(slot, species, elite, ranking, rule, seed, generation):
    """(first, second, mutates) of a child of `species`; second is -1 without mating."""
    first_member = ranking.offset[species]
    size = ranking.offset[species + 1] - first_member
    if elite >= 0:
        return ranking.member[first_member + elite], -1, False
    word0, word1, word2, word3 = rng.block(seed, generation, slot, rng.PARENTS, 0)
    survivors = _survivors(size, rule)
    first = ranking.member[first_member + rng.to_index(word0, survivors)]
    if rng.to_uniform(word1) < rule.mutate_only_rate:
        return first, -1, True
    second = ranking.member[first_member + rng.to_index(word2, survivors)]
    count = len(ranking.best)
    if count > 1 and rng.to_uniform(word3) < rule.interspecies_rate:
        word0, word1, _, _ = rng.block(seed, generation, slot, rng.PARENTS, 1)
        other = (species + 1 + rng.to_index(word0, count - 1)) % count
        size = ranking.offset[other + 1] - ranking.offset[other]
        second = ranking.member[ranking.offset[other] + rng.to_index(word1, _survivors(size, rule))]
    if second == first:
        return first, -1, True
    _, _, word2, _ = rng.block(seed, generation, slot, rng.PARENTS, 1)
    return first, second, rng.to_uniform(word2) >= rule.mate_only_rate


@kernel
def plan(fitness, connection_offset, birth, ranking, offspring, kept, run, generation):
    """Choose the parents of each child and sort the children by the first.

    Args:
        fitness: float64 (P,), -inf where it is invalid.
        connection_offset: int64 (P+1,), the parents'.
        birth: int64 (P,), the generation in which each parent came to be.
        ranking: Ranking.
        offspring: int64 (S,).
        kept: A genome that goes on unchanged in place of the last child, or -1.
        run: RunSettings.
        generation: The children's.

    Returns:
        (first, second, mutates, both, birth): the fields of Plan.
    """
    population_size = len(fitness)
    rule = run.config[0].reproduction
    both_enter = run.config[0].crossover.equal_fitness == _BOTH
    first, second = np.empty(population_size, np.int64), np.empty(population_size, np.int64)
    mutates, both = np.empty(population_size, np.bool_), np.empty(population_size, np.bool_)
    slot = 0
    for species in range(len(offspring)):
        size = ranking.offset[species + 1] - ranking.offset[species]
        elites = rule.elites if size > rule.elite_species_size else 0
        for position in range(offspring[species]):
            elite = position if position < min(elites, size) else -1
            a, b, mutates[slot] = _choose_parents(slot, species, elite, ranking, rule, run.seed, generation)
            both[slot] = b >= 0 and both_enter and fitness[a] == fitness[b]
            if b >= 0:
                a_genes = connection_offset[a + 1] - connection_offset[a]
                b_genes = connection_offset[b + 1] - connection_offset[b]
                if not crossover.is_primary(fitness[a], a_genes, a, fitness[b], b_genes, b):
                    a, b = b, a
            first[slot], second[slot] = a, b
            slot += 1
    if kept >= 0:
        first[-1], second[-1], mutates[-1], both[-1] = kept, -1, False, False

    start = np.zeros(population_size + 1, np.int64)
    for slot in range(population_size):
        start[first[slot] + 1] += 1
    for genome in range(population_size):
        start[genome + 1] += start[genome]
    sorted_first, sorted_second = np.empty(population_size, np.int64), np.empty(population_size, np.int64)
    sorted_mutates, sorted_both = np.empty(population_size, np.bool_), np.empty(population_size, np.bool_)
    sorted_birth = np.full(population_size, generation)
    for slot in range(population_size):
        child = start[first[slot]]
        start[first[slot]] += 1
        sorted_first[child], sorted_second[child] = first[slot], second[slot]
        sorted_mutates[child], sorted_both[child] = mutates[slot], both[slot]
        if not mutates[slot] and second[slot] < 0:
            sorted_birth[child] = birth[first[slot]]
    return sorted_first, sorted_second, sorted_mutates, sorted_both, sorted_birth
