"""Mutate the structure of one child (2002, section 3.1).

Additions need ids, which all children of a generation get together. So the operators, whose parameters
`neat.evolution.mutation_operators` describes, delete genes and request additions, and `grow` adds them when they have
their ids.
"""

from __future__ import annotations

import numpy as np

from neat.evolution.mutation import clip, draw_function, make_draw_numbers
from neat.genome.copying import copy_connection, copy_connection_numbers, copy_node
from neat.kernels import rng
from neat.kernels.jit import inner_function

_ONE_F = np.float32(1.0)

_draw_node_numbers = make_draw_numbers("node", "new")
_draw_connection_numbers = make_draw_numbers("connection", "new")


@inner_function(inline="never")
def reaches(source, target, first, count, start, goal, index_count, mark):
    """Whether `count` connections from position `first` on lead from index `start` to index `goal`.

    `mark` is scratch, uint8 (index_count,).
    """
    if start == goal:
        return True
    mark[:index_count] = 0
    mark[start] = 1
    grew = True
    while grew:
        grew = False
        for position in range(first, first + count):
            if mark[source[position]] == 1 and mark[target[position]] == 0:
                if target[position] == goal:
                    return True
                mark[target[position]] = 1
                grew = True
    return False


@inner_function(inline="early")
def delete_node(draft, requests, child, shape, rule, work):
    """Delete a random hidden node and its connections."""
    hidden = draft.nodes - shape.num_outputs
    if hidden == 0:
        return draft.nodes, draft.connections
    node = shape.num_outputs + rng.index(work.stream, hidden)
    return draft.nodes - 1, _delete_node(draft, shape.input_count, node)


@inner_function(inline="early")
def delete_connection(draft, requests, child, shape, rule, work):
    """Delete a random connection."""
    if draft.connections == 0:
        return draft.nodes, draft.connections
    genes, last = draft.genes, draft.first_connection + draft.connections - 1
    for position in range(draft.first_connection + rng.index(work.stream, draft.connections), last):
        copy_connection(genes, position + 1, genes, position)
    return draft.nodes, draft.connections - 1


@inner_function(inline="early")
def add_node(draft, requests, child, shape, rule, work):
    """Request the split of a random connection."""
    bias = -1 if rule.split_bias else shape.bias_index
    first, count = draft.first_connection, draft.connections
    requests.split[child] = _choose_split(draft.genes, first, count, bias, rule, work.stream)
    return draft.nodes, draft.connections


@inner_function(inline="early")
def add_connection(draft, requests, child, shape, rule, work):
    """Request a random new link."""
    ends = _choose_link(draft, shape, rule.add_connection_tries, work)
    requests.link_source[child], requests.link_target[child] = ends
    return draft.nodes, draft.connections


@inner_function
def _delete_node(draft, input_count, node):
    """Delete a node and its connections; return the number of connections left."""
    genes, first_connection = draft.genes, draft.first_connection
    for position in range(draft.first_node + node, draft.first_node + draft.nodes - 1):
        copy_node(genes, position + 1, genes, position)
    deleted = input_count + node
    kept = first_connection
    for position in range(first_connection, first_connection + draft.connections):
        source, target = genes.connection_source[position], genes.connection_target[position]
        if source != deleted and target != deleted:
            copy_connection(genes, position, genes, kept)
            genes.connection_source[kept] = source - (source > deleted)
            genes.connection_target[kept] = target - (target > deleted)
            kept += 1
    return kept - first_connection


@inner_function
def _choose_split(genes, first, count, bias, rule, stream):
    """Return the position within the child of a random enabled connection that does not start at `bias`, or -1."""
    candidates = 0
    for position in range(first, first + count):
        candidates += _can_split(genes, position, bias)
    if candidates == 0:
        return -1
    if rule.split_oldest_rate == 0 or count >= rule.split_oldest_below:
        return _find_split(genes, first, count, bias, rng.index(stream, candidates))
    older = 0
    while older < candidates and not rng.happens(stream, rule.split_oldest_rate):
        older += 1
    return _find_by_age(genes, first, count, bias, older)


@inner_function
def _can_split(genes, position, bias):
    return genes.connection_enabled[position] and genes.connection_source[position] != bias


@inner_function
def _find_split(genes, first, count, bias, before):
    """Return the position within the child of the connection with `before` candidates before it."""
    for position in range(first, first + count):
        if _can_split(genes, position, bias):
            if before == 0:
                return position - first
            before -= 1
    return -1


