"""One network over all samples, tile by tile: activated, or scored against targets.

Functions for any backend's loop over networks, built around a `forward` (see `forward.forward_function`). The
scratch is `values`, float32 of shape (buffers, slots, samples of a tile): one buffer for feed-forward networks, two for
recurrent ones, of which a step reads one and writes the other.

A sum as an index is made unsigned: for a signed one, numba asks at every element whether it counts from the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.program.loss import tile_loss
from neat.kernels.jit import inner_function


@inner_function
def load_inputs(inputs, time, given, begin, width, input_count, values):
    """Copy a tile of `inputs`, float32 (times, networks, inputs, samples), into the first rows of `values`.

    The rows from there to `input_count` are the bias input's, if there is one.
    """
    for row in range(inputs.shape[2]):
        for sample in range(width):
            values[row, sample] = inputs[time, given, row, np.uintp(begin + sample)]
    set_bias_input(values, inputs.shape[2], input_count, width)


@inner_function
def read_and_write(values, time):
    """The buffers of `values` that the step at a time reads and writes."""
    last = len(values) - 1
    return values[np.uintp(time & last)], values[np.uintp((time + 1) & last)]


@inner_function
def set_bias_input(values, begin, end, width):
    """Rows `begin` to `end` of `values`: one row or none."""
    for row in range(begin, end):
        for sample in range(width):
            values[row, sample] = np.float32(1.0)


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
def clear_nodes(values, input_count, node_count, width):
    """Set the nodes' rows of `values` to 0."""
    for row in range(input_count, input_count + node_count):
        for sample in range(width):
            values[row, sample] = np.float32(0.0)


def activation_pass(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A jitted `activate_network(programs, network, place, inputs, input_count, start, state, outputs, …)`.

    It activates one network at every time. `inputs`: float32 (times, 1 or n, inputs, samples), of n networks, among
    which this one has the place `place`. `input_count`: the same, or one more for the bias input. `state`: float32, the
    network's values as (nodes, samples) from `start` on, read and written if it is recurrent. `outputs`: float32 (n,
    times, samples, outputs), the result.
    """

    @inner_function
    def activate_network(
        programs, network, place, inputs, input_count, start, state, outputs, values, gathered, tile
    ):
        given = place if inputs.shape[1] > 1 else 0
        times, samples = inputs.shape[0], inputs.shape[3]
        node_count = programs.node_count[network]
        recurrent = len(values) > 1
        for begin in range(0, samples, tile):
            width = min(tile, samples - begin)
            if recurrent:
                _load_state(state, start, samples, begin, width, input_count, node_count, values[0])
            for time in range(times):
                read, write = read_and_write(values, time)
                load_inputs(inputs, time, given, begin, width, input_count, read)
                forward(programs, network, input_count, read, write, width, gathered)
                _store_outputs(programs, network, place, write, outputs, time, begin, width)
            if recurrent:
                last, _ = read_and_write(values, times)
                _save_state(state, start, samples, begin, width, input_count, node_count, last)

    return activate_network


def score_pass(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A jitted `score_network(programs, network, inputs, input_count, targets, loss, steps, fresh, …)`.

    It gives the sum of a loss over all samples, float64. `inputs`: float32 (1, 1, inputs, samples). `input_count`: the
    same, or one more for the bias input. `targets`: float32 (outputs, samples). `loss`: position in `loss.LOSSES`. A
    recurrent network starts at 0 and makes `steps` steps with the same inputs; for others `steps` is 1. `fresh`:
    whether the scratch may hold other inputs.
    """

    @inner_function
    def score_network(
        programs, network, inputs, input_count, targets, loss, steps, fresh, values, gathered, tile
    ):
        samples = inputs.shape[3]
        node_count = programs.node_count[network]
        total = 0.0
        for begin in range(0, samples, tile):
            width = min(tile, samples - begin)
            if fresh or samples > tile:
                for buffer in range(len(values)):
                    load_inputs(inputs, 0, 0, begin, width, input_count, values[buffer])
            if len(values) > 1:
                clear_nodes(values[0], input_count, node_count, width)
            for step in range(steps):
                read, write = read_and_write(values, step)
                forward(programs, network, input_count, read, write, width, gathered)
            last, _ = read_and_write(values, steps)
            total += tile_loss(loss, last, programs.output_slot, network, targets, begin, width)
        return total

    return score_network
