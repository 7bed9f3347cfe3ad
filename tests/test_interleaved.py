"""Where programs lie in a GPU's memory, beside plain Python."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import literal_unroll, njit

from evaluators.backend import HOST
from evaluators.interleaved import layout, program_at


def level(nodes):
    return 0 if nodes <= 32 else 1 + level(-(-nodes // 2))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 2000)), min_size=1, max_size=150),
    st.integers(1, 9),
    st.sampled_from([1, 2, 4, 8, 16, 32]),
)
def test_networks_of_like_sizes_share_a_slice(sizes, num_outputs, width):
    offsets = [np.cumsum([0, *column]) for column in zip(*sizes, strict=True)]
    got = layout(*offsets, num_outputs, width, HOST.empty_host)
    expected = sorted(range(len(sizes)), key=lambda k: (level(sizes[k][0]), min(sizes[k][1], 1023)))
    assert got.order.tolist() == expected
    slices = [[sizes[k] for k in expected[begin : begin + width]] for begin in range(0, len(sizes), width)]
    rooms = [tuple(map(max, zip(*each, strict=True))) for each in slices]
    assert list(zip(got.nodes, got.links, strict=True)) == rooms
    words = [width * (2 + num_outputs + 5 * nodes + 2 * links) for nodes, links in rooms]
    assert got.start.tolist() == [0, *itertools.accumulate(words)]
    levels = []
    for _, group in itertools.groupby(range(len(rooms)), key=lambda part: level(rooms[part][0])):
        parts = list(group)
        levels.append([parts[0], parts[-1] + 1, *(max(rooms[part][k] for part in parts) for k in (0, 1))])
    assert got.levels.tolist() == levels


@njit
def mark(places, width, plan, marks, num_outputs):
    """Count in `marks` every word of these programs, for each array that it is part of."""
    for place in range(places):
        program = program_at(place, width, plan, marks, marks, num_outputs)
        for array in literal_unroll((program.node_start, program.node_count, program.output_slot[0])):
            array += 1
        for array in literal_unroll(program[3:10]):
            array += 1


def test_every_word_is_of_one_array_of_one_program():
    width = 2
    plan = layout(np.array([0, 3, 8, 12]), np.array([0, 4, 11, 12]), 3, width, HOST.empty_host)
    marks = np.zeros(plan.start[-1], np.int32)
    mark(3, width, plan, marks, 3)
    rooms = 2 + 3 + 5 * plan.nodes + 2 * plan.links  # of one program of each slice
    assert marks.max() == 1
    assert marks.sum() == 2 * rooms[0] + rooms[1]