@inner_function
def _find_by_age(genes, first, count, bias, older):
    """Return the position within the child of the candidate with `older` older ones, or -1.

    Of two that are born in the same generation, the one with the lower innovation number counts as older.
    """
    birth = genes.connection_birth
    for position in range(first, first + count):
        if _can_split(genes, position, bias):
            rank = 0
            for other in range(first, first + count):
                is_older = birth[other] < birth[position] or (
                    birth[other] == birth[position] and other < position
                )
                rank += is_older and _can_split(genes, other, bias)
            if rank == older:
                return position - first
    return -1


@inner_function
def _choose_link(draft, shape, tries, work):
    """Return (source, target) of a random new link, or (-1, -1). In feed-forward networks, it closes no loop."""
    source, target = draft.genes.connection_source, draft.genes.connection_target
    first, count = draft.first_connection, draft.connections
    index_count = shape.input_count + draft.nodes
    for _ in range(tries):
        new_source = rng.index(work.stream, index_count)
        new_target = shape.input_count + rng.index(work.stream, draft.nodes)
        exists = False
        for position in range(first, first + count):
            exists |= source[position] == new_source and target[position] == new_target
        if exists:
            continue
        if (
            shape.feed_forward
            and new_source >= shape.input_count
            and reaches(source, target, first, count, new_target, new_source, index_count, work.mark)
        ):
            continue
        return new_source, new_target
    return -1, -1


@inner_function
def _insert_connection(genes, first, count, innovation, source, target, generation):
    """Insert an enabled connection without numbers among `count` sorted ones; return its position."""
    position = first + count
    while position > first and genes.connection_innovation[position - 1] > innovation:
        copy_connection(genes, position - 1, genes, position)
        position -= 1
    genes.connection_innovation[position] = innovation
    genes.connection_source[position] = source
    genes.connection_target[position] = target
    genes.connection_enabled[position] = True
    genes.connection_birth[position] = generation
    return position


@inner_function(inline="early")
def grow(draft, requests, run, key):
    """Add the node and the link that a child requested.

    The draft needs room for the additions: one node and two connections for a split, one connection for a link.

    Args:
        draft: Draft.
        requests: Requests with their ids.
        run: RunSettings.
        key: The child's rng.Key.
    """
    child, genes, initial, count = key.genome, draft.genes, run.config[0].genome, draft.connections
    first, source, target = draft.first_connection, genes.connection_source, genes.connection_target
    split = requests.split[child]
    link_source, link_target = requests.link_source[child], requests.link_target[child]
    if split >= 0:
        position = _insert_node(draft, requests.node_id[child], run.functions, initial, key)
        node = run.shape.input_count + position - draft.first_node
        for gene in range(first, first + count):
            source[gene] += source[gene] >= node
            target[gene] += target[gene] >= node
        link_source += link_source >= node
        link_target += link_target >= node
        old = first + split
        genes.connection_enabled[old] = False
        old_source, old_target = source[old], target[old]
        # 2002, section 3.1: the connection into the node gets weight 1 (or the nearest bound), the one out of it the
        # old weight.
        position = _insert_connection(
            genes, first, count, requests.in_innovation[child], old_source, node, key.generation
        )
        old += position <= old
        copy_connection_numbers(genes, old, genes, position)
        genes.connection_weight[position] = clip(_ONE_F, initial.weight)
        position = _insert_connection(
            genes, first, count + 1, requests.out_innovation[child], node, old_target, key.generation
        )
        old += position <= old
        copy_connection_numbers(genes, old, genes, position)
        count += 2
    if link_target >= 0:
        position = _insert_connection(
            genes, first, count, requests.link_innovation[child], link_source, link_target, key.generation
        )
        _draw_connection_numbers(genes, position, initial, key, 0)


@inner_function(inline="early")
def _insert_node(draft, node_id, functions, initial, key):
    """Insert a new node, sorted by id; return its position in the arrays."""
    genes, position = draft.genes, draft.first_node + draft.nodes
    while genes.node_id[position - 1] > node_id:
        copy_node(genes, position - 1, genes, position)
        position -= 1
    word0, word1, _, _ = rng.block(key.seed, key.generation, key.genome, rng.NEW_GENE, 0)
    genes.node_id[position] = node_id
    _draw_node_numbers(genes, position, initial, key, 0)
    genes.node_activation[position] = draw_function(functions.new[0], functions.activation_options, word0)
    genes.node_aggregation[position] = draw_function(functions.new[2], functions.aggregation_options, word1)
    return position
