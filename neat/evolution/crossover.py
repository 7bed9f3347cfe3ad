"""Cross the genes of two parents, aligned by innovation number (2002, section 3.2 and figure 4)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.evolution.structural_mutation import reaches
from neat.genome.copying import copy_connection, copy_connection_numbers, copy_genome, copy_node
from neat.genome.schema import CONNECTION_NUMBERS, NODE_NUMBERS, generate, repeat
from neat.kernels import rng
from neat.kernels.jit import inner_function

_MULTIPOINT, _AVERAGE, _SINGLE_POINT = range(3)
_HALF = np.float64(0.5)
_BIT = np.uint64(1)


class Pair(NamedTuple):
    """The two parents of a child."""

    primary: int  # index of the parent whose disjoint and excess genes enter the child
    secondary: int  # index of the other parent
    both: bool  # whether the secondary parent's disjoint and excess genes enter too (equal fitness)


@inner_function
def is_primary(first_fitness, first_genes, first, second_fitness, second_genes, second):
    """Whether the first parent is the primary one: it is fitter; if equally fit, smaller; if equally small, earlier."""
    if first_fitness != second_fitness:
        return first_fitness > second_fitness
    if first_genes != second_genes:
        return first_genes < second_genes
    return first <= second


@inner_function
def clone(parents, parent, genes, child):
    """Copy a parent's genes to a child's draft; return (node_count, connection_count)."""
    nodes = parents.node_offset[parent + 1] - parents.node_offset[parent]
    connections = parents.connection_offset[parent + 1] - parents.connection_offset[parent]
    copy_genome(parents, parent, nodes, connections, genes, child)
    return nodes, connections


@inner_function(inline="early")
def cross(parents, pair, genes, child, shape, rule, work):
    """Make a child's draft from the genes of two parents.

    Args:
        parents: GenomeArrays of the parents' generation.
        pair: Pair.
        genes: GenomeArrays of the drafts, with room for all genes that can enter.
        child: Index of the child.
        shape: NetworkShape.
        rule: CrossoverConfig record.
        work: Work whose stream has been started for this child.

    Returns:
        (node_count, connection_count) of the child.
    """
    method, average_nodes = _MULTIPOINT, False
    if rule.average_rate + rule.single_point_rate > 0:
        choice = rng.uniform(work.stream)
        if choice < rule.average_rate:
            method, average_nodes = _AVERAGE, True
        elif choice < rule.average_rate + rule.single_point_rate:
            method = _SINGLE_POINT

    node_count = _cross_nodes(parents, pair, genes, child, shape.input_count, average_nodes, work)
    connection_count = _cross_primary(parents, pair, genes, child, method, rule.disable_rate, work)
    if pair.both:
        connection_count = _add_secondary(
            parents,
            pair,
            genes,
            child,
            connection_count,
            shape.input_count + node_count,
            shape.feed_forward,
            work,
        )
    node_count = _drop_unused_nodes(genes, child, node_count, connection_count, shape, work)
    return node_count, connection_count


@inner_function
def _mean(first, second):
    """Return the mean of two float32 numbers, computed in float64, since their sum can overflow float32."""
    return np.float32(_HALF * (np.float64(first) + np.float64(second)))


_AVERAGE_NUMBER = "genes.{row.field}[gene] = mean(parents.{row.field}[a], parents.{row.field}[b])"

# Write the means of the numbers of the parents' genes a and b to the child's gene.
_average_node = inner_function(
    generate(
        "_average_node(parents, a, b, genes, gene)", repeat(_AVERAGE_NUMBER, NODE_NUMBERS), {"mean": _mean}
    )
)
_average_connection = inner_function(
    generate(
        "_average_connection(parents, a, b, genes, gene)",
        repeat(_AVERAGE_NUMBER, CONNECTION_NUMBERS),
        {"mean": _mean},
    )
)


@inner_function
def _cross_nodes(parents, pair, genes, child, input_count, average, work):
    """Copy the primary's nodes, and with `both` also the secondary's; return their number.

    Write to the maps of `work` which index of the child each index of a parent becomes.
    """
    primary_map, secondary_map = work.primary_map, work.secondary_map
    for index in range(input_count):
        primary_map[index] = index
        secondary_map[index] = index
    a, a_end = parents.node_offset[pair.primary], parents.node_offset[pair.primary + 1]
    b, b_end = parents.node_offset[pair.secondary], parents.node_offset[pair.secondary + 1]
    a_first, b_first, first = a, b, genes.node_offset[child]
    node = first
    bits, left = np.uint64(0), 0
    while a < a_end or b < b_end:
        a_enters = a < a_end and (b == b_end or parents.node_id[a] <= parents.node_id[b])
        b_enters = b < b_end and (a == a_end or parents.node_id[b] <= parents.node_id[a])
        if a_enters and b_enters:
            if left == 0:
                bits, left = rng.next_word(work.stream), 32
            copy_node(parents, a if bits & _BIT else b, genes, node)
            if average:
                _average_node(parents, a, b, genes, node)
            bits >>= _BIT
            left -= 1
        elif a_enters:
            copy_node(parents, a, genes, node)
        elif pair.both:
            copy_node(parents, b, genes, node)
        else:
            b += 1
            continue
        index = input_count + node - first
        if a_enters:
            primary_map[input_count + a - a_first] = index
            a += 1
        if b_enters:
            secondary_map[input_count + b - b_first] = index
            b += 1
        node += 1
    return node - first


@inner_function
def _cross_primary(parents, pair, genes, child, method, disable_rate, work):
    """Copy the primary's connections, cross the matching ones, and return their number."""
    stream, new_index = work.stream, work.primary_map
    a_first, a_end = parents.connection_offset[pair.primary], parents.connection_offset[pair.primary + 1]
    b, b_end = parents.connection_offset[pair.secondary], parents.connection_offset[pair.secondary + 1]
    gene = genes.connection_offset[child]
    cut, primary_before_cut = np.int64(0), True
    if method == _SINGLE_POINT:
        cut = a_first + rng.index(stream, a_end - a_first + 1)
        primary_before_cut = rng.index(stream, 2) == 0
    bits, left = np.uint64(0), 0
    for a in range(a_first, a_end):
        innovation = parents.connection_innovation[a]
        copy_connection(parents, a, genes, gene)
        genes.connection_source[gene] = new_index[parents.connection_source[a]]
        genes.connection_target[gene] = new_index[parents.connection_target[a]]
        while b < b_end and parents.connection_innovation[b] < innovation:
            b += 1
        if b < b_end and parents.connection_innovation[b] == innovation:
            if left == 0:
                bits, left = rng.next_word(stream), 32
            chosen = a if bits & _BIT else b
            if method == _SINGLE_POINT:
                chosen = a if (a < cut) == primary_before_cut else b
            copy_connection_numbers(parents, chosen, genes, gene)
            if method == _AVERAGE:
                _average_connection(parents, a, b, genes, gene)
            bits >>= _BIT
            left -= 1
            if not (parents.connection_enabled[a] and parents.connection_enabled[b]):
                genes.connection_enabled[gene] = rng.uniform(stream) >= disable_rate
        gene += 1
    return gene - genes.connection_offset[child]


