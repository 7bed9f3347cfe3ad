"""One network over all samples, tile by tile: activated, or scored against targets.

Functions for any backend's loop over networks, built around a `forward` (see `forward.forward_function`). The
scratch is two arrays of values, float32 of shape (slots, samples of a tile), which are the same array for
feed-forward networks: a step reads one and writes the other.

A sum as an index is made unsigned: for a signed one, numba asks at every element whether it counts from the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.loss import tile_loss
from neat.jit import inner_function


@inner_function
def _load_inputs(inputs, time, given, begin, width, values):
    """Copy a tile of `inputs`, float32 (times, networks, inputs, samples), into the first rows of `values`."""
    for row in range(inputs.shape[2]):
        for sample in range(width):
            values[row, sample] = inputs[time, given, row, np.uintp(begin + sample)]


@inner_function
def _load_state(state, start, samples, begin, width, input_count, node_count, values):
    for node in range(node_count):
        first = start + node * samples + begin
        for sample in range(width):
            values[input_count + node, sample] = state[np.uintp(first + sample)]


@inner_function
def _save_state(state, start, samples, begin, width, input_count, node_count, values):
    for node in range(node_count):
        first = start + node * samples + begin
        for sample in range(width):
            state[np.uintp(first + sample)] = values[input_count + node, sample]


@inner_function
def _store_outputs(programs, network, place, values, outputs, time, begin, width):
    for output in range(outputs.shape[3]):
        row = programs.output_slot[network, output]
        for sample in range(width):
            outputs[place, time, begin + sample, output] = values[row, sample]


@inner_function
def _clear_nodes(values, input_count, node_count, width):
    for row in range(input_count, input_count + node_count):
        for sample in range(width):
            values[row, sample] = np.float32(0.0)


def activation_pass(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A jitted `activate_network(programs, network, place, inputs, recurrent, start, state, outputs, scratch…)`.

    It activates one network at every time. `inputs`: float32 (times, 1 or n, inputs, samples), of n networks, among
    which this one has the place `place`. `state`: float32, the network's values as (nodes, samples) from `start`
    on, read and written if `recurrent`. `outputs`: float32 (n, times, samples, outputs), the result.
    """

    @inner_function
    def activate_network(
        programs, network, place, inputs, recurrent, start, state, outputs, even, odd, gathered, tile
    ):
        given = place if inputs.shape[1] > 1 else 0
        times, input_count, samples = inputs.shape[0], inputs.shape[2], inputs.shape[3]
        node_count = programs.node_count[network]
        for begin in range(0, samples, tile):
            width = min(tile, samples - begin)
            if recurrent:
                _load_state(state, start, samples, begin, width, input_count, node_count, even)
            for time in range(times):
                read, write = (even, odd) if time % 2 == 0 else (odd, even)
                _load_inputs(inputs, time, given, begin, width, read)
                forward(programs, network, input_count, read, write, width, gathered)
                _store_outputs(programs, network, place, write, outputs, time, begin, width)
            if recurrent:
                last = even if times % 2 == 0 else odd
                _save_state(state, start, samples, begin, width, input_count, node_count, last)

    return activate_network


def score_pass(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A jitted `score_network(programs, network, inputs, targets, loss, recurrent, steps, scratch…)`.

    It gives the sum of a loss over all samples, float64. `inputs`: float32 (1, 1, inputs, samples).
    `targets`: float32 (outputs, samples). `loss`: position in `loss.LOSSES`. A recurrent network starts at 0
    and makes `steps` steps with the same inputs; for others `steps` is 1. `fresh`: whether the scratch may hold other
    inputs.
    """

    @inner_function
    def score_network(
        programs, network, inputs, targets, loss, recurrent, steps, fresh, even, odd, gathered, tile
    ):
        input_count, samples = inputs.shape[2], inputs.shape[3]
        node_count = programs.node_count[network]
        total = 0.0
        for begin in range(0, samples, tile):
            width = min(tile, samples - begin)
            if fresh or samples > tile:
                _load_inputs(inputs, 0, 0, begin, width, even)
                if recurrent:
                    _load_inputs(inputs, 0, 0, begin, width, odd)
            if recurrent:
                _clear_nodes(even, input_count, node_count, width)
            for step in range(steps):
                read, write = (even, odd) if step % 2 == 0 else (odd, even)
                forward(programs, network, input_count, read, write, width, gathered)
            last = odd if steps % 2 == 1 else even
            total += tile_loss(loss, last, programs.output_slot, network, targets, begin, width)
        return total

    return score_network
