"""Mutation of one child's genes, in place (2002, section 3.1).

A child is worked on as a draft: its genes lie in arrays from `first_node` and `first_connection` on, with counts
of their own. Structural additions need ids, which are given to all children of a generation at once: `structure`
deletes and says what to add, `grow` adds it once the ids are known.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.activations import activation_index, aggregation_index
from neat.config.config import GenomeConfig
from neat.genome.copying import copy_connection, copy_node
from neat.kernels import rng
from neat.kernels.jit import inner_function

_NORMAL = 0  # position in config.Distribution
ALL, ONE, ALONE = range(3)  # positions in config.Structural
_RANDOM = -1

_ONE_F = np.float32(1.0)
_TWO_F = np.float32(2.0)


class NodeFunctions(NamedTuple):
    """What nodes may compute, as indices into the tables of `activations`."""

    activation_options: np.ndarray  # uint8 (n,)
    aggregation_options: np.ndarray  # uint8 (n,)
    new: (
        np.ndarray
    )  # int64 (3,): activation of new nodes, of outputs, aggregation; -1: drawn from the options
    first_mutable: int  # the nodes before this one keep their activation

    @classmethod
    def of(cls, config: GenomeConfig) -> NodeFunctions:
        """The functions that a config names."""
        activation = _RANDOM if config.activation == "random" else activation_index(config.activation)
        output = config.output_activation
        aggregation = _RANDOM if config.aggregation == "random" else aggregation_index(config.aggregation)
        return cls(
            np.array([activation_index(name) for name in config.activation_options], np.uint8),
            np.array([aggregation_index(name) for name in config.aggregation_options], np.uint8),
            np.array([activation, activation if output is None else activation_index(output), aggregation]),
            0 if output is None else config.num_outputs,
        )


@inner_function
def _variate(distribution, word0, word1):
    """A draw of mean 0 and spread 1."""
    if distribution == _NORMAL:
        return rng.to_normal(word0, word1)
    return _TWO_F * rng.to_uniform(word0) - _ONE_F


@inner_function
def _clip(value, initial):
    return min(max(value, initial.minimum), initial.maximum)


@inner_function
def initial_value(initial, word0, word1):
    """A first value, after the settings `initial` (an InitialValue record)."""
    return _clip(initial.mean + initial.spread * _variate(initial.distribution, word0, word1), initial)


@inner_function(inline="never")
def _draw_variates(distribution, seed, generation, child, purpose, count, choice, variate):
    """A uniform number and a variate for each of `count` genes; up to 7 more are written, for whole vectors."""
    lanes = (count + 7) // 8 * 8
    if distribution == _NORMAL:
        for gene in range(lanes):
            word0, word1, word2, _ = rng.inline_block(seed, generation, child, purpose, gene)
            choice[gene] = rng.to_uniform(word0)
            variate[gene] = rng.to_normal(word1, word2)
    else:
        for gene in range(lanes):
            word0, word1, _, _ = rng.inline_block(seed, generation, child, purpose, gene)
            choice[gene] = rng.to_uniform(word0)
            variate[gene] = _TWO_F * rng.to_uniform(word1) - _ONE_F


@inner_function(inline="never")
def mutate_values(value, first, count, rule, initial, seed, generation, child, purpose, draws):
    """Perturb or replace values in place.

    Args:
        value: float32 array; those from `first` on, `count` of them, are the child's.
        first: Position of the first.
        count: How many.
        rule: ValueMutation record.
        initial: InitialValue record.
        seed: The run's seed, uint64.
        generation: The child's generation.
        child: Its index.
        purpose: Which draws to use.
        draws: Scratch, float32 (3, count + 7 or more).
    """
    choice, perturbation, replacement = draws[0], draws[1], draws[1]
    _draw_variates(rule.distribution, seed, generation, child, purpose, count, choice, perturbation)
    if initial.distribution != rule.distribution:
        replacement = draws[2]
        _draw_variates(initial.distribution, seed, generation, child, purpose, count, choice, replacement)
    spread = rule.replace_spread if rule.replace_spread >= 0 else initial.spread
    either = rule.perturb_rate + rule.replace_rate
    for gene in range(count):
        old = value[first + gene]
        perturbed = _clip(old + rule.power * perturbation[gene], initial)
        replaced = _clip(initial.mean + spread * replacement[gene], initial)
        other = replaced if choice[gene] < either else old
        value[first + gene] = perturbed if choice[gene] < rule.perturb_rate else other


@inner_function
def _mutates(rule, stream):
    return rule.perturb_rate + rule.replace_rate > 0 and rng.happens(stream, rule.genome_rate)


@inner_function(inline="early")
def mutate_attributes(
    genes,
    first_node,
    node_count,
    first_connection,
    connection_count,
    settings,
    functions,
    seed,
    generation,
    child,
    stream,
    draws,
):
    """Mutate weights, biases, responses, activations, aggregations and switches of a child in place.

    `stream` and `draws` are scratch as for `structure` and `mutate_values`.
    """
    rule, initial = settings.mutation, settings.genome
    if _mutates(rule.weight, stream):
        mutate_values(
            genes.connection_weight,
            first_connection,
            connection_count,
            rule.weight,
            initial.weight,
            seed,
            generation,
            child,
            rng.MUTATE_WEIGHT,
            draws,
        )
    if _mutates(rule.bias, stream):
        mutate_values(
            genes.node_bias,
            first_node,
            node_count,
            rule.bias,
            initial.bias,
            seed,
            generation,
            child,
            rng.MUTATE_BIAS,
            draws,
        )
    if _mutates(rule.response, stream):
        mutate_values(
            genes.node_response,
            first_node,
            node_count,
            rule.response,
            initial.response,
            seed,
            generation,
            child,
            rng.MUTATE_RESPONSE,
            draws,
        )
    if rule.enable_rate > 0 or rule.disable_rate > 0:
        for gene in range(first_connection, first_connection + connection_count):
            rate = rule.disable_rate if genes.connection_enabled[gene] else rule.enable_rate
            genes.connection_enabled[gene] = genes.connection_enabled[gene] != rng.happens(stream, rate)
    if rule.activation_rate > 0 or rule.aggregation_rate > 0:
        for gene in range(node_count):
            if gene >= functions.first_mutable and rng.happens(stream, rule.activation_rate):
                options = functions.activation_options
                genes.node_activation[first_node + gene] = options[rng.index(stream, len(options))]
            if rng.happens(stream, rule.aggregation_rate):
                options = functions.aggregation_options
                genes.node_aggregation[first_node + gene] = options[rng.index(stream, len(options))]


@inner_function(inline="never")
def reaches(source, target, first, count, start, goal, index_count, mark):
    """Whether the connections lead from index `start` to index `goal`; `mark` is scratch, uint8 (index_count,)."""
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
def structure(
    genes,
    first_node,
    node_count,
    first_connection,
    connection_count,
    input_count,
    bias_index,
    num_outputs,
    feed_forward,
    rule,
    stream,
    mark,
):
    """Delete nodes and connections, and choose what to add.

    Returns:
        (node_count, connection_count, split, link_source, link_target, mutated): the new counts; the position of
        the connection to split and the ends of the link to add, each -1 for none; whether anything was drawn.
    """
    add_node, add_connection, delete_node, delete_connection = _draw_kinds(rule, stream)
    hidden = node_count - num_outputs
    if delete_node and hidden > 0:
        node = num_outputs + rng.index(stream, hidden)
        connection_count = _delete_node(
            genes, first_node, node_count, first_connection, connection_count, input_count, node
        )
        node_count -= 1
    if delete_connection and connection_count > 0:
        gone = first_connection + rng.index(stream, connection_count)
        for position in range(gone, first_connection + connection_count - 1):
            copy_connection(genes, position + 1, genes, position)
        connection_count -= 1
    split = -1
    if add_node:
        bias = -1 if rule.split_bias else bias_index
        split = _choose_split(genes, first_connection, connection_count, bias, rule, stream)
    link_source, link_target = -1, -1
    if add_connection:
        link_source, link_target = _choose_link(
            genes.connection_source,
            genes.connection_target,
            first_connection,
            connection_count,
            input_count,
            node_count,
            feed_forward,
            rule.add_connection_tries,
            stream,
            mark,
        )
    mutated = add_node or add_connection or delete_node or delete_connection
    return node_count, connection_count, split, link_source, link_target, mutated


@inner_function
def _draw_kinds(rule, stream):
    """Which of the four structural mutations happen: (add node, add connection, delete node, delete connection)."""
    if rule.structural == ALL:
        add_node = rng.happens(stream, rule.add_node_rate)
        add_connection = rng.happens(stream, rule.add_connection_rate)
        delete_node = rng.happens(stream, rule.delete_node_rate)
        delete_connection = rng.happens(stream, rule.delete_connection_rate)
        return add_node, add_connection, delete_node, delete_connection
    first = rule.add_node_rate
    second = first + rule.add_connection_rate
    third = second + rule.delete_node_rate
    fourth = third + rule.delete_connection_rate
    choice = rng.uniform(stream) * max(_ONE_F, fourth)
    return (
        choice < first,
        first <= choice < second,
        second <= choice < third,
        third <= choice < fourth,
    )


@inner_function
def _delete_node(genes, first_node, node_count, first_connection, connection_count, input_count, node):
    """Delete a node and its connections; the number of connections left."""
    for position in range(first_node + node, first_node + node_count - 1):
        copy_node(genes, position + 1, genes, position)
    gone = input_count + node
    kept = first_connection
    for position in range(first_connection, first_connection + connection_count):
        source, target = genes.connection_source[position], genes.connection_target[position]
        if source != gone and target != gone:
            copy_connection(genes, position, genes, kept)
            genes.connection_source[kept] = source - (source > gone)
            genes.connection_target[kept] = target - (target > gone)
            kept += 1
    return kept - first_connection


@inner_function
def _choose_split(genes, first, count, bias, rule, stream):
    """Position within the child of a random enabled connection, none from the index `bias`, or -1."""
    candidates = 0
    for position in range(first, first + count):
        candidates += genes.connection_enabled[position] and genes.connection_source[position] != bias
    if candidates == 0:
        return -1
    by_age = rule.split_oldest_rate > 0 and count < rule.split_oldest_below
    left = candidates if by_age else rng.index(stream, candidates)
    for position in range(first, first + count):
        if genes.connection_enabled[position] and genes.connection_source[position] != bias:
            if left == 0 or (by_age and rng.happens(stream, rule.split_oldest_rate)):
                return position - first
            left -= 1
    return -1


@inner_function
def _choose_link(source, target, first, count, input_count, node_count, feed_forward, tries, stream, mark):
    """Ends of a link that the child does not have and that closes no loop in a feed-forward one, or (-1, -1)."""
    index_count = input_count + node_count
    for _ in range(tries):
        new_source = rng.index(stream, index_count)
        new_target = input_count + rng.index(stream, node_count)
        known = False
        for position in range(first, first + count):
            known |= source[position] == new_source and target[position] == new_target
        if known:
            continue
        if (
            feed_forward
            and new_source >= input_count
            and reaches(source, target, first, count, new_target, new_source, index_count, mark)
        ):
            continue
        return new_source, new_target
    return -1, -1


@inner_function
def _insert_connection(genes, first, count, innovation, source, target, weight):
    """Insert an enabled connection among `count` sorted ones."""
    position = first + count
    while position > first and genes.connection_innovation[position - 1] > innovation:
        copy_connection(genes, position - 1, genes, position)
        position -= 1
    genes.connection_innovation[position] = innovation
    genes.connection_source[position] = source
    genes.connection_target[position] = target
    genes.connection_weight[position] = weight
    genes.connection_enabled[position] = True


@inner_function
def draw_function(new, options, word):
    """The function of a new node: `new`, or a draw from the options where that is -1."""
    return options[rng.to_index(word, len(options))] if new == _RANDOM else np.uint8(new)


@inner_function(inline="early")
def grow(
    genes, child, node_count, connection_count, requests, input_count, settings, functions, seed, generation
):
    """Add the node and the link that a child asked for, now that they have ids.

    The child's genes must already lie in `genes` at its offsets, with room for the additions: one node and two
    connections for a split, one connection for a link.
    """
    first_node, first = genes.node_offset[child], genes.connection_offset[child]
    split = requests.split[child]
    link_source, link_target = requests.link_source[child], requests.link_target[child]
    if split >= 0:
        node_id = requests.node_id[child]
        position = first_node + node_count
        while genes.node_id[position - 1] > node_id:
            copy_node(genes, position - 1, genes, position)
            position -= 1
        word0, word1, _, _ = rng.block(seed, generation, child, rng.NEW_GENE, 0)
        bias0, bias1, response0, response1 = rng.block(seed, generation, child, rng.NEW_GENE, 1)
        genes.node_id[position] = node_id
        genes.node_bias[position] = initial_value(settings.genome.bias, bias0, bias1)
        genes.node_response[position] = initial_value(settings.genome.response, response0, response1)
        genes.node_activation[position] = draw_function(functions.new[0], functions.activation_options, word0)
        genes.node_aggregation[position] = draw_function(
            functions.new[2], functions.aggregation_options, word1
        )

        node = input_count + position - first_node
        for gene in range(first, first + connection_count):
            genes.connection_source[gene] += genes.connection_source[gene] >= node
            genes.connection_target[gene] += genes.connection_target[gene] >= node
        link_source += link_source >= node
        link_target += link_target >= node
        # 2002, section 3.1: the connection into the node has weight 1 (or the bound next to it, where 1 is beyond),
        # the one out of it the old weight.
        old = first + split
        genes.connection_enabled[old] = False
        source, target = genes.connection_source[old], genes.connection_target[old]
        weight = genes.connection_weight[old]
        into, out = requests.in_innovation[child], requests.out_innovation[child]
        one = _clip(_ONE_F, settings.genome.weight)
        _insert_connection(genes, first, connection_count, into, source, node, one)
        _insert_connection(genes, first, connection_count + 1, out, node, target, weight)
        connection_count += 2
    if link_target >= 0:
        word0, word1, _, _ = rng.block(seed, generation, child, rng.NEW_GENE, 2)
        weight = initial_value(settings.genome.weight, word0, word1)
        innovation = requests.link_innovation[child]
        _insert_connection(genes, first, connection_count, innovation, link_source, link_target, weight)
