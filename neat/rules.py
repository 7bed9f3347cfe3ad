"""The rules that every genome keeps, and finding the first one broken."""

from __future__ import annotations

import numpy as np

from neat.jit import inner_function, kernel

RULES = (
    "node ids must ascend and be unique",
    "the first nodes must be the outputs, with the ids that follow the inputs'",
    "biases and responses must be finite",
    "activations must be in the table",
    "aggregations must be in the table",
    "innovation numbers must ascend and be unique",
    "innovation numbers must not be negative",
    "the source of a connection must exist",
    "the target of a connection must exist and must not be an input",
    "weights must be finite",
    "no two connections may join the same source and target",
    "a feed-forward network must be free of loops, disabled connections counted",
)


@kernel
def first_broken_rule(arrays, input_count, num_outputs, feed_forward, activation_count, aggregation_count):
    """(genome, position in RULES) of the first broken rule, or (-1, -1)."""
    most_nodes, most_connections = 0, 0
    for genome in range(len(arrays.node_offset) - 1):
        most_nodes = max(most_nodes, arrays.node_offset[genome + 1] - arrays.node_offset[genome])
        most_connections = max(
            most_connections, arrays.connection_offset[genome + 1] - arrays.connection_offset[genome]
        )
    start = np.empty(input_count + most_nodes + 1, np.int64)
    unresolved, queue = np.empty_like(start), np.empty_like(start)
    by_source = np.empty(most_connections, np.int64)
    for genome in range(len(arrays.node_offset) - 1):
        first_node, last_node = arrays.node_offset[genome], arrays.node_offset[genome + 1]
        node_count = last_node - first_node
        if node_count < num_outputs:
            return genome, 1
        for node in range(node_count):
            position = first_node + node
            if node > 0 and arrays.node_id[position] <= arrays.node_id[position - 1]:
                return genome, 0
            if node < num_outputs and arrays.node_id[position] != input_count + node:
                return genome, 1
            if not (np.isfinite(arrays.node_bias[position]) and np.isfinite(arrays.node_response[position])):
                return genome, 2
            if arrays.node_activation[position] >= activation_count:
                return genome, 3
            if arrays.node_aggregation[position] >= aggregation_count:
                return genome, 4

        first, last = arrays.connection_offset[genome], arrays.connection_offset[genome + 1]
        index_count = input_count + node_count
        for position in range(first, last):
            if position > first and (
                arrays.connection_innovation[position] <= arrays.connection_innovation[position - 1]
            ):
                return genome, 5
            if arrays.connection_innovation[position] < 0:
                return genome, 6
            if not 0 <= arrays.connection_source[position] < index_count:
                return genome, 7
            if not input_count <= arrays.connection_target[position] < index_count:
                return genome, 8
            if not np.isfinite(arrays.connection_weight[position]):
                return genome, 9

        if not _group_by_source(arrays, first, last, index_count, start, by_source, unresolved):
            return genome, 10
        if feed_forward and not _is_acyclic(
            arrays, first, last, index_count, start, by_source, unresolved, queue
        ):
            return genome, 11
    return -1, -1


@inner_function
def _group_by_source(arrays, first, last, index_count, start, by_source, latest):
    """Write the connections grouped by source, as positions from `first`; whether no pair comes twice.

    The group of index i is `by_source[start[i]:start[i + 1]]`. `latest` is scratch: the last source of each target.
    """
    for index in range(index_count + 1):
        start[index] = 0
    for position in range(first, last):
        start[arrays.connection_source[position] + 1] += 1
    for index in range(index_count):
        start[index + 1] += start[index]
    for position in range(last - 1, first - 1, -1):
        source = arrays.connection_source[position]
        start[source + 1] -= 1
        by_source[start[source + 1]] = position - first
    for index in range(index_count):
        start[index] = start[index + 1]
    start[index_count] = last - first
    for index in range(index_count):
        latest[index] = -1
    for source in range(index_count):
        for place in range(start[source], start[source + 1]):
            target = arrays.connection_target[first + by_source[place]]
            if latest[target] == source:
                return False
            latest[target] = source
    return True


@inner_function
def _is_acyclic(arrays, first, last, index_count, start, by_source, unresolved, queue):
    """Whether the connections close no loop (Kahn 1962: nodes without unresolved inputs are taken away)."""
    for index in range(index_count):
        unresolved[index] = 0
    for position in range(first, last):
        unresolved[arrays.connection_target[position]] += 1
    count = 0
    for index in range(index_count):
        if unresolved[index] == 0:
            queue[count] = index
            count += 1
    head = 0
    while head < count:
        node = queue[head]
        head += 1
        for position in range(start[node], start[node + 1]):
            successor = arrays.connection_target[first + by_source[position]]
            unresolved[successor] -= 1
            if unresolved[successor] == 0:
                queue[count] = successor
                count += 1
    return count == index_count
