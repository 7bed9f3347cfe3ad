"""The GPU's kernels, in which a thread handles some samples of a network or one of its episodes.

`evaluators.program` and `evaluators.episodes` have the functions for one network, which the CPU uses too. A block is
one warp, and its threads work on the networks of one slice (see `evaluators.gpu.program_layout`). The words of a
thread's scratch lie 32 apart, so that the threads of a warp never access the same bank of shared memory.

Scratch is in shared memory. If networks are too large for that, it is in device memory (`spare`), which is another
build of the kernel (see `evaluators.gpu.specialisations`).
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

SAMPLES = 4  # samples that a thread computes at once, in registers

# Names that builds of the kernels are bound to (see `neat.kernels.jit.specialise_uncompiled`).
IN_SHARED = True  # whether scratch is in shared memory
STATES = OBSERVATIONS = DIMENSIONS = 1  # the sizes of a state, of an observation and of an action
PRECISION: Any = types.float32  # the type of states and observations
activate_network: Any = None  # see `passes._activate_network`
score_network: Any = None  # see `passes._score_network`
play_episodes: Any = None  # see `episode._play_episodes`


# The arrays of neat.genome.GenomeArrays from which programs are written.
_GENES = [(name, Any) for name in (*OFFSETS, *(row.field for row in EVALUATED))]
Genes: Any = NamedTuple("Genes", _GENES)  # type: ignore[misc]


class InterleavedPrograms(NamedTuple):
    """The programs of P networks in the device's memory."""

    order: Any  # this and the next three as in ProgramLayout
    start: Any
    nodes: Any
    links: Any
    integers: Any  # int32 (words,), the programs
    numbers: Any  # the same memory as float32
    width: Any  # uint32, the number of networks in a slice
    count: Any  # the number of networks
    input_count: Any  # the number of inputs of each network, with the bias input
    num_outputs: Any  # the number of outputs of each network


class Part(NamedTuple):
    """The tasks of a launch, and its scratch."""

    begin: Any  # the first task
    end: Any  # the last task + 1
    buffers: Any  # of values: 1 for feed-forward networks, 2 for recurrent ones
    slots: Any  # the most slots (inputs and nodes) of a network
    links: Any  # the most links of a network; 0 if scratch needs no room for them
    apart: Any  # words from a block's scratch to the next one's; 0 in shared memory
    spare: Any  # float32 (int32 for `compile_programs`), scratch of all blocks; unused in shared memory


@inner_function
def _program(place, networks):
    return program_at(
        place, networks.width, networks, networks.integers, networks.numbers, networks.num_outputs
    )


