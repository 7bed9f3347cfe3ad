"""The GPU's kernels: one thread for some samples of a network, or for one of its episodes.

What happens to a network is said elsewhere, in the functions that the CPU's loops call too. A block is one warp: its
threads work on the networks of one slice (see `evaluators.gpu.program_layout`), each with scratch whose words lie 32
apart, so that threads side by side meet in no bank of the shared memory whatever they read.

Scratch is in shared memory; of networks that are too large for that, in device memory (`spare`), which is another build
of a kernel (see `evaluators.gpu.specialisations`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import cuda, types

from evaluators.episodes.episode import Lanes, Scenario, combined
from evaluators.gpu.launcher import WARP
from evaluators.gpu.program_layout import program_at, scratch_at
from evaluators.program.intrinsics import strided
from evaluators.program.loss import Objective
from evaluators.program.passes import Batch, TileScratch
from evaluators.program.program import move_link, move_node, write_program
from neat.genome.gene_arrays import OFFSETS
from neat.genome.schema import EVALUATED
from neat.kernels.jit import inner_function

SAMPLES = 4  # of a thread side by side, in registers

# Names that builds of the kernels are bound to (see `neat.kernels.jit.variant`).
IN_SHARED = True  # whether scratch is in shared memory
STATES = OBSERVATIONS = DIMENSIONS = 1  # numbers of a state, of an observation and of an action
PRECISION: Any = types.float32  # of states and observations
activate_network: Any = None  # see `passes._activate_network`
score_network: Any = None  # see `passes._score_network`
play_episodes: Any = None  # see `episode._play_episodes`


# What a network is made of: these of neat.genome.GenomeArrays.
_GENES = [(name, Any) for name in (*OFFSETS, *(row.field for row in EVALUATED))]
Genes: Any = NamedTuple("Genes", _GENES)  # type: ignore[misc]


class Interleaved(NamedTuple):
    """The programs of P networks in the device's memory."""

    order: Any  # as in Layout
    start: Any
    nodes: Any
    links: Any
    integers: Any  # int32 (words,)
    numbers: Any  # the same memory as float32
    width: Any  # uint32, of the slices
    count: Any  # networks
    input_count: Any
    num_outputs: Any


class Part(NamedTuple):
    """What a launch does, and its scratch."""

    begin: Any  # task
    end: Any
    buffers: Any  # of values: 2 for recurrent networks
    slots: Any  # inputs and nodes of the largest network
    links: Any  # of the largest, where an aggregation needs them side by side
    apart: Any  # words from a block's scratch to the next one's; 0 in shared memory
    spare: Any  # float32, or int32 for `compile_programs`: scratch of all blocks, unless in shared memory


@inner_function
def _program(place, networks):
    return program_at(
        place, networks.width, networks, networks.integers, networks.numbers, networks.num_outputs
    )


def compile_programs(genes, networks, part):
    """Order networks `begin` to `end`, by place, and write their programs: a thread for each."""
    lane = cuda.threadIdx.x
    room = cuda.shared.array(0, types.int32) if IN_SHARED else part.spare
    first = cuda.blockIdx.x * part.apart + lane
    for place in range(part.begin + cuda.blockIdx.x * WARP + lane, part.end, np.int64(cuda.gridDim.x) * WARP):
        program = _program(place, networks)
        program.node_start[0] = 0
        scratch = scratch_at(room, first, WARP, part.slots, part.links)
        write_program(
            genes, networks.order[place], networks.input_count, networks.num_outputs, program, 0, scratch
        )


def copy_programs(programs, networks):
    """Copy programs that lie one after the other to where an Interleaved has them: a thread for each."""
    first = cuda.blockIdx.x * WARP + cuda.threadIdx.x
    for place in range(first, networks.count, np.int64(cuda.gridDim.x) * WARP):
        network = networks.order[place]
        program = _program(place, networks)
        first_node, first_link = programs.node_start[network], programs.link_start[network]
        program.node_start[0] = 0
        program.node_count[0] = programs.node_count[network]
        links = np.int64(0)
        for k in range(programs.node_count[network]):
            links = programs.link_end[first_node + k] - first_link
            move_node(programs, first_node + k, program, k)
            program.link_end[k] = links
        for k in range(links):
            program.link_source[k] = programs.link_source[first_link + k]
            move_link(programs, first_link + k, program, k)
        for output in range(networks.num_outputs):
            program.output_slot[0, output] = programs.output_slot[network, output]


