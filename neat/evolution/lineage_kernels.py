"""Kernels that follow individuals from a generation to the next, and find who first carried an innovation.

An individual is a genome from its birth on. An unchanged copy of it, such as an elite, is the same individual. The
number of an individual is birth · P + index, where `birth` is the generation in which it was born and `index` its
position there. So children have higher numbers than their parents.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.evolution.innovation_kernels import Requests, find_ends, find_position
from neat.evolution.selection import BreedingPlan
from neat.genome.gene_arrays import GenomeArrays
from neat.kernels.hash_table import Table, find_place, put
from neat.kernels.jit import inner_function, kernel
from neat.kernels.sorting import count_below


class CurrentIndividuals(NamedTuple):
    """Who the P genomes of the current generation are."""

    individual: np.ndarray  # int64 (P,)
    first: np.ndarray  # int64 (P,), the individual that is the primary parent, -1 for none
    second: np.ndarray  # int64 (P,), the individual that is the second parent, -1 for none
    parent_species: np.ndarray  # int64 (P,), the species of the genome from which it was made, -1 for none

    @classmethod
    def without_parents(cls, generation: int, size: int) -> CurrentIndividuals:
        """Return `size` individuals that were born in this generation and have no parents."""
        none = np.full(size, -1)
        return cls(generation * size + np.arange(size), none, none.copy(), none.copy())


class LineageScratch(NamedTuple):
    """Scratch for what one generation adds to the lineage, as rows."""

    matters: np.ndarray  # bool (P,), whether a genome is a parent or a champion
    births: np.ndarray  # int64 (P, 3): individual, primary parent, second parent
    origins: np.ndarray  # int64 (P, 4): species, generation, parent species, founder
    innovations: np.ndarray  # int64 (3·P, 5): number, generation, ids of source and target, first carrier

    @classmethod
    def of(cls, size: int) -> LineageScratch:
        """Return LineageScratch for P = `size` genomes."""
        shapes = (size, 3), (size, 4), (3 * size, 5)
        return cls(np.empty(size, np.bool_), *(np.empty(shape, np.int64) for shape in shapes))


class Membership(NamedTuple):
    """To which of S species each of P genomes belongs."""

    id: np.ndarray  # int64 (S,), the species' ids
    founded: np.ndarray  # int64 (S,), the generation in which each was founded
    species_of: np.ndarray  # int64 (P,), the position of each genome's species


@kernel(allocates=False)
def trace_children(
    living: CurrentIndividuals,
    membership: Membership,
    plan: BreedingPlan,
    champions: tuple[int, int],
    generation: int,
    children: CurrentIndividuals,
    scratch: LineageScratch,
) -> tuple[int, int]:
    """Find who the children of a generation are, which of its newborns matter later, and who founded its new species.

    Args:
        living: CurrentIndividuals, the parents' generation.
        membership: Membership of the parents.
        plan: BreedingPlan of the children.
        champions: The indices of the generation's champion and of the run's best genome, or of one of them twice.
        generation: The parents' generation.
        children: CurrentIndividuals, written.
        scratch: LineageScratch, written: `births` gets a row for each newborn that is a parent or a champion, `origins`
            one for each new species.

    Returns:
        (births, origins), the numbers of rows.
    """
    species_of, size, matters = membership.species_of, len(plan.first), scratch.matters
    births, origins, matters[:] = 0, 0, False
    matters[champions[0]] = matters[champions[1]] = True
    for child in range(size):
        matters[plan.first[child]] = True
        if plan.second[child] >= 0:
            matters[plan.second[child]] = True
    for parent in range(size):
        if matters[parent] and living.individual[parent] >= generation * size:
            scratch.births[births, 0] = living.individual[parent]
            scratch.births[births, 1] = living.first[parent]
            scratch.births[births, 2] = living.second[parent]
            births += 1
        # A new species has the next id after those that were founded before it, by the first of its members.
        species = species_of[parent]
        if membership.founded[species] == generation and (
            origins == 0 or scratch.origins[origins - 1, 0] < membership.id[species]
        ):
            scratch.origins[origins, 0], scratch.origins[origins, 1] = membership.id[species], generation
            scratch.origins[origins, 2] = living.parent_species[parent]
            scratch.origins[origins, 3] = living.individual[parent]
            origins += 1
    for child in range(size):
        a, b = plan.first[child], plan.second[child]
        children.parent_species[child] = membership.id[species_of[a]]
        if plan.birth[child] <= generation:
            children.individual[child] = living.individual[a]
            children.first[child], children.second[child] = living.first[a], living.second[a]
            continue
        children.individual[child] = (generation + 1) * size + child
        children.first[child], children.second[child] = living.individual[a], -1
        if b >= 0 and living.individual[b] != living.individual[a]:  # copies of an individual can mate
            children.second[child] = living.individual[b]
    return births, origins


@kernel(allocates=False)
def mark_ancestors(births: np.ndarray, descendants: np.ndarray, marked: np.ndarray) -> None:
    """Mark individuals and all of their ancestors.

    Args:
        births: int64 (n, 3), rows (individual, primary parent, second parent), ascending.
        descendants: int64 (m,), individuals; those without a row are ignored.
        marked: bool (n,), False, written.
    """
    individual = births[:, 0]
    for descendant in descendants:
        _mark(individual, descendant, len(individual), marked)
    for row in range(len(individual) - 1, -1, -1):
        if marked[row]:
            _mark(individual, births[row, 1], row, marked)
            _mark(individual, births[row, 2], row, marked)


@inner_function
def _mark(individual, wanted, end, marked):
    """Mark the row of an individual if it is among the first `end`."""
    if wanted < 0 or end == 0 or wanted > individual[end - 1]:
        return
    row = count_below(individual[:end], wanted)
    if individual[row] == wanted:
        marked[row] = True


@kernel(allocates=False)
def find_requested(
    requests: Requests,
    children: GenomeArrays,
    input_count: int,
    generation: int,
    carried: Table,
    rows: np.ndarray,
) -> int:
    """Write a row for each innovation that a child is the first to carry; return the number of rows.

    Args:
        requests: Requests of P children with their ids.
        children: GenomeArrays of the P finished children.
        input_count: The number of inputs, with the bias input.
        generation: The children's generation.
        carried: The innovation numbers (number, 0) that a genome has carried, with room for three more per child.
            Updated.
        rows: `LineageScratch.innovations`, written.
    """
    count = 0
    for child in range(len(requests.split)):
        if requests.split[child] >= 0:
            for number in (requests.in_innovation[child], requests.out_innovation[child]):
                count += _enter(number, child, children, input_count, generation, carried, rows[count])
        if requests.link_target[child] >= 0:
            number = requests.link_innovation[child]
            count += _enter(number, child, children, input_count, generation, carried, rows[count])
    return count


@kernel(allocates=False)
def find_chosen(
    chosen: np.ndarray,
    genes: GenomeArrays,
    input_count: int,
    generation: int,
    carried: Table,
    rows: np.ndarray,
) -> int:
    """Write a row for each chosen connection whose innovation no genome has carried; return the number of rows.

    Args:
        chosen: int64 (n,), positions of connections in `genes`.
        genes: GenomeArrays of P genomes.
        input_count: The number of inputs, with the bias input.
        generation: The generation of the genomes.
        carried: The innovation numbers that a genome has carried, with room for n more. Updated.
        rows: int64 (n, 5), like `LineageScratch.innovations`, written.
    """
    count = 0
    for position in chosen:
        genome = count_below(genes.connection_offset, position + 1) - 1
        number = genes.connection_innovation[position]
        count += _enter(number, genome, genes, input_count, generation, carried, rows[count])
    return count


@inner_function
def _enter(number, genome, genes, input_count, generation, carried, row):
    """Enter an innovation that a genome carries, and write its row; return whether the genome is the first carrier."""
    place = find_place(carried, number, 0)
    if carried.value[place] >= 0:
        return False
    put(carried, place, number, 0, 1)
    position = find_position(genes, genome, number)
    row[0], row[1] = number, generation
    row[2], row[3] = find_ends(genes, genome, position, input_count)
    row[4] = generation * (len(genes.node_offset) - 1) + genome
    return True


@kernel(allocates=False)
def enter_numbers(numbers: np.ndarray, carried: Table) -> None:
    """Enter innovation numbers, int64 (n,), that genomes have carried; the table needs room for them."""
    for number in numbers:
        put(carried, find_place(carried, number, 0), number, 0, 1)
