"""The layout of programs in a GPU's memory, where the programs of adjacent threads are interleaved word by word.

A slice holds the programs of `width` networks, on which adjacent threads work. Word k of the second network follows
word k of the first, so that these threads read adjacent words. Each network of a slice has room for the largest, so a
slice should hold networks of similar size. With a width of 1, programs are contiguous, and the threads of a block share
a network.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from evaluators.program.intrinsics import strided
from evaluators.program.program import LINK_FIELDS, NETWORK_FIELDS, NODE_FIELDS, Programs, Scratch
from neat.genome.buffers import Block, pack
from neat.genome.schema import generate
from neat.kernels.jit import inner_function, kernel

# Networks of up to _SMALL nodes are one level, and each doubling is a further level. A level has launches of its own,
# since each of its threads gets as much scratch as its largest network needs.
_SMALL = 32
_LEVELS = 48  # the most levels
_BINS = 1024  # bins of a level, by connections; larger genomes share the last bin
# The most memory for networks in their given order, as a multiple of what programs need. Beyond it, they are sorted.
_WASTE = 2

# The words of a program for its network (without the outputs), for each node and for each link.
_HEADER = 1 + len(NETWORK_FIELDS)
WORDS_OF_NODE = len(NODE_FIELDS)
WORDS_OF_LINK = len(LINK_FIELDS)


class ProgramLayout(NamedTuple):
    """The places of the programs of P networks."""

    order: np.ndarray  # int32 (P,), the network at each place, slice by slice
    start: np.ndarray  # int64 (slices + 1,), the first word of each slice
    nodes: np.ndarray  # int32 (slices,), the nodes for which each network of a slice has room
    links: np.ndarray  # int32 (slices,), the links for which each network of a slice has room
    levels: np.ndarray  # int64 (levels, 4): first slice, last slice + 1, most nodes, most links


def lay_out(
    node_offset: np.ndarray,
    connection_offset: np.ndarray,
    num_outputs: int,
    width: int,
    by_size: bool,
    views: Callable[[Block], Mapping[str, np.ndarray]],
) -> ProgramLayout:
    """Return a layout with room for all genes of each genome, of which its program may need fewer.

    Args:
        node_offset: int64 (P+1,), where the nodes of each genome begin.
        connection_offset: int64 (P+1,), where the connections of each genome begin.
        num_outputs: The number of outputs of each network.
        width: The number of networks in a slice, a power of two.
        by_size: Whether to sort networks by size in any case. Otherwise they keep their order, which takes a third of
            the time, if they are of one level and that wastes little memory.
        views: Returns the arrays of a Block, which become those of the layout; the levels have an array of their own.
    """
    plan = ProgramLayout(
        **views(_block(len(node_offset) - 1, width)), levels=np.empty((_LEVELS, 4), np.int64)
    )
    begins = np.empty(_LEVELS * _BINS + 1, np.int32)
    levels = _plan(node_offset, connection_offset, num_outputs, width, by_size, begins, plan)
    return plan._replace(levels=plan.levels[:levels])


@functools.lru_cache(maxsize=64)
def _block(count: int, width: int) -> Block:
    """Return the Block of a ProgramLayout's arrays without the levels."""
    slices = -(-count // width)
    narrow, wide = np.dtype(np.int32), np.dtype(np.int64)
    return pack(
        {
            "order": ((count,), narrow),
            "start": ((slices + 1,), wide),
            "nodes": ((slices,), narrow),
            "links": ((slices,), narrow),
        }
    )


@kernel(allocates=False)
def _plan(node_offset, connection_offset, num_outputs, width, by_size, begins, plan):
    """Fill a ProgramLayout, and return the number of its levels. `begins`: scratch, int32 (levels * bins + 1,)."""
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
    """Return the number of a genome's genes of one kind; the unsigned index lets LLVM vectorise loops."""
    return offset[np.uintp(genome + 1)] - offset[np.uintp(genome)]


@inner_function
def _fewest_and_most(node_offset):
    """Return the numbers of nodes of the smallest and of the largest genome."""
    least = most = _genes(node_offset, 0)
    for genome in range(1, len(node_offset) - 1):
        nodes = _genes(node_offset, genome)
        least, most = min(least, nodes), max(most, nodes)
    return least, most


@inner_function
def _needed(node_offset, connection_offset, num_outputs):
    """Return the number of words of all programs, without the room that slices waste."""
    each = (len(node_offset) - 1) * (_HEADER + num_outputs)
    nodes, links = node_offset[-1] - node_offset[0], connection_offset[-1] - connection_offset[0]
    return each + WORDS_OF_NODE * nodes + WORDS_OF_LINK * links


@inner_function
def _keep_order(node_offset, connection_offset, width, plan):
    """Fill `order`, `nodes` and `links` with networks in their given order."""
    for place in range(len(plan.order)):
        plan.order[place] = place
    for part in range(len(plan.nodes)):
        nodes = links = 0
        first, last = part * width, min((part + 1) * width, len(plan.order))
        for genome in range(first, last):  # two loops, because LLVM vectorises each of them
            nodes = max(nodes, _genes(node_offset, genome))
        for genome in range(first, last):
            links = max(links, _genes(connection_offset, genome))
        plan.nodes[part], plan.links[part] = nodes, links


@inner_function
def _order_by_size(node_offset, connection_offset, width, begins, plan):
    """Fill `order`, `nodes` and `links` by a counting sort. `begins`: scratch, one element more than keys."""
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
    """Fill `start` and `levels`, and return the number of levels."""
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
    """Return the source of arguments for Programs: arrays of `size` words, one after another from word `first` on."""
    memory = {"f": "numbers", "i": "integers", "u": "integers"}
    return ", ".join(
        f"{name}=strided({memory[dtype.kind]}, {first} + {k} * {size} * step, ({size},), (width,))"
        for k, (name, dtype) in enumerate(fields.items())
    )


# Return the program at a place, as Programs of one network.
#
# Args:
#     place: The position in `plan.order`.
#     width: The number of networks in a slice.
#     plan: A ProgramLayout.
#     integers: int32 (words,).
#     numbers: The same memory as float32.
#     num_outputs: The number of outputs of each network.
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
    """Return the number of words of the Scratch that `scratch_at` returns."""
    return 5 * slots + links


@inner_function
def scratch_at(room, first, stride, slots, links):
    """Return a Scratch whose words lie `stride` apart in `room`, int32, from word `first` on."""
    return Scratch(
        first=strided(room, first, (slots,), (stride,)),
        following=strided(room, first + 5 * slots * stride, (links,), (stride,)),
        cursor=strided(room, first + slots * stride, (slots,), (stride,)),
        slot=strided(room, first + 2 * slots * stride, (slots,), (stride,)),
        order=strided(room, first + 3 * slots * stride, (slots,), (stride,)),
        stack=strided(room, first + 4 * slots * stride, (slots,), (stride,)),
    )
