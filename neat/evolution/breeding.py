"""Kernels that breed planned children: first drafts without new ids, then the finished genomes."""

from __future__ import annotations

import numpy as np

from neat.evolution import crossover, structural_mutation
from neat.evolution.child_drafts import Draft, Drafts, Work
from neat.evolution.innovation_kernels import Requests
from neat.evolution.mutation_operators import OTHERS, STRUCTURAL, make_mutate
from neat.evolution.run_settings import RunSettings
from neat.evolution.selection import BreedingPlan
from neat.genome.copying import copy_genome
from neat.genome.gene_arrays import GenomeArrays
from neat.kernels import rng
from neat.kernels.jit import inner_function, kernel
from neat.kernels.work_pieces import claim

_mutate = make_mutate(STRUCTURAL, OTHERS)


@kernel(allocates=False)
def write_draft_offsets(
    parents_nodes: np.ndarray,
    parents_connections: np.ndarray,
    plan: BreedingPlan,
    node_offset: np.ndarray,
    connection_offset: np.ndarray,
) -> tuple[int, int]:
    """Write offsets that give each draft room for all genes that its parents can pass on.

    Args:
        parents_nodes: int64 (P+1,), the parents' node_offset.
        parents_connections: int64 (P+1,), the parents' connection_offset.
        plan: BreedingPlan.
        node_offset: int64 (P+1,), written.
        connection_offset: int64 (P+1,), written.

    Returns:
        (most_nodes, most_genes): the most nodes that a parent or a draft can have, and the most genes of one kind,
        nodes or connections, that a draft can have.
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
def _breed(parents, plan, drafts, run, key, work):
    """Make the draft of child `key.genome`: clone or cross, then mutate."""
    child, config, requests = key.genome, run.config[0], drafts.requests
    if plan.second[child] < 0:
        nodes, connections = crossover.clone(parents, plan.first[child], drafts.genes, child)
    else:
        rng.start(work.stream, key, rng.CROSSOVER)
        pair = crossover.Pair(plan.first[child], plan.second[child], plan.both[child])
        nodes, connections = crossover.cross(
            parents, pair, drafts.genes, child, run.shape, config.crossover, work
        )
    requests.split[child], requests.link_source[child], requests.link_target[child] = -1, -1, -1
    if plan.mutates[child]:
        genes = drafts.genes
        draft = Draft(genes, genes.node_offset[child], nodes, genes.connection_offset[child], connections)
        nodes, connections = _mutate(draft, requests, run, key, work)
    drafts.nodes[child] = nodes
    drafts.connections[child] = connections


@kernel(allocates=False)
def breed(
    pieces: np.ndarray,
    parents: GenomeArrays,
    plan: BreedingPlan,
    drafts: Drafts,
    run: RunSettings,
    generation: int,
    work: Work,
) -> None:
    """Make the drafts of children.

    Args:
        pieces: The children to claim.
        parents: GenomeArrays of P genomes.
        plan: BreedingPlan.
        drafts: Drafts, written; `write_draft_offsets` must have set the offsets of their genes.
        run: RunSettings.
        generation: The children's generation.
        work: Work.
    """
    begin, end = claim(pieces, 0)
    while begin < end:
        for child in range(begin, end):
            _breed(parents, plan, drafts, run, rng.Key(run.seed, generation, child), work)
        begin, end = claim(pieces, end - begin)


@kernel(allocates=False)
def write_child_offsets(
    nodes: np.ndarray,
    connections: np.ndarray,
    requests: Requests,
    node_offset: np.ndarray,
    connection_offset: np.ndarray,
) -> tuple[np.int64, np.int64, np.int64, np.int64]:
    """Write the offsets of the finished children, additions included.

    Args:
        nodes: int64 (P,), the number of nodes of each draft.
        connections: int64 (P,), the number of connections of each draft.
        requests: Requests of the drafts.
        node_offset: int64 (P+1,), written.
        connection_offset: int64 (P+1,), written.

    Returns:
        (nodes, connections, splits, links): the total numbers of nodes and connections, and the numbers of requested
        splits and links.
    """
    node_offset[0], connection_offset[0] = 0, 0
    all_splits, all_links = np.int64(0), np.int64(0)
    for child in range(len(requests.split)):
        splits = np.int64(requests.split[child] >= 0)
        links = np.int64(requests.link_target[child] >= 0)
        node_offset[child + 1] = node_offset[child] + nodes[child] + splits
        connection_offset[child + 1] = connection_offset[child] + connections[child] + 2 * splits + links
        all_splits += splits
        all_links += links
    return node_offset[-1], connection_offset[-1], all_splits, all_links


@kernel(allocates=False)
def write_children(
    pieces: np.ndarray, drafts: Drafts, children: GenomeArrays, run: RunSettings, generation: int
) -> None:
    """Copy drafts to the next generation's arrays, and add the requested genes.

    Args:
        pieces: The children to claim.
        drafts: Drafts of P children, whose requests have their ids.
        children: GenomeArrays of P genomes, written; `write_child_offsets` must have set their offsets.
        run: RunSettings.
        generation: The children's generation.
    """
    begin, end = claim(pieces, 0)
    while begin < end:
        for child in range(begin, end):
            nodes, connections = drafts.nodes[child], drafts.connections[child]
            copy_genome(drafts.genes, child, nodes, connections, children, child)
            first_node, first_connection = children.node_offset[child], children.connection_offset[child]
            structural_mutation.grow(
                Draft(children, first_node, nodes, first_connection, connections),
                drafts.requests,
                run,
                rng.Key(run.seed, generation, child),
            )
        begin, end = claim(pieces, end - begin)
