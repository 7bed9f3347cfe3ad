"""Passes over all samples of one network, tile by tile: activation, or scoring against targets.

The kernels of every device call them. They are built around a `forward` (see `forward.forward_function`).

Sums that are indices are made unsigned, because numba checks for every signed index whether it counts from the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from evaluators.program.loss import Outputs, tile_loss
from neat.kernels.jit import Inline, bind_globals, inner_function

# The name that copies of the templates below are bound to (see `neat.kernels.jit.bind_globals`).
forward: Any = None  # see `forward.forward_function`


class Batch(NamedTuple):
    """Inputs and outputs of the activation of n networks."""

    inputs: np.ndarray  # float32 (times, 1 or n, inputs, samples)
    outputs: np.ndarray  # float32 (n, times, samples, outputs)


class TileScratch(NamedTuple):
    """A thread's scratch for a tile of samples."""

    # Feed-forward networks have one buffer. Recurrent ones have two: each step reads one and writes the other.
    values: np.ndarray  # float32 (buffers, slots, samples of a tile)
    gathered: np.ndarray  # float32 (links,), for the links of a node
    samples: Any  # int64, the most samples of a tile


@inner_function
def load_inputs(inputs, time, given, begin, width, input_count, values):
    """Copy a tile of `inputs`, float32 (times, networks, inputs, samples), into the first rows of `values`.

    The next row, up to `input_count`, is that of the bias input, if there is one.
    """
    for row in range(inputs.shape[2]):
        for sample in range(width):
            values[row, sample] = inputs[time, given, row, np.uintp(begin + sample)]
    set_bias_input(values, inputs.shape[2], input_count, width)


@inner_function
def read_and_write(values, time):
    """Return the buffers of `values` that the step at this time reads and writes."""
    last = len(values) - 1
    return values[np.uintp(time & last)], values[np.uintp((time + 1) & last)]


@inner_function
def set_bias_input(values, begin, end, width):
    """Set rows `begin` to `end` of `values`, one or none, to 1."""
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


def activation_pass(forward: Callable[..., Any], inline: Inline = "late") -> Callable[..., Any]:
    """Return a jitted `_activate_network` around a forward pass."""
    return inner_function(inline=inline)(bind_globals(_activate_network, forward=forward))


def _activate_network(programs, network, input_count, batch, place, states, start, scratch):
    """Activate one network at every time.

    Args:
        programs: A Programs.
        network: The index of the network in `programs`.
        input_count: The number of its inputs, with the bias input.
        batch: A Batch.
        place: The index of the network in the batch.
        states: float32; the state of a recurrent network, (nodes, samples), is read and updated.
        start: The position of that state in `states`.
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


def score_pass(forward: Callable[..., Any], inline: Inline = "late") -> Callable[..., Any]:
    """Return a jitted `_score_network` around a forward pass."""
    return inner_function(inline=inline)(bind_globals(_score_network, forward=forward))


def _score_network(programs, network, input_count, objective, fresh, scratch):
    """Return the sum of a loss over all samples, float64. A recurrent network starts with a state of 0.

    Args:
        programs: A Programs.
        network: The index of the network in `programs`.
        input_count: The number of its inputs, with the bias input.
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
