"""Kernels over ranges of genomes, for the CPU's cores. `evaluators.program` has the functions for one network."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from evaluators.environments.functions import Functions, jitted_functions
from evaluators.episodes import actions
from evaluators.episodes.episode import EpisodeRecord, Lanes, Scenario, episode_pass
from evaluators.program.adam import Descent, descend
from evaluators.program.backward import (
    Gradient,
    GradientScratch,
    backward_function,
    clear_gradient,
    gradient_pass,
)
from evaluators.program.forward import forward_function
from evaluators.program.loss import Objective, output_count
from evaluators.program.passes import Batch, TileScratch, activation_pass, score_pass
from evaluators.program.program import (
    Programs,
    Shape,
    new_programs,
    new_scratch,
    single_program,
    write_origins,
    write_program,
)
from neat.activations import ACTIVATIONS, AGGREGATIONS, Activation, Aggregation, name_tables
from neat.genome.gene_arrays import GenomeArrays
from neat.kernels.jit import bind_globals, inner_function, kernel, specialise
from neat.kernels.work_pieces import claim, claimed

# Samples that go through a network side by side: enough that a row's loop costs more than its start, and few enough
# that the rows of a network of some dozens of nodes stay in the second-level cache.
TILE = 512
GRADIENT_TILE = 256  # smaller, since each node has two rows

# Names that builds of the templates below are bound to (see `neat.kernels.jit.specialise`).
loop: Any = None  # see `_build_range`
# `passes._activate_network`, `passes._score_network` or `backward._differentiate_network`.
run_network: Any = None
play_episodes: Any = None  # see `episode._play_episodes`


class States(NamedTuple):
    """The states of recurrent networks."""

    values: np.ndarray  # float32, the networks' states one after another, each (nodes, samples)
    start: np.ndarray  # int64 (networks + 1,), where each state begins


@inner_function(inline="never")
def _largest(genomes, node_offset, link_offset):
    """Return the most nodes and the most links that one of these genomes has."""
    nodes, links = np.int64(0), np.int64(0)
    for genome in genomes:
        nodes = max(nodes, node_offset[genome + 1] - node_offset[genome])
        links = max(links, link_offset[genome + 1] - link_offset[genome])
    return nodes, links


@inner_function(inline="never", allocates=True)
def _new_values(recurrent, slots, samples):
    """Return an array for the values of a tile (see `evaluators.program.passes`), whose rows begin on cache lines."""
    buffers, columns = 2 if recurrent else 1, (min(samples, TILE) + 15) // 16 * 16
    room = np.empty(buffers * slots * columns + 16, np.float32)
    begin = -(room.ctypes.data // 4) % 16
    return room[begin : begin + buffers * slots * columns].reshape((buffers, slots, columns))


@kernel
def compile_range(
    pieces: np.ndarray, arrays: GenomeArrays, input_count: int, num_outputs: int, programs: Programs
) -> None:
    """Write the programs of a GenomeArrays into `programs`."""
    nodes, links = _largest(range(len(arrays.node_offset) - 1), arrays.node_offset, arrays.connection_offset)
    scratch = new_scratch(input_count + nodes, links)
    begin, end = claim(pieces, 0)
    while begin < end:
        for genome in range(begin, end):
            write_program(arrays, genome, input_count, num_outputs, programs, genome, scratch)
        begin, end = claim(pieces, end - begin)


@kernel
def origins_range(
    pieces: np.ndarray,
    arrays: GenomeArrays,
    input_count: int,
    num_outputs: int,
    programs: Programs,
    node_origin: np.ndarray,
    link_origin: np.ndarray,
) -> None:
    """Write programs like `compile_range`, and the genes that they come from (see `program.write_origins`)."""
    nodes, links = _largest(range(len(arrays.node_offset) - 1), arrays.node_offset, arrays.connection_offset)
    scratch = new_scratch(input_count + nodes, links)
    for genome in claimed(pieces):
        write_program(arrays, genome, input_count, num_outputs, programs, genome, scratch)
        write_origins(arrays, genome, input_count, programs, genome, scratch, node_origin, link_origin)


def _activate_range(
    pieces: np.ndarray, networks: np.ndarray, programs: Programs, shape: Shape, batch: Batch, states: States
) -> None:
    """Activate `networks`, indices of shape (n,) (see `passes._activate_network`)."""
    nodes, links = _largest(networks, programs.node_start, programs.link_start)
    gathered = np.empty(links, np.float32)
    values = _new_values(shape.recurrent, shape.input_count + nodes, batch.inputs.shape[3])
    loop(pieces, networks, programs, shape.input_count, batch, states, TileScratch(values, gathered, TILE))


def _activate_claimed(pieces, networks, programs, input_count, batch, states, scratch):
    for place in claimed(pieces):
        network = networks[place]
        start = states.start[network]
        run_network(programs, network, input_count, batch, place, states.values, start, scratch)


def _score_range(
    pieces: np.ndarray, arrays: GenomeArrays, shape: Shape, objective: Objective, totals: np.ndarray
) -> None:
    """Compile the genomes of a GenomeArrays, and write their losses to `totals` (see `passes._score_network`)."""
    input_count, num_outputs = shape.input_count, output_count(objective)
    nodes, links = _largest(range(len(totals)), arrays.node_offset, arrays.connection_offset)
    scratch = new_scratch(input_count + nodes, links)
    programs = new_programs(nodes, links, num_outputs)
    gathered = np.empty(links, np.float32)
    values = _new_values(shape.recurrent, input_count + nodes, objective.inputs.shape[3])
    loop(
        pieces, arrays, input_count, objective, programs, scratch, TileScratch(values, gathered, TILE), totals
    )


def _score_claimed(pieces, arrays, input_count, objective, programs, scratch, tile, totals):
    num_outputs, fresh = output_count(objective), True
    begin, end = claim(pieces, 0)
    while begin < end:
        for genome in range(begin, end):
            write_program(arrays, genome, input_count, num_outputs, programs, 0, scratch)
            totals[genome] = run_network(programs, 0, input_count, objective, fresh, tile)
            fresh = False
        begin, end = claim(pieces, end - begin)


def _score_programs_range(
    pieces: np.ndarray, programs: Programs, shape: Shape, objective: Objective, totals: np.ndarray
) -> None:
    """Write the losses of programs to `totals` (see `passes._score_network`)."""
    nodes, links = _largest(range(len(totals)), programs.node_start, programs.link_start)
    gathered = np.empty(links, np.float32)
    values = _new_values(shape.recurrent, shape.input_count + nodes, objective.inputs.shape[3])
    loop(pieces, programs, shape.input_count, objective, TileScratch(values, gathered, TILE), totals)


def _score_claimed_programs(pieces, programs, input_count, objective, tile, totals):
    fresh = True
    begin, end = claim(pieces, 0)
    while begin < end:
        for network in range(begin, end):
            totals[network] = run_network(programs, network, input_count, objective, fresh, tile)
            fresh = False
        begin, end = claim(pieces, end - begin)


def _gradient_range(
    pieces: np.ndarray,
    programs: Programs,
    shape: Shape,
    objective: Objective,
    scale: np.float32,
    descent: Descent,
    gradient: Gradient,
    totals: np.ndarray,
) -> None:
    """Write the gradients and the losses of networks (see `backward._differentiate_network`).

    Args:
        pieces: The networks to claim.
        programs: Programs (see `program.single_program`). The steps of `descent` change their numbers.
        shape: A Shape.
        objective: An Objective.
        scale: float32, the factor of the loss.
        descent: A Descent.
        gradient: A Gradient of all programs, written: the gradient after the last step.
        totals: float64 (networks, 2), the sums of the loss before the first step and after the last, written.
    """
    nodes, links = _largest(range(len(totals)), programs.node_start, programs.link_start)
    slots, columns = shape.input_count + nodes, min(objective.inputs.shape[3], GRADIENT_TILE)
    values = np.empty((objective.steps + 1 if shape.recurrent else 1, slots, columns), np.float32)
    adjoints = np.zeros((2 if shape.recurrent else 1, slots, columns), np.float32)
    aggregate, gathered = np.empty((1, columns), np.float32), np.empty(links, np.float32)
    scratch = GradientScratch(values, adjoints, aggregate, gathered, GRADIENT_TILE)
    criterion = Criterion(objective, scale, descent, np.zeros(1, np.int64))
    moments = np.empty((3, 2, max(nodes, links) if len(descent.rate) else 0), np.float32)
    loop(pieces, programs, shape.input_count, criterion, moments, gradient, scratch, totals)


class Criterion(NamedTuple):
    """What `_differentiate_claimed` does with each network: the loss that it differentiates, and the steps of Adam."""

    objective: Objective
    scale: Any  # float32, the factor of the loss
    descent: Descent
    zero: np.ndarray  # int64 (1,), see `program.single_program`


@inner_function
def _numbers_of(network, programs, numbers):
    """Return the part of a Gradient, or of the numbers themselves, that belongs to one network."""
    first_node, last_node = programs.node_start[network], programs.node_start[network + 1]
    return Gradient(
        numbers.link_weight[programs.link_start[network] : programs.link_start[network + 1]],
        numbers.node_bias[first_node:last_node],
        numbers.node_response[first_node:last_node],
    )


def _differentiate_claimed(pieces, programs, input_count, criterion, moments, gradient, scratch, totals):
    objective, scale, descent, zero = criterion
    for network in claimed(pieces):
        slopes, numbers = _numbers_of(network, programs, gradient), _numbers_of(network, programs, programs)
        program = single_program(programs, network, zero)
        for kind, moment, k in np.ndindex(moments.shape):
            moments[kind, moment, k] = np.float32(0.0)
        for step in range(len(descent.rate) + 1):
            if step > 0:
                descend(descent, step - 1, 0, numbers.link_weight, slopes.link_weight, moments)
                descend(descent, step - 1, 1, numbers.node_bias, slopes.node_bias, moments)
                descend(descent, step - 1, 2, numbers.node_response, slopes.node_response, moments)
            clear_gradient(slopes)
            total = run_network(program, 0, input_count, objective, scale, scratch, slopes)
            totals[network, 1] = total
            if step == 0:
                totals[network, 0] = total


def activate_range() -> Any:
    """Return the kernel of `_activate_range` for the functions registered now."""
    return _build_range(
        _activate_range, _activate_claimed, activation_pass, len(ACTIVATIONS), len(AGGREGATIONS)
    )


def score_range() -> Any:
    """Return the kernel of `_score_range` for the functions registered now."""
    return _build_range(_score_range, _score_claimed, score_pass, len(ACTIVATIONS), len(AGGREGATIONS))


def score_programs_range() -> Any:
    """Return the kernel of `_score_programs_range` for the functions registered now."""
    return _build_range(
        _score_programs_range, _score_claimed_programs, score_pass, len(ACTIVATIONS), len(AGGREGATIONS)
    )


def gradient_range() -> Any:
    """Return the kernel of `_gradient_range` for the functions registered now."""
    return _build_range(
        _gradient_range, _differentiate_claimed, gradient_pass, len(ACTIVATIONS), len(AGGREGATIONS)
    )


@functools.cache
def _build_range(template: Any, loop: Any, build_pass: Any, activations: int, aggregations: int) -> Any:
    """Specialise a template with a pass over the first activations and aggregations of the tables.

    The template allocates scratch and calls `loop`, which does not allocate. The pass can then be inlined early into
    `loop`; inlined late, it would be compiled twice.
    """
    passes = [forward_for(activations, aggregations)]
    if build_pass is gradient_pass:
        passes.append(backward_function(*_tables(activations, aggregations)))
    run_network = build_pass(*passes, inline="early")
    bind = {"loop": inner_function(inline="never")(bind_globals(loop, run_network=run_network))}
    return specialise(template, name_tables(activations, aggregations), bind)


@functools.cache
def forward_for(activations: int, aggregations: int) -> Any:
    """Return the forward pass that all kernels share, so that a process compiles it once."""
    return forward_function(*_tables(activations, aggregations))


def _tables(activations: int, aggregations: int) -> tuple[list[Activation], list[Aggregation]]:
    """Return the first entries of both tables, with array indices checked in user-defined functions."""
    return [_with_checks(entry) for entry in ACTIVATIONS[:activations]], [
        _with_checks(entry) for entry in AGGREGATIONS[:aggregations]
    ]


def _with_checks(entry: Any) -> Any:
    return entry if entry.checked is None else entry._replace(function=entry.checked)


def _play_range(
    pieces: np.ndarray,
    programs: Programs,
    input_count: int,
    scenario: Scenario,
    record: EpisodeRecord,
    lanes: Lanes,
) -> None:
    """Run all episodes of the networks (see `episode._play_episodes`)."""
    for network in claimed(pieces):
        for first in range(0, record.reward.shape[1], len(lanes.total)):
            play_episodes(programs, network, network, first, input_count, scenario, record, lanes)


def play_range(functions: Functions, decision: str) -> Any:
    """Return the kernel of `_play_range` for an environment's functions and one of `evaluators.episodes.actions`."""
    return _build_play_range(functions, decision, len(ACTIVATIONS), len(AGGREGATIONS))


@functools.cache
def _build_play_range(functions: Functions, decision: str, activations: int, aggregations: int) -> Any:
    play_episodes = episode_pass(
        forward_for(activations, aggregations),
        functions,
        jitted_functions(functions),
        getattr(actions, decision),
        decision != "scaled",
    )
    name = f"{functions.name}-{decision}-{name_tables(activations, aggregations)}"
    return specialise(_play_range, name, {"play_episodes": play_episodes}, allocates=False)