def compile_programs(genes, networks, part):
    """Write the programs of the networks at places `begin` to `end`, one in each thread."""
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
    """Copy programs that lie one after another into an InterleavedPrograms, one in each thread."""
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
    """Activate networks (see `passes._activate_network`). A task is one of `ranks`; a block takes `width` at once.

    Args:
        chosen: int64 (n,), the networks.
        ranks: int32 (n,), positions in `chosen`, in the order in which they are processed.
        position: int32 (P,), the position of each network in `networks.order`.
        networks: An InterleavedPrograms.
        batch: A Batch.
        state_start: int64 (P+1,), where each network's state begins.
        state: float32, the states; a network's state has a part (nodes, samples) for each of its threads.
        part: A Part.
    """
    lane = cuda.threadIdx.x
    room = cuda.shared.array(0, types.float32) if IN_SHARED else part.spare
    first = cuda.blockIdx.x * part.apart + lane
    values, gathered = _scratch(room, first, part, SAMPLES)
    scratch = TileScratch(values, gathered, SAMPLES)
    width = np.int64(networks.width)
    thread, threads = lane // width, WARP // width  # among those that share a network
    samples = batch.inputs.shape[3]
    for task in range(part.begin + cuda.blockIdx.x * width, part.end, cuda.gridDim.x * width):
        if task + lane % width < part.end:
            rank = ranks[task + lane % width]
            network = chosen[rank]
            # The number of samples of the threads before this one.
            before = thread * (samples // threads) + min(thread, samples % threads)
            start = state_start[network]
            if part.buffers > 1:
                start += (state_start[network + 1] - start) // samples * before
            own = Batch(batch.inputs[:, :, :, thread::threads], batch.outputs[:, :, thread::threads])
            program = _program(position[network], networks)
            activate_network(program, 0, networks.input_count, own, rank, state, start, scratch)


def score(networks, inputs, targets, loss, steps, piece, totals, part):
    """Score networks (see `passes._score_network`). A task is one slice with one piece of the samples.

    Args:
        networks: An InterleavedPrograms.
        inputs: float32 (1, 1, inputs, samples).
        targets: As in `evaluators.program.loss.Objective`.
        loss: As in `evaluators.program.loss.Objective`.
        steps: The number of steps of recurrent networks.
        piece: The number of samples in each piece but the last.
        totals: float64 (pieces, P), the sums of the loss over each piece, written.
        part: A Part.
    """
    lane = cuda.threadIdx.x
    sums = cuda.shared.array(WARP, types.float64)
    room = cuda.shared.array(0, types.float32) if IN_SHARED else part.spare
    first = cuda.blockIdx.x * part.apart + lane
    values, gathered = _scratch(room, first, part, SAMPLES)
    scratch = TileScratch(values, gathered, SAMPLES)
    width = np.int64(networks.width)
    thread, threads = lane // width, WARP // width  # among those that share a network
    pieces, samples = totals.shape[0], inputs.shape[3]
    for task in range(part.begin + cuda.blockIdx.x, part.end, cuda.gridDim.x):
        place, number = task // pieces * width + lane % width, task % pieces
        begin, end = number * piece + thread, min((number + 1) * piece, samples)
        sums[lane] = 0.0
        if place < networks.count and begin < end:
            own = Objective(inputs[:, :, :, begin:end:threads], targets[:, begin:end:threads], loss, steps)
            program = _program(place, networks)
            sums[lane] = score_network(program, 0, networks.input_count, own, True, scratch)
        cuda.syncthreads()
        if place < networks.count and thread == 0:
            total = 0.0
            for other in range(lane, WARP, width):
                total += sums[other]
            totals[number, networks.order[place]] = total
        cuda.syncthreads()


def add_pieces(totals, divisor, fitness):
    """Compute fitness from the totals of `score`, one genome in each thread.

    Args:
        totals: float64 (pieces, P), added in the order of the pieces.
        divisor: float64, by which the sum is divided.
        fitness: float64 (P,), written.
    """
    first = cuda.blockIdx.x * WARP + cuda.threadIdx.x
    for genome in range(first, len(fitness), np.int64(cuda.gridDim.x) * WARP):
        total = totals[0, genome]
        for piece in range(1, len(totals)):
            total += totals[piece, genome]
        fitness[genome] = total / divisor


def play(networks, constants, play, senses, reach, record, part):
    """Run episodes (see `episode._play_episodes`), one in each thread. A task is one episode of a slice's networks."""
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
    """Compute fitness and steps from the EpisodeRecord of `play` (see `episode.combined`), one genome in each thread.

    Args:
        reward: float64 (P, episodes).
        length: int64 (P, episodes), -1 where a function raised an error.
        sound: bool (P, episodes).
        least: Whether the fitness is the least reward; otherwise it is the mean times `factor`.
        factor: float64.
        fitness: float64 (P,), written.
        steps: int64 (P,), written; -1 where a function raised an error or a number was not finite.
    """
    first = cuda.blockIdx.x * WARP + cuda.threadIdx.x
    for genome in range(first, len(fitness), np.int64(cuda.gridDim.x) * WARP):
        fitness[genome], steps[genome] = combined(reward[genome], length[genome], least, factor)
        for episode in range(length.shape[1]):
            if length[genome, episode] < 0 or not sound[genome, episode]:
                steps[genome] = -1


@inner_function
def _scratch(room, first, part, samples):
    """Return the `values` and `gathered` of a thread's TileScratch: every WARP-th word of `room` from `first` on."""
    size = part.slots * samples * WARP
    values = strided(room, first, (part.buffers, part.slots, samples), (size, samples * WARP, WARP))
    return values, strided(room, first + part.buffers * size, (part.links,), (WARP,))
