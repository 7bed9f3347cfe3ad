"""Where the programs of networks lie in a GPU's memory: word by word beside each other.

A slice is the programs of `width` networks that threads side by side work on. Word k of a slice's first network is
followed by word k of its second, so that these threads read words side by side; a slice has room for the largest of
its networks, so networks of like sizes should share one. With a width of 1, a program lies in one piece: for the
threads of a block that all work on the same network.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from evaluators.program.intrinsics import strided
from evaluators.program.program import LINK_FIELDS, NETWORK_FIELDS, NODE_FIELDS, Programs, Scratch
from neat.genome.buffers import Block, packed
from neat.genome.schema import generate
from neat.kernels.jit import inner_function, kernel

# Networks of up to so many nodes are treated alike; beyond, each doubling is a level of its own, with its own launches:
# scratch is as large as a level's largest network needs.
_SMALL = 32
_LEVELS = 48
_BINS = 1024  # by connections, within a level; larger genomes share the last
_WASTE = 2  # times the words that are needed: so much may be taken up before networks are ordered by size

# Words of a program for a network, beside its outputs, for a node and for a link.
_HEADER = 1 + len(NETWORK_FIELDS)
WORDS_OF_NODE = len(NODE_FIELDS)
WORDS_OF_LINK = len(LINK_FIELDS)


class Layout(NamedTuple):
    """Where the programs of P networks lie."""

    order: np.ndarray  # int32 (P,), the network at each place, slice by slice
    start: np.ndarray  # int64 (slices + 1,), a slice's first word
    nodes: np.ndarray  # int32 (slices,), its room, for the nodes of each network
    links: np.ndarray  # int32 (slices,), for the links of each
    levels: np.ndarray  # int64 (levels, 4): first slice, last slice + 1, most nodes, most links


def layout(
    node_offset: np.ndarray,
    connection_offset: np.ndarray,
    num_outputs: int,
    width: int,
    by_size: bool,
    views: Callable[[Block], Mapping[str, np.ndarray]],
) -> Layout:
    """Lay out the programs of genomes with these offsets, int64 (P+1,), in slices of `width` networks, a power of two.

    Networks are ordered by size, or, unless `by_size` is asked for, left in their own order where that wastes little:
    it takes a third of the time. The room is for all genes, of which a program may need fewer. All but the levels is
    in what `views` makes of a Block.
    """
    plan = Layout(**views(_block(len(node_offset) - 1, width)), levels=np.empty((_LEVELS, 4), np.int64))
    begins = np.empty(_LEVELS * _BINS + 1, np.int32)
    levels = _plan(node_offset, connection_offset, num_outputs, width, by_size, begins, plan)
    return plan._replace(levels=plan.levels[:levels])


@functools.lru_cache(maxsize=64)
def _block(count: int, width: int) -> Block:
    """Of the arrays of a Layout but the levels."""
    slices = -(-count // width)
    narrow, wide = np.dtype(np.int32), np.dtype(np.int64)
    return packed(
        {
            "order": ((count,), narrow),
            "start": ((slices + 1,), wide),
            "nodes": ((slices,), narrow),
            "links": ((slices,), narrow),
        }
    )


@kernel(allocates=False)
def _plan(node_offset, connection_offset, num_outputs, width, by_size, begins, plan):
    """Fill a Layout. `begins`: scratch, int32 (levels * bins + 1,). Returns the number of levels in use."""
    least, most = _fewest_and_most(node_offset)
    if not by_size and _level(least) == _level(most):
        _keep_order(node_offset, connection_offset, width, plan)
        levels = _place_slices(num_outputs, width, plan)
        if plan.start[-1] <= _WASTE * _needed(node_offset, connection_offset, num_outputs):
            return levels
    _order_by_size(node_offset, connection_offset, width, begins[: (_level(most) + 1) * _BINS + 1], plan)
    return _place_slices(num_outputs, width, plan)


@inner_function
def _level(nodes):
    level = 0
    while nodes > _SMALL:
        nodes = (nodes + 1) // 2
        level += 1
    return level


@inner_function
def _genes(offset, genome):
    """How many of a kind a genome has, by their offsets; the unsigned index lets LLVM make vector code."""
    return offset[np.uintp(genome + 1)] - offset[np.uintp(genome)]


@inner_function
def _fewest_and_most(node_offset):
    """Nodes of the smallest and of the largest genome."""
    least = most = _genes(node_offset, 0)
    for genome in range(1, len(node_offset) - 1):
        nodes = _genes(node_offset, genome)
        least, most = min(least, nodes), max(most, nodes)
    return least, most


@inner_function
def _needed(node_offset, connection_offset, num_outputs):
    """Words of all programs without what slices waste."""
    each = (len(node_offset) - 1) * (_HEADER + num_outputs)
    nodes, links = node_offset[-1] - node_offset[0], connection_offset[-1] - connection_offset[0]
    return each + WORDS_OF_NODE * nodes + WORDS_OF_LINK * links


@inner_function
def _keep_order(node_offset, connection_offset, width, plan):
    """Fill `order`, `nodes` and `links` with networks as they come."""
    for place in range(len(plan.order)):
        plan.order[place] = place
    for part in range(len(plan.nodes)):
        nodes = links = 0
        first, last = part * width, min((part + 1) * width, len(plan.order))
        for genome in range(first, last):  # two loops, which LLVM makes vector code of
            nodes = max(nodes, _genes(node_offset, genome))
        for genome in range(first, last):
            links = max(links, _genes(connection_offset, genome))
        plan.nodes[part], plan.links[part] = nodes, links


@inner_function
def _order_by_size(node_offset, connection_offset, width, begins, plan):
    """The same by size, in a counting sort: count, then put. `begins`: scratch, one more than there are keys."""
    shift = 0
    while 1 << shift < width:
        shift += 1
    begins[:] = 0
    for genome in range(len(plan.order)):
        key = _key(_genes(node_offset, genome), _genes(connection_offset, genome))
        begins[key + 1] += 1
    for key in range(len(begins) - 1):
        begins[key + 1] += begins[key]
    plan.nodes[:] = 0
    plan.links[:] = 0
    for genome in range(len(plan.order)):
        nodes, links = _genes(node_offset, genome), _genes(connection_offset, genome)
        key = _key(nodes, links)
        place = begins[key]
        begins[key] += 1
        plan.order[place] = genome
        part = place >> shift
        plan.nodes[part] = max(plan.nodes[part], nodes)
        plan.links[part] = max(plan.links[part], links)


@inner_function
def _key(nodes, links):
    return _level(nodes) * _BINS + min(links, _BINS - 1)


@inner_function
def _place_slices(num_outputs, width, plan):
    """Fill `start` and `levels`; returns the number of levels."""
    begin, levels, last = 0, 0, -1
    most_nodes = most_links = np.int64(0)
    for part in range(len(plan.nodes)):
        nodes, links = np.int64(plan.nodes[part]), np.int64(plan.links[part])
        plan.start[part] = begin
        begin += (_HEADER + num_outputs + WORDS_OF_NODE * nodes + WORDS_OF_LINK * links) * width
        if _level(nodes) != last:
            last = _level(nodes)
            most_nodes = most_links = np.int64(0)
            plan.levels[levels, 0] = part
            levels += 1
        most_nodes, most_links = max(most_nodes, nodes), max(most_links, links)
        row = plan.levels[levels - 1]
        row[1], row[2], row[3] = part + 1, most_nodes, most_links
    plan.start[-1] = begin
    return levels


def _views(first: str, size: str, fields: Mapping[str, np.dtype[Any]]) -> str:
    """Arguments for Programs: arrays of so many words, one after the other from a word on."""
    memory = {"f": "numbers", "i": "integers", "u": "integers"}
    return ", ".join(
        f"{name}=strided({memory[dtype.kind]}, {first} + {k} * {size} * step, ({size},), (width,))"
        for k, (name, dtype) in enumerate(fields.items())
    )


# The program at a place, as Programs of one network.
#
# Args:
#     place: Position in `plan.order`.
#     width: Of the slices.
#     plan: A Layout.
#     integers: int32 (words,).
#     numbers: The same memory as float32.
#     num_outputs: Outputs of each network.
program_at = inner_function(
    generate(
        "program_at(place, width, plan, integers, numbers, num_outputs)",
        f"""step = int64(width)
    part = place // step
    nodes, links = int64(plan.nodes[part]), int64(plan.links[part])
    first = plan.start[part] + place % step
    node = first + ({_HEADER} + num_outputs) * step
    link = node + {WORDS_OF_NODE} * nodes * step
    zero = strided(integers, first, (1,), (width,))
    return Programs(
        node_start=zero,
        link_start=zero,
        {_views("first + step", "1", NETWORK_FIELDS)},
        {_views("node", "nodes", NODE_FIELDS)},
        {_views("link", "links", LINK_FIELDS)},
        output_slot=strided(integers, first + {_HEADER} * step, (1, num_outputs), (0, width)),
    )""",
        {"Programs": Programs, "strided": strided, "int64": np.int64},
    )
)


def scratch_words(slots: int, links: int) -> int:
    """Words that `scratch_at` lays out."""
    return 5 * slots + links


@inner_function
def scratch_at(room, first, stride, slots, links):
    """A Scratch for ordering a network, whose words lie `stride` apart in `room`, int32, from `first` on."""
    return Scratch(
        first=strided(room, first, (slots,), (stride,)),
        following=strided(room, first + 5 * slots * stride, (links,), (stride,)),
        cursor=strided(room, first + slots * stride, (slots,), (stride,)),
        slot=strided(room, first + 2 * slots * stride, (slots,), (stride,)),
        order=strided(room, first + 3 * slots * stride, (slots,), (stride,)),
        stack=strided(room, first + 4 * slots * stride, (slots,), (stride,)),
    )
