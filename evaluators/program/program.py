"""A network as a program: its nodes in an order in which they can be computed, each with its links."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neat.kernels.jit import function, inner_function

_UNSEEN = np.int32(-1)
_SEEN = np.int32(-2)


class Programs(NamedTuple):
    """The programs of G networks.

    A network's values lie in slots: its inputs first (the bias input last among them), then its nodes in order
    of evaluation. Network g's nodes begin at `node_start[g]`, its links at `link_start[g]`; a node's links end
    at its `link_end`, where the next node's begin.
    """

    node_start: np.ndarray  # int64 (G+1,)
    link_start: np.ndarray  # int64 (G+1,)
    node_count: np.ndarray  # int64 (G,)
    node_bias: np.ndarray  # float32 (nodes,)
    node_response: np.ndarray  # float32 (nodes,)
    node_activation: np.ndarray  # uint8 (nodes,)
    node_aggregation: np.ndarray  # uint8 (nodes,)
    link_end: np.ndarray  # int64 (nodes,)
    link_source: np.ndarray  # int32 (links,), a slot
    link_weight: np.ndarray  # float32 (links,)
    output_slot: np.ndarray  # int32 (G, outputs)


class Shape(NamedTuple):
    """What networks of one population have in common."""

    input_count: Any  # int64, inputs, the bias input among them
    recurrent: Any  # bool


class Scratch(NamedTuple):
    """Scratch for ordering one network of up to `slots` inputs and nodes and `links` connections."""

    first: np.ndarray  # int32 (slots,), a target's first enabled connection, or -1
    following: np.ndarray  # int32 (links,), the next enabled connection of the same target, or -1
    cursor: np.ndarray  # int32 (slots,), the connection at which the search will go on
    slot: np.ndarray  # int32 (slots,)
    order: np.ndarray  # int32 (slots,)
    stack: np.ndarray  # int32 (slots,)


@function
def new_scratch(slots, links):
    """A Scratch for genomes of up to that size."""
    return Scratch(
        np.empty(slots, np.int32),
        np.empty(links, np.int32),
        np.empty(slots, np.int32),
        np.empty(slots, np.int32),
        np.empty(slots, np.int32),
        np.empty(slots, np.int32),
    )


@function
def new_programs(nodes, links, outputs):
    """Room for one network's program."""
    return Programs(
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
        np.zeros(1, np.int64),
        np.empty(nodes, np.float32),
        np.empty(nodes, np.float32),
        np.empty(nodes, np.uint8),
        np.empty(nodes, np.uint8),
        np.empty(nodes, np.int64),
        np.empty(links, np.int32),
        np.empty(links, np.float32),
        np.empty((1, outputs), np.int32),
    )


@inner_function(inline="early")
def single_program(programs, network, zero):
    """Program number `network` alone, as number 0, if the `link_end` of `programs` count from its first link.

    `zero`: int64 (1,), the number 0.
    """
    first_node, last_node = programs.node_start[network], programs.node_start[network + 1]
    first_link, last_link = programs.link_start[network], programs.link_start[network + 1]
    return Programs(
        node_start=zero,
        link_start=zero,
        node_count=programs.node_count[network : network + 1],
        node_bias=programs.node_bias[first_node:last_node],
        node_response=programs.node_response[first_node:last_node],
        node_activation=programs.node_activation[first_node:last_node],
        node_aggregation=programs.node_aggregation[first_node:last_node],
        link_end=programs.link_end[first_node:last_node],
        link_source=programs.link_source[first_link:last_link],
        link_weight=programs.link_weight[first_link:last_link],
        output_slot=programs.output_slot[network : network + 1],
    )


