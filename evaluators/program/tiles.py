"""One network over all samples, tile by tile: activated, or scored against targets.

Functions for any backend's loop over networks, built around a `forward` (see `forward.forward_function`).

A sum as an index is made unsigned: for a signed one, numba asks at every element whether it counts from the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from evaluators.program.loss import Outputs, tile_loss
from neat.kernels.jit import bound, inner_function

# The name that copies of the templates below are bound to (see `neat.kernels.jit.bound`).
forward: Any = None  # see `forward.forward_function`


class Batch(NamedTuple):
    """What n networks are activated with, and what they give."""

    inputs: np.ndarray  # float32 (times, 1 or n, inputs, samples)
    outputs: np.ndarray  # float32 (n, times, samples, outputs)


class TileScratch(NamedTuple):
    """A thread's scratch for a tile of samples."""

    # One buffer for feed-forward networks, two for recurrent ones, of which a step reads one and writes the other.
    values: np.ndarray  # float32 (buffers, slots, samples of a tile)
    gathered: np.ndarray  # float32 (links,), for the links of a node
    samples: Any  # int64, of a tile at most


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
    """A jitted `_activate_network` around a forward pass."""
    return inner_function(bound(_activate_network, forward=forward))


def _activate_network(programs, network, input_count, batch, place, states, start, scratch):
    """Activate one network at every time.

    Args:
        programs: Programs.
        network: Its number in them.
        input_count: Its inputs, the bias input among them.
        batch: A Batch.
        place: Its place among the networks of the batch.
        states: float32; a recurrent network's values are read from it and written to it, as (nodes, samples).
        start: Where they begin.
        scratch: A TileScratch.
    """
    inputs, outputs = batch
    values, gathered, tile = scratch
    given = place if inputs.shape[1] > 1 else 0
    times, samples = inputs.shape[0], inputs.shape[3]
    node_count = programs.node_count[network]
    recurrent = len(values) > 1
    for begin in range(0, samples, tile):
        width = min(tile, samples - begin)
        if recurrent:
            _load_state(states, start, samples, begin, width, input_count, node_count, values[0])
        for time in range(times):
            read, write = read_and_write(values, time)
            load_inputs(inputs, time, given, begin, width, input_count, read)
            forward(programs, network, input_count, read, write, width, gathered)
            _store_outputs(programs, network, place, write, outputs, time, begin, width)
        if recurrent:
            last, _ = read_and_write(values, times)
            _save_state(states, start, samples, begin, width, input_count, node_count, last)


def score_pass(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A jitted `_score_network` around a forward pass."""
    return inner_function(bound(_score_network, forward=forward))


def _score_network(programs, network, input_count, objective, fresh, scratch):
    """The sum of a loss over all samples, float64. A recurrent network starts at 0.

    Args:
        programs: Programs.
        network: A network's number in them.
        input_count: Its inputs, the bias input among them.
        objective: An Objective.
        fresh: Whether the scratch may hold other inputs.
        scratch: A TileScratch.
    """
    inputs, targets, loss, steps = objective
    values, gathered, tile = scratch
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
        total += tile_loss(loss, Outputs(last, programs.output_slot, network), targets, begin, width)
    return total
