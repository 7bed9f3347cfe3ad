"""Programs: networks whose nodes are in evaluation order, each with its links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neat.genome import schema
from neat.genome.schema import generate, repeat
from neat.kernels.jit import inner_function

_UNSEEN = np.int32(-1)
_SEEN = np.int32(-2)


_NODE, _LINK = schema.in_programs(schema.NODE), schema.in_programs(schema.CONNECTION)
_I8, _I4 = np.dtype(np.int64), np.dtype(np.int32)

# Dtypes of the arrays of programs that have an element for each network, each node or each link.
NETWORK_FIELDS = {"node_count": _I8}
NODE_FIELDS = {**{row.program_field: row.dtype for row in _NODE}, "link_end": _I8}
LINK_FIELDS = {"link_source": _I4, **{row.program_field: row.dtype for row in _LINK}}

if TYPE_CHECKING:

    class Programs(NamedTuple):
        """The fields of the class below for type checkers, which cannot read the schema."""

        node_start: np.ndarray
        link_start: np.ndarray
        node_count: np.ndarray
        node_bias: np.ndarray
        node_response: np.ndarray
        node_activation: np.ndarray
        node_aggregation: np.ndarray
        link_end: np.ndarray
        link_source: np.ndarray
        link_weight: np.ndarray
        output_slot: np.ndarray

else:
    _FIELDS = ("node_start", "link_start", *NETWORK_FIELDS, *NODE_FIELDS, *LINK_FIELDS, "output_slot")
    Programs = NamedTuple("Programs", [(name, np.ndarray) for name in _FIELDS])
    Programs.__doc__ = """The programs of G networks.

    A network's values lie in slots: its inputs first (the bias input last among them), then its nodes in order of
    evaluation. `node_start` and `link_start`, int64 (G+1,), say where each network's nodes and links begin;
    `node_count`, int64 (G,), is the number of its nodes; `output_slot`, int32 (G, outputs), is where its outputs are.

    Each node has the attributes of its gene, `node_bias` and so on, as in GenomeArrays, and `link_end`, int64: its
    links end there, where the next node's begin. Each link has a `link_source`, int32, a slot, and the attributes of
    its gene, such as `link_weight`.
    """


class Shape(NamedTuple):
    """The properties that all networks of a population share."""

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


@inner_function(inline="never", allocates=True)
def new_scratch(slots, links):
    """Return a Scratch for genomes with at most this many slots and links."""
    return Scratch(
        np.empty(slots, np.int32),
        np.empty(links, np.int32),
        np.empty(slots, np.int32),
        np.empty(slots, np.int32),
        np.empty(slots, np.int32),
        np.empty(slots, np.int32),
    )


def _empty(size: str, fields: dict[str, np.dtype[Any]]) -> str:
    """Return the source of arguments for Programs: new arrays."""
    return ", ".join(f"{name}=empty({size}, {dtype})" for name, dtype in fields.items())


def _part(bounds: str, fields: dict[str, np.dtype[Any]]) -> str:
    """Return the source of arguments for Programs: parts of arrays."""
    return ", ".join(f"{name}=programs.{name}[{bounds}]" for name in fields)


# Return uninitialised Programs with room for one network.
new_programs = inner_function(inline="never", allocates=True)(
    generate(
        "new_programs(nodes, links, outputs)",
        f"""return Programs(
        node_start=zeros(2, int64), link_start=zeros(2, int64),
        {_empty("1", NETWORK_FIELDS)}, {_empty("nodes", NODE_FIELDS)}, {_empty("links", LINK_FIELDS)},
        output_slot=empty((1, outputs), int32),
    )""",
        {name: getattr(np, name) for name in ("empty", "zeros", "int64", "int32", "float32", "uint8")}
        | {"Programs": Programs},
    )
)

# Return one network of `programs` as Programs of its own. Its `link_end` must count from its first link. `zero` is the
# number 0, int64 (1,).
single_program = inner_function(
    generate(
        "single_program(programs, network, zero)",
        f"""nodes, nodes_end = programs.node_start[network], programs.node_start[network + 1]
    links, links_end = programs.link_start[network], programs.link_start[network + 1]
    return Programs(
        node_start=zero, link_start=zero,
        {_part("network : network + 1", NETWORK_FIELDS)},
        {_part("nodes:nodes_end", NODE_FIELDS)},
        {_part("links:links_end", LINK_FIELDS)},
        output_slot=programs.output_slot[network : network + 1],
    )""",
        {"Programs": Programs},
    ),
    inline="early",
)

_COPY = "programs.{row.program_field}[position] = arrays.{row.field}[gene]"
_copy_node = inner_function(
    generate("_copy_node(arrays, gene, programs, position)", repeat(_COPY, _NODE), {})
)
_copy_link = inner_function(
    generate("_copy_link(arrays, gene, programs, position)", repeat(_COPY, _LINK), {})
)

# Copy the attributes of a node or a link from one position in programs to another.
_MOVE = "target.{row.program_field}[position] = source.{row.program_field}[origin]"
move_node = inner_function(generate("move_node(source, origin, target, position)", repeat(_MOVE, _NODE), {}))
move_link = inner_function(generate("move_link(source, origin, target, position)", repeat(_MOVE, _LINK), {}))


@inner_function
def write_program(arrays, genome, input_count, num_outputs, programs, network, scratch):
    """Write the genome at index `genome` of a GenomeArrays as the program at index `network` of `programs`.

    Nodes on which no output depends through enabled connections are left out. Sources come before their targets if the
    network has no loops. A node's links keep the order of their innovation numbers.
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
    """Write which gene each node and link of a program comes from. Call it after `write_program`, with its scratch.

    Args:
        arrays: A GenomeArrays.
        genome: The index of the genome in `arrays`.
        input_count: As for `write_program`.
        programs: Programs.
        network: The index of the program.
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
    """List the enabled connections of each target in order of innovation, and mark all nodes as unseen."""
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
    """Order the nodes on which an output depends by depth-first search, and return their number.

    A node gets its number after all nodes on which it depends (post-order). That is a topological order.
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
            _copy_link(arrays, connection, programs, link)
            place = scratch.following[place]
            link += 1
        programs.link_end[position] = link
        _copy_node(arrays, gene, programs, position)
