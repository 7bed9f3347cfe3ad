"""Kernels that give innovation numbers to new connections and ids to new nodes, by the method of a scheme."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.genome.gene_arrays import HASHED_NODE, GenomeArrays
from neat.kernels.hash_table import Table, find_place, put
from neat.kernels.jit import function, inner_function, kernel
from neat.kernels.sorting import count_below

COUNT, UNSHARED, SZUDZIK, CANTOR, HASHED = range(5)

# The largest ids for which the results of the pairing functions are below 2^63.
SZUDZIK_MAXIMUM = 3_037_000_498  # of the greater id
CANTOR_MAXIMUM = 4_294_967_294  # of the sum of both ids

_LOW_62, _LOW_63 = np.uint64(2**62 - 1), np.uint64(2**63 - 1)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Requests(NamedTuple):
    """The structural additions that each of P children requests, and the ids that the scheme gives to them.

    The first three arrays are -1 for a child that does not request the addition.
    """

    split: np.ndarray  # int64 (P,), position within the child of the connection to split
    link_source: np.ndarray  # int64 (P,), index within the child
    link_target: np.ndarray  # int64 (P,), index within the child
    node_id: np.ndarray  # int64 (P,), id of the new node of the split
    in_innovation: np.ndarray  # int64 (P,), number of the connection into that node
    out_innovation: np.ndarray  # int64 (P,), number of the connection out of that node
    link_innovation: np.ndarray  # int64 (P,), number of the new link


@function
def szudzik(a, b):
    """Return Szudzik's pairing of two non-negative integers, or -1 if it exceeds int64."""
    if max(a, b) > SZUDZIK_MAXIMUM:
        return -1
    return a * a + a + b if a >= b else b * b + a


