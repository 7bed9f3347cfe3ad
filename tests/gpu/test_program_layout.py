"""Comparison of the layout of programs in a GPU's memory with plain Python."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import literal_unroll, njit

from evaluators.gpu.program_layout import lay_out, program_at
from neat.genome.buffers import Block


def level(nodes):
    return 0 if nodes <= 32 else 1 + level(-(-nodes // 2))


def words(rooms, num_outputs, width):
    """Return the number of words of each slice, from the (nodes, links) for which its networks have room."""
    return [width * (2 + num_outputs + 5 * nodes + 2 * links) for nodes, links in rooms]


sizes_of_one_level = st.tuples(st.integers(1, 32), st.integers(0, 100))
sizes_of_any = st.tuples(st.integers(1, 300), st.integers(0, 2000))


@settings(deadline=None)
@given(
    st.one_of(st.lists(each, min_size=1, max_size=150) for each in (sizes_of_one_level, sizes_of_any)),
    st.integers(1, 9),
    st.sampled_from([1, 2, 4, 8, 16, 32]),
    st.booleans(),
)
def test_slices_hold_networks_by_size_or_in_their_given_order(sizes, num_outputs, width, by_size):
    def rooms_of(order):
        slices = [[sizes[k] for k in order[begin : begin + width]] for begin in range(0, len(order), width)]
        return [tuple(map(max, zip(*each, strict=True))) for each in slices]

    offsets = [np.cumsum([0, *column]) for column in zip(*sizes, strict=True)]
    got = lay_out(*offsets, num_outputs, width, by_size, Block.empty)
    expected = list(range(len(sizes)))
    wasted = sum(words(rooms_of(expected), num_outputs, width)) > 2 * sum(words(sizes, num_outputs, 1))
    if by_size or wasted or len({level(nodes) for nodes, _ in sizes}) > 1:
        expected.sort(key=lambda k: (level(sizes[k][0]), min(sizes[k][1], 1023)))
    assert got.order.tolist() == expected
    rooms = rooms_of(expected)
    assert list(zip(got.nodes, got.links, strict=True)) == rooms
    assert got.start.tolist() == [0, *itertools.accumulate(words(rooms, num_outputs, width))]
    levels = []
    for _, group in itertools.groupby(range(len(rooms)), key=lambda part: level(rooms[part][0])):
        parts = list(group)
        levels.append([parts[0], parts[-1] + 1, *(max(rooms[part][k] for part in parts) for k in (0, 1))])
    assert got.levels.tolist() == levels


@njit
def mark(places, width, plan, marks, num_outputs):
    """Increment the element of `marks` for each word of these programs, once for each array that contains the word."""
    for place in range(places):
        program = program_at(place, width, plan, marks, marks, num_outputs)
        for array in literal_unroll((program.node_start, program.node_count, program.output_slot[0])):
            array += 1
        for array in literal_unroll(program[3:10]):
            array += 1


def test_every_word_belongs_to_one_array_of_one_program():
    width = 2
    plan = lay_out(np.array([0, 3, 8, 12]), np.array([0, 4, 11, 12]), 3, width, True, Block.empty)
    marks = np.zeros(plan.start[-1], np.int32)
    mark(3, width, plan, marks, 3)
    rooms = 2 + 3 + 5 * plan.nodes + 2 * plan.links  # of one program of each slice
    assert marks.max() == 1
    assert marks.sum() == 2 * rooms[0] + rooms[1]