@inner_function
def _add_secondary(parents, pair, genes, child, count, index_count, feed_forward, work):
    """Add the secondary's disjoint and excess connections; return the new number of connections.

    Skip those whose source and target the child already connects, and those that would close a loop.
    """
    a, a_end = parents.connection_offset[pair.primary], parents.connection_offset[pair.primary + 1]
    first = genes.connection_offset[child]
    for b in range(parents.connection_offset[pair.secondary], parents.connection_offset[pair.secondary + 1]):
        innovation = parents.connection_innovation[b]
        while a < a_end and parents.connection_innovation[a] < innovation:
            a += 1
        if a < a_end and parents.connection_innovation[a] == innovation:
            continue
        source = work.secondary_map[parents.connection_source[b]]
        target = work.secondary_map[parents.connection_target[b]]
        exists = False
        for gene in range(first, first + count):
            exists |= genes.connection_source[gene] == source and genes.connection_target[gene] == target
        if exists or (
            feed_forward
            and reaches(
                genes.connection_source,
                genes.connection_target,
                first,
                count,
                target,
                source,
                index_count,
                work.mark,
            )
        ):
            continue
        gene = first + count
        while gene > first and genes.connection_innovation[gene - 1] > innovation:
            copy_connection(genes, gene - 1, genes, gene)
            gene -= 1
        copy_connection(parents, b, genes, gene)
        genes.connection_source[gene] = source
        genes.connection_target[gene] = target
        count += 1
    return count


@inner_function
def _drop_unused_nodes(genes, child, node_count, connection_count, shape, work):
    """Delete the hidden nodes without connections; return the number of nodes left."""
    input_count, mark, new_index = shape.input_count, work.mark, work.primary_map
    if node_count == shape.num_outputs:
        return node_count
    first_node, first = genes.node_offset[child], genes.connection_offset[child]
    index_count = input_count + node_count
    mark[:index_count] = 0
    for gene in range(first, first + connection_count):
        mark[genes.connection_source[gene]] = 1
        mark[genes.connection_target[gene]] = 1
    kept = 0
    for node in range(node_count):
        if node < shape.num_outputs or mark[input_count + node] == 1:
            new_index[input_count + node] = input_count + kept
            if kept < node:
                copy_node(genes, first_node + node, genes, first_node + kept)
            kept += 1
    if kept < node_count:
        for index in range(input_count):
            new_index[index] = index
        for gene in range(first, first + connection_count):
            genes.connection_source[gene] = new_index[genes.connection_source[gene]]
            genes.connection_target[gene] = new_index[genes.connection_target[gene]]
    return kept
