"""Breeding: the planned children's genes, crossed and mutated, as drafts and then whole."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.evolution import crossover, mutation
from neat.genome.copying import copy_genome
from neat.kernels import rng
from neat.kernels.jit import inner_function, kernel


class Counts(NamedTuple):
    """Sizes of drafts: children before their structural additions, in arrays with room to spare."""

    node: np.ndarray  # int64 (P,)
    connection: np.ndarray  # int64 (P,)


class Work(NamedTuple):
    """Scratch for making children, one at a time."""

    stream: np.ndarray  # uint64 (rng.STREAM_WORDS,)
    mark: np.ndarray  # uint8, for each index of a child
    primary_map: np.ndarray  # int32, for each index of a child
    secondary_map: np.ndarray  # int32, for each index of a child
    draws: np.ndarray  # float32, as `mutation.mutate_values` wants it

    @classmethod
    def of(cls, indices: int, genes: int) -> Work:
        """Work for children of so many inputs and nodes, and of so many genes of a kind."""
        return cls(
            np.empty(rng.STREAM_WORDS, np.uint64),
            np.empty(indices, np.uint8),
            np.empty(indices, np.int32),
            np.empty(indices, np.int32),
            np.empty((3, genes + 7), np.float32),
        )


@kernel(allocates=False)
def reserve(parents_nodes, parents_connections, plan, node_offset, connection_offset):
    """Write offsets of drafts with room for all that the parents can give.

    Args:
        parents_nodes: int64 (P+1,), the parents' node_offset.
        parents_connections: int64 (P+1,), the parents' connection_offset.
        plan: Plan.
        node_offset: int64 (P+1,), written.
        connection_offset: int64 (P+1,), written.

    Returns:
        (most_nodes, most_genes): the most nodes that the making of a child works with, and the most genes of a
        kind, nodes or connections, that a draft can have.
    """
    node_offset[0], connection_offset[0], most_nodes, most_genes = 0, 0, 0, 0
    for child in range(len(plan.first)):
        first, second = plan.first[child], plan.second[child]
        nodes = parents_nodes[first + 1] - parents_nodes[first]
        connections = parents_connections[first + 1] - parents_connections[first]
        if plan.both[child]:
            nodes += parents_nodes[second + 1] - parents_nodes[second]
            connections += parents_connections[second + 1] - parents_connections[second]
        elif second >= 0:
            most_nodes = max(most_nodes, parents_nodes[second + 1] - parents_nodes[second])
        most_nodes = max(most_nodes, nodes)
        most_genes = max(most_genes, nodes, connections)
        node_offset[child + 1] = node_offset[child] + nodes
        connection_offset[child + 1] = connection_offset[child] + connections
    return most_nodes, most_genes


@inner_function(inline="early")
def _breed(
    child,
    parents,
    plan,
    genes,
    count,
    requests,
    input_count,
    num_outputs,
    settings,
    functions,
    seed,
    generation,
    work,
):
    """Make one child's draft: clone or cross, delete, choose additions, mutate attributes."""
    if plan.second[child] < 0:
        nodes, connections = crossover.clone(parents, plan.first[child], genes, child)
    else:
        rng.start(work.stream, seed, generation, child, rng.CROSSOVER)
        nodes, connections = crossover.cross(
            parents,
            plan.first[child],
            plan.second[child],
            plan.both[child],
            genes,
            child,
            input_count,
            num_outputs,
            settings.genome.feed_forward,
            settings.crossover,
            work,
        )
    requests.split[child], requests.link_source[child], requests.link_target[child] = -1, -1, -1
    if plan.mutates[child]:
        first_node, first_connection = genes.node_offset[child], genes.connection_offset[child]
        rng.start(work.stream, seed, generation, child, rng.STRUCTURE)
        nodes, connections, split, link_source, link_target, structural = mutation.structure(
            genes,
            first_node,
            nodes,
            first_connection,
            connections,
            input_count,
            input_count - 1 if settings.genome.bias_input else -1,
            num_outputs,
            settings.genome.feed_forward,
            settings.mutation,
            work.stream,
            work.mark,
        )
        requests.split[child] = split
        requests.link_source[child] = link_source
        requests.link_target[child] = link_target
        if not (structural and settings.mutation.structural == mutation.ALONE):
            mutation.mutate_attributes(
                genes,
                first_node,
                nodes,
                first_connection,
                connections,
                settings,
                functions,
                seed,
                generation,
                child,
                work.stream,
                work.draws,
            )
    count.node[child] = nodes
    count.connection[child] = connections


@kernel(allocates=False)
def breed(
    start,
    stop,
    parents,
    plan,
    genes,
    count,
    requests,
    input_count,
    num_outputs,
    settings,
    functions,
    seed,
    generation,
    work,
):
    """Make the drafts of children start … stop.

    Args:
        start: The first child.
        stop: The one after the last.
        parents: GenomeArrays.
        plan: Plan.
        genes: GenomeArrays for the drafts, whose offsets `reserve` has set.
        count: Counts, receives the drafts' sizes.
        requests: Requests, receives what to add.
        input_count: Inputs, the bias input included.
        num_outputs: Outputs.
        settings: Config record, shape (1,).
        functions: NodeFunctions.
        seed: uint64.
        generation: The children's.
        work: Work.
    """
    for child in range(start, stop):
        _breed(
            child,
            parents,
            plan,
            genes,
            count,
            requests,
            input_count,
            num_outputs,
            settings[0],
            functions,
            seed,
            generation,
            work,
        )


@kernel(allocates=False)
def measure(count, requests, node_offset, connection_offset):
    """Write the offsets of the finished children.

    Args:
        count: Counts of the drafts.
        requests: Requests.
        node_offset: int64 (P+1,), written.
        connection_offset: int64 (P+1,), written.

    Returns:
        (nodes, connections, splits, links): the numbers of nodes and connections in all, and how many splits and links
        are asked for.
    """
    node_offset[0], connection_offset[0] = 0, 0
    all_splits, all_links = np.int64(0), np.int64(0)
    for child in range(len(requests.split)):
        splits = np.int64(requests.split[child] >= 0)
        links = np.int64(requests.link_target[child] >= 0)
        node_offset[child + 1] = node_offset[child] + count.node[child] + splits
        connection_offset[child + 1] = connection_offset[child] + count.connection[child] + 2 * splits + links
        all_splits += splits
        all_links += links
    return node_offset[-1], connection_offset[-1], all_splits, all_links


@kernel(allocates=False)
def finish(start, stop, genes, count, requests, children, input_count, settings, functions, seed, generation):
    """Copy drafts start … stop to the next generation's arrays, whose offsets `measure` has set, and grow them."""
    for child in range(start, stop):
        nodes, connections = count.node[child], count.connection[child]
        copy_genome(genes, child, nodes, connections, children, child)
        mutation.grow(
            children,
            child,
            nodes,
            connections,
            requests,
            input_count,
            settings[0],
            functions,
            seed,
            generation,
        )