@function
def cantor(a, b):
    """Return Cantor's pairing of two non-negative integers, or -1 if it exceeds int64."""
    total = a + b
    if a > CANTOR_MAXIMUM or b > CANTOR_MAXIMUM or total > CANTOR_MAXIMUM:
        return -1
    half = (total // 2) * (total + 1) if total % 2 == 0 else total * ((total + 1) // 2)
    return half + b


@inner_function
def _mix(word):
    """Return a bijective mix of 64 bits: the finaliser of splitmix64 (Steele et al. 2014; Stafford's variant 13)."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@inner_function
def _mix_pair(a, b):
    return _mix(_mix(np.uint64(a) + _GOLDEN) + np.uint64(b) + _GOLDEN)


@function
def hash_link(source, target):
    """Return a number below 2^63 for the link between two node ids."""
    return np.int64(_mix_pair(source, target) & _LOW_63)


@function
def hash_split(innovation, ordinal):
    """Return a node id from 2^62 to 2^63 - 1 for a split of the connection with this innovation number."""
    return np.int64(_mix_pair(innovation, ordinal) & _LOW_62) | HASHED_NODE


@inner_function
def _compute_number(source, target, method):
    """Return the innovation number of a link by a method without a table; -1 if a pairing exceeds int64."""
    if method == SZUDZIK:
        return szudzik(source, target)
    return cantor(source, target) if method == CANTOR else hash_link(source, target)


@inner_function
def _number_link(source, target, links, counters, method):
    """Return the innovation number of a link, and enter it if it is new; return -1 if a pairing exceeds int64."""
    if method >= SZUDZIK:
        return _compute_number(source, target, method)
    if method == UNSHARED:
        counters[1] += 1
        return counters[1] - 1
    place = find_place(links, source, target)
    if links.value[place] < 0:
        put(links, place, source, target, counters[1])
        counters[1] += 1
        counters[3] += 1
    return links.value[place]


@inner_function
def to_id(index, node_ids, input_count):
    """Return the id of the input or node at an index; the id of an input is its index."""
    return np.int64(index) if index < input_count else node_ids[index - input_count]


@inner_function
def find_ends(genes, genome, position, input_count):
    """Return the ids of the source and the target of the connection of a genome at `position`."""
    node_ids = genes.node_id[genes.node_offset[genome] : genes.node_offset[genome + 1]]
    return (
        to_id(genes.connection_source[position], node_ids, input_count),
        to_id(genes.connection_target[position], node_ids, input_count),
    )


@inner_function
def find_position(genes, genome, innovation):
    """Return the position of the connection of a genome with this number."""
    first = genes.connection_offset[genome]
    return first + count_below(
        genes.connection_innovation[first : genes.connection_offset[genome + 1]], innovation
    )


@kernel(allocates=False)
def first_misnumbered(genes, input_count, links, method):
    """Return the first genome with a link whose number differs from the scheme's, or -1."""
    for genome in range(len(genes.node_offset) - 1):
        for position in range(genes.connection_offset[genome], genes.connection_offset[genome + 1]):
            source, target = find_ends(genes, genome, position, input_count)
            if method >= SZUDZIK:
                number = _compute_number(source, target, method)
            else:
                number = links.value[find_place(links, source, target)]
            if number != genes.connection_innovation[position]:
                return genome
    return -1


@kernel(allocates=False)
def enter_links(genes, input_count, chosen, links, counters):
    """Enter the connections at the positions `chosen`, ascending by number, unless their links are in the table."""
    for k in range(len(chosen)):
        position = chosen[k]
        genome = count_below(genes.connection_offset, position + 1) - 1
        source, target = find_ends(genes, genome, position, input_count)
        place = find_place(links, source, target)
        if links.value[place] < 0:
            put(links, place, source, target, genes.connection_innovation[position])
            counters[3] += 1


@inner_function
def _number_split(innovation, node_ids, nodes, counters, method):
    """Return the id of the node that splits a connection of a genome with the nodes `node_ids`, ascending."""
    if method == UNSHARED:
        counters[0] += 1
        return counters[0] - 1
    ordinal = 0
    while True:
        if method == HASHED:
            node = hash_split(innovation, ordinal)
        else:
            place = find_place(nodes, innovation, ordinal)
            if nodes.value[place] < 0:
                put(nodes, place, innovation, ordinal, counters[0])
                counters[0] += 1
                counters[2] += 1
                return nodes.value[place]
            node = nodes.value[place]
        known = count_below(node_ids, node)
        if known == len(node_ids) or node_ids[known] != node:
            return node
        ordinal += 1


@kernel(allocates=False)
def number_links(source, target, innovation, links, counters, method):
    """Write the innovation numbers of links with these node ids; return False if a pairing exceeds int64."""
    for link in range(len(source)):
        innovation[link] = _number_link(source[link], target[link], links, counters, method)
        if innovation[link] < 0:
            return False
    return True


@kernel(allocates=False)
def assign(
    requests: Requests,
    genes: GenomeArrays,
    node_count: np.ndarray,
    input_count: int,
    nodes: Table,
    links: Table,
    counters: np.ndarray,
    method: int,
) -> bool:
    """Write the ids of all requests, in the order of the children; return False if a pairing exceeds int64."""
    for child in range(len(requests.split)):
        split, link_target = requests.split[child], requests.link_target[child]
        if split < 0 and link_target < 0:
            continue
        first_node = genes.node_offset[child]
        node_ids = genes.node_id[first_node : first_node + node_count[child]]
        if split >= 0:
            position = genes.connection_offset[child] + split
            source = to_id(genes.connection_source[position], node_ids, input_count)
            target = to_id(genes.connection_target[position], node_ids, input_count)
            node = _number_split(genes.connection_innovation[position], node_ids, nodes, counters, method)
            into = _number_link(source, node, links, counters, method)
            out = _number_link(node, target, links, counters, method)
            if into < 0 or out < 0:
                return False
            requests.node_id[child] = node
            requests.in_innovation[child] = into
            requests.out_innovation[child] = out
        if link_target >= 0:
            link = _number_link(
                to_id(requests.link_source[child], node_ids, input_count),
                to_id(link_target, node_ids, input_count),
                links,
                counters,
                method,
            )
            if link < 0:
                return False
            requests.link_innovation[child] = link
    return True


@kernel(allocates=False)
def find_collision(
    parents: GenomeArrays, first: np.ndarray, second: np.ndarray, children: GenomeArrays, input_count: int
) -> int:
    """Return an innovation number that a child has twice, or that two mates have for different links; else -1.

    Args:
        parents: GenomeArrays of P genomes.
        first: int64 (P,), the primary parent of each child.
        second: int64 (P,), the other parent, or -1.
        children: GenomeArrays of P genomes, whose connections ascend by number.
        input_count: The number of inputs, with the bias input.
    """
    for child in range(len(first)):
        for position in range(children.connection_offset[child] + 1, children.connection_offset[child + 1]):
            if children.connection_innovation[position] == children.connection_innovation[position - 1]:
                return children.connection_innovation[position]
        if second[child] < 0:
            continue
        a, a_end = parents.connection_offset[first[child]], parents.connection_offset[first[child] + 1]
        b, b_end = parents.connection_offset[second[child]], parents.connection_offset[second[child] + 1]
        while a < a_end and b < b_end:
            left, right = parents.connection_innovation[a], parents.connection_innovation[b]
            if left == right and (
                find_ends(parents, first[child], a, input_count)
                != find_ends(parents, second[child], b, input_count)
            ):
                return left
            a += left <= right
            b += right <= left
    return -1