def activate(chosen, ranks, position, networks, batch, state_start, state, part):
    """Activate networks (see `passes._activate_network`). A task is one of `ranks`, of which a block takes `width`.

    Args:
        chosen: int64 (n,), networks.
        ranks: int32 (n,), positions in `chosen`, in the order of the work.
        position: int32 (P,), where each network is in `networks.order`.
        networks: An Interleaved.
        batch: A Batch.
        state_start: int64 (P+1,), where each network's state begins.
        state: float32, in it a network's state: after each other, its threads' values as (nodes, samples).
        part: A Part.
    """
    lane = cuda.threadIdx.x
    room = cuda.shared.array(0, types.float32) if IN_SHARED else part.spare
    first = cuda.blockIdx.x * part.apart + lane
    values, gathered = _scratch(room, first, part, SAMPLES)
    scratch = TileScratch(values, gathered, SAMPLES)
    width = np.int64(networks.width)
    turn, turns = lane // width, WARP // width
    samples = batch.inputs.shape[3]
    for task in range(part.begin + cuda.blockIdx.x * width, part.end, cuda.gridDim.x * width):
        if task + lane % width < part.end:
            rank = ranks[task + lane % width]
            network = chosen[rank]
            before = turn * (samples // turns) + min(turn, samples % turns)  # samples of the threads before
            start = state_start[network]
            if part.buffers > 1:
                start += (state_start[network + 1] - start) // samples * before
            own = Batch(batch.inputs[:, :, :, turn::turns], batch.outputs[:, :, turn::turns])
            program = _program(position[network], networks)
            activate_network(program, 0, networks.input_count, own, rank, state, start, scratch)


def score(networks, inputs, targets, loss, steps, piece, totals, part):
    """Score networks (see `passes._score_network`). A task is a slice and a piece of the samples.

    Args:
        networks: An Interleaved.
        inputs: float32 (1, 1, inputs, samples).
        targets: float32 (outputs, samples).
        loss: Position in `loss.LOSSES`.
        steps: Steps of recurrent networks.
        piece: Samples in each piece but the last.
        totals: float64 (pieces, P), the sum of the loss over a piece.
        part: A Part.
    """
    lane = cuda.threadIdx.x
    sums = cuda.shared.array(WARP, types.float64)
    room = cuda.shared.array(0, types.float32) if IN_SHARED else part.spare
    first = cuda.blockIdx.x * part.apart + lane
    values, gathered = _scratch(room, first, part, SAMPLES)
    scratch = TileScratch(values, gathered, SAMPLES)
    width = np.int64(networks.width)
    turn, turns = lane // width, WARP // width
    pieces, samples = totals.shape[0], inputs.shape[3]
    for task in range(part.begin + cuda.blockIdx.x, part.end, cuda.gridDim.x):
        place, number = task // pieces * width + lane % width, task % pieces
        begin, end = number * piece + turn, min((number + 1) * piece, samples)
        sums[lane] = 0.0
        if place < networks.count and begin < end:
            own = Objective(inputs[:, :, :, begin:end:turns], targets[:, begin:end:turns], loss, steps)
            program = _program(place, networks)
            sums[lane] = score_network(program, 0, networks.input_count, own, True, scratch)
        cuda.syncthreads()
        if place < networks.count and turn == 0:
            total = 0.0
            for other in range(lane, WARP, width):
                total += sums[other]
            totals[number, networks.order[place]] = total
        cuda.syncthreads()


def add_pieces(totals, divisor, fitness):
    """Fitness from what `score` gave: a thread for each genome.

    Args:
        totals: float64 (pieces, P), added one after the other.
        divisor: float64, of the sum.
        fitness: float64 (P,), the result.
    """
    first = cuda.blockIdx.x * WARP + cuda.threadIdx.x
    for genome in range(first, len(fitness), np.int64(cuda.gridDim.x) * WARP):
        total = totals[0, genome]
        for piece in range(1, len(totals)):
            total += totals[piece, genome]
        fitness[genome] = total / divisor


def play(networks, constants, play, senses, reach, record, part):
    """Play episodes (see `episode._play_episodes`), each by a thread. A task is one episode of a slice's networks."""
    lane = cuda.threadIdx.x
    room = cuda.shared.array(0, types.float32) if IN_SHARED else part.spare
    first = cuda.blockIdx.x * part.apart + lane
    values, gathered = _scratch(room, first, part, 1)
    lanes = Lanes(
        state=cuda.local.array((STATES, 1), PRECISION),
        observation=cuda.local.array((OBSERVATIONS, 1), PRECISION),
        choice=cuda.local.array(1, types.int64),
        action=cuda.local.array((DIMENSIONS, 1), types.float32),
        reward=cuda.local.array(1, types.float64),
        total=cuda.local.array(1, types.float64),
        ended=cuda.local.array(1, types.boolean),
        alive=cuda.local.array(1, types.boolean),
        doubt=cuda.local.array(1, types.float32),
        stream=cuda.local.array(1, types.uint64),
        values=values,
        gathered=gathered,
    )
    scenario = Scenario(constants, play, senses, reach)
    episodes = record.reward.shape[1]
    for task in range(part.begin + cuda.blockIdx.x, part.end, cuda.gridDim.x):
        place = task // episodes * WARP + lane
        if place < networks.count:
            program, network = _program(place, networks), networks.order[place]
            first_episode = task % episodes
            play_episodes(program, 0, network, first_episode, networks.input_count, scenario, record, lanes)


def combine_episodes(reward, length, sound, least, factor, fitness, steps):
    """Fitness and steps from what `play` kept (see `episode.combined`): a thread for each genome.

    Args:
        reward: float64 (P, episodes).
        length: int64 (P, episodes), -1 where a function raised an error.
        sound: bool (P, episodes).
        least: See `combined`.
        factor: As well.
        fitness: float64 (P,), a result.
        steps: int64 (P,), another; -1 where a function raised an error or something was not finite.
    """
    first = cuda.blockIdx.x * WARP + cuda.threadIdx.x
    for genome in range(first, len(fitness), np.int64(cuda.gridDim.x) * WARP):
        fitness[genome], steps[genome] = combined(reward[genome], length[genome], least, factor)
        for episode in range(length.shape[1]):
            if length[genome, episode] < 0 or not sound[genome, episode]:
                steps[genome] = -1


@inner_function
def _scratch(room, first, part, samples):
    """A thread's values (see `evaluators.program.passes`), and room for the links of a node."""
    size = part.slots * samples * WARP
    values = strided(room, first, (part.buffers, part.slots, samples), (size, samples * WARP, WARP))
    return values, strided(room, first + part.buffers * size, (part.links,), (WARP,))