@inner_function
def write_program(arrays, genome, input_count, num_outputs, programs, network, scratch):
    """Write genome number `genome` of `arrays` (a GenomeArrays) as program number `network` of `programs`.

    Nodes that no output can see through enabled connections are left out; sources come before their targets
    where the network is free of loops. A node's links keep the order of their innovation numbers.
    """
    first_node = arrays.node_offset[genome]
    first_connection = arrays.connection_offset[genome]
    slots = input_count + arrays.node_offset[genome + 1] - first_node
    _list_by_target(
        arrays, first_connection, arrays.connection_offset[genome + 1], input_count, slots, scratch
    )
    count = _order(arrays.connection_source, first_connection, input_count, num_outputs, scratch)
    _write_nodes(arrays, first_node, first_connection, input_count, count, programs, network, scratch)
    for output in range(num_outputs):
        programs.output_slot[network, output] = scratch.slot[input_count + output]


@inner_function
def write_origins(arrays, genome, input_count, programs, network, scratch, node_origin, link_origin):
    """Which genes the nodes and links of a program come from; right after `write_program`, with its scratch.

    Args:
        arrays: A GenomeArrays.
        genome: Number in it.
        input_count: As for `write_program`.
        programs: Programs.
        network: Number of the program.
        scratch: As `write_program` left it.
        node_origin: int64 (nodes,), the positions in `arrays`, written.
        link_origin: int64 (links,).
    """
    link = programs.link_start[network]
    for k in range(programs.node_count[network]):
        node = scratch.order[k]
        node_origin[programs.node_start[network] + k] = arrays.node_offset[genome] + node - input_count
        place = scratch.first[node]
        while place >= 0:
            link_origin[link] = arrays.connection_offset[genome] + place
            place = scratch.following[place]
            link += 1


@inner_function
def _list_by_target(arrays, begin, end, input_count, slots, scratch):
    """Every target's enabled connections as a linked list, in order of innovation; and every slot unknown."""
    for index in range(slots):
        scratch.first[index] = -1
        scratch.cursor[index] = -1
        scratch.slot[index] = index if index < input_count else _UNSEEN
    for connection in range(end - begin - 1, -1, -1):
        if arrays.connection_enabled[begin + connection]:
            target = np.uint32(arrays.connection_target[begin + connection])
            scratch.following[connection] = scratch.first[target]
            scratch.first[target] = connection
            scratch.cursor[target] = connection


@inner_function
def _order(connection_source, first_connection, input_count, num_outputs, scratch):
    """Depth-first search from the outputs along the connections, backwards.

    A node is numbered once all that it depends on is (post-order), which is a topological order of the nodes
    that an output can see. Returns how many there are.
    """
    cursor, slot, order, stack = scratch.cursor, scratch.slot, scratch.order, scratch.stack
    count = np.int32(0)
    for output in range(input_count, input_count + num_outputs):
        if slot[output] != _UNSEEN:
            continue
        slot[output] = _SEEN
        stack[0] = output
        depth = 1
        while depth > 0:
            node = np.uint32(stack[depth - 1])
            connection = cursor[node]
            if connection >= 0:
                source = np.uint32(connection_source[first_connection + connection])
                cursor[node] = scratch.following[connection]
                if slot[source] == _UNSEEN:
                    slot[source] = _SEEN
                    stack[depth] = source
                    depth += 1
            else:
                slot[node] = input_count + count
                order[count] = node
                count += 1
                depth -= 1
    return count


@inner_function
def _write_nodes(arrays, first_node, first_connection, input_count, count, programs, network, scratch):
    programs.node_count[network] = count
    link = programs.link_start[network]
    for k in range(count):
        node = scratch.order[k]
        gene = first_node + node - input_count
        position = programs.node_start[network] + k
        place = scratch.first[node]
        while place >= 0:
            connection = first_connection + place
            programs.link_source[link] = scratch.slot[np.uint32(arrays.connection_source[connection])]
            programs.link_weight[link] = arrays.connection_weight[connection]
            place = scratch.following[place]
            link += 1
        programs.link_end[position] = link
        programs.node_bias[position] = arrays.node_bias[gene]
        programs.node_response[position] = arrays.node_response[gene]
        programs.node_activation[position] = arrays.node_activation[gene]
        programs.node_aggregation[position] = arrays.node_aggregation[gene]
