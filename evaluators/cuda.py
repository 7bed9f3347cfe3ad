"""The GPU's kernels: one thread for some samples of a network, or for one of its episodes.

What happens to a network is said elsewhere, in the functions that the CPU's loops call too. A block is one warp: its
threads work on the networks of one slice (see `evaluators.interleaved`), each with scratch whose words lie 32 apart,
so that threads side by side meet in no bank of the shared memory whatever they read.

Scratch is in shared memory; of networks that are too large for that, in device memory (`spare`), which is another build
of a kernel. Kernels are compiled for the signatures given here, ahead of their first launch, and kept on disk.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import cuda, types

from evaluators import actions
from evaluators.actions import Reach
from evaluators.environments.environment import Discrete, Environment
from evaluators.episode import Lanes, Play, Record, Senses, episode_pass
from evaluators.forward import forward_in_registers
from evaluators.interleaved import program_at, scratch_at
from evaluators.intrinsics import strided
from evaluators.launching import WARP, Kernel, kernel_of
from evaluators.passes import activation_pass, score_pass
from evaluators.program import write_program
from evaluators.signatures import B1, F4, F8, I4, I8, U1, array, named
from neat.activations import ACTIVATIONS, AGGREGATIONS, name_of_table
from neat.jit import inner_function

SAMPLES = 4  # of a thread side by side, in registers

# Each build of a kernel has its own of these (see `kernel_of`).
IN_SHARED = True
STATES = OBSERVATIONS = DIMENSIONS = 1
PRECISION: Any = types.float32
activate_network: Any = None
score_network: Any = None
play_episodes: Any = None


class Genes(NamedTuple):
    """What a network is made of: these of neat.genome.GenomeArrays."""

    node_offset: Any
    connection_offset: Any
    node_bias: Any
    node_response: Any
    node_activation: Any
    node_aggregation: Any
    connection_source: Any
    connection_target: Any
    connection_weight: Any
    connection_enabled: Any


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


class Batch(NamedTuple):
    """What `_activate` reads and writes."""

    inputs: Any  # float32 (times, 1 or n, inputs, samples), with any strides
    outputs: Any  # float32 (n, times, samples, outputs)


class Part(NamedTuple):
    """What a launch does, and its scratch."""

    begin: Any  # task
    end: Any
    buffers: Any  # of values: 2 for recurrent networks
    slots: Any  # inputs and nodes of the largest network
    links: Any  # of the largest, where an aggregation needs them side by side
    apart: Any  # words from a block's scratch to the next one's; 0 in shared memory
    spare: Any  # float32, or int32 for `_compile`: scratch of all blocks, unless in shared memory


@inner_function
def _program(place, networks):
    return program_at(
        place, networks.width, networks, networks.integers, networks.numbers, networks.num_outputs
    )


def _compile(genes, networks, part):
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


def _activate(chosen, ranks, position, networks, batch, state_start, state, part):
    """Activate networks (see `passes.activation_pass`). A task is one of `ranks`, of which a block takes `width`.

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
            activate_network(
                _program(position[network], networks),
                0,
                rank,
                batch.inputs[:, :, :, turn::turns],
                networks.input_count,
                start,
                state,
                batch.outputs[:, :, turn::turns],
                values,
                gathered,
                SAMPLES,
            )


def _score(networks, inputs, targets, loss, steps, piece, totals, part):
    """Score networks (see `passes.score_pass`). A task is a slice and a piece of the samples.

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
    width = np.int64(networks.width)
    turn, turns = lane // width, WARP // width
    pieces, samples = totals.shape[0], inputs.shape[3]
    for task in range(part.begin + cuda.blockIdx.x, part.end, cuda.gridDim.x):
        place, number = task // pieces * width + lane % width, task % pieces
        begin, end = number * piece + turn, min((number + 1) * piece, samples)
        sums[lane] = 0.0
        if place < networks.count and begin < end:
            sums[lane] = score_network(
                _program(place, networks),
                0,
                inputs[:, :, :, begin:end:turns],
                networks.input_count,
                targets[:, begin:end:turns],
                loss,
                steps,
                True,
                values,
                gathered,
                SAMPLES,
            )
        cuda.syncthreads()
        if place < networks.count and turn == 0:
            total = 0.0
            for other in range(lane, WARP, width):
                total += sums[other]
            totals[number, networks.order[place]] = total
        cuda.syncthreads()


def _finish(totals, divisor, fitness):
    """Fitness from what `_score` gave: a thread for each genome.

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


def _play(networks, constants, play, senses, reach, record, part):
    """Play episodes (see `episode.episode_pass`), each by a thread. A task is one episode of a slice's networks."""
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
    episodes = record.reward.shape[1]
    for task in range(part.begin + cuda.blockIdx.x, part.end, cuda.gridDim.x):
        place = task // episodes * WARP + lane
        if place < networks.count:
            play_episodes(
                _program(place, networks),
                0,
                networks.order[place],
                task % episodes,
                networks.input_count,
                constants,
                play,
                senses,
                reach,
                record,
                lanes,
            )


@inner_function
def _scratch(room, first, part, samples):
    """A thread's values (see `evaluators.passes`), and room for the links of a node."""
    size = part.slots * samples * WARP
    values = strided(room, first, (part.buffers, part.slots, samples), (size, samples * WARP, WARP))
    return values, strided(room, first + part.buffers * size, (part.links,), (WARP,))


_GENES = named(
    Genes,
    *[array(e) for e in (I8, I8, F4, F4, U1, U1, I4, I4, F4, B1)],
)
_INTERLEAVED = named(
    Interleaved,
    array(I4),
    array(I8),
    array(I4),
    array(I4),
    array(I4),
    array(F4),
    types.uint32,
    I8,
    I8,
    I8,
)


def part_of(spare: Any) -> Any:
    """A Part's type, for scratch of this one."""
    return named(Part, I8, I8, I8, I8, I8, I8, array(spare))


@functools.cache
def compile_kernel(in_shared: bool) -> Kernel:
    """The kernel of `_compile`."""
    return kernel_of(
        _compile, memory(in_shared), {"IN_SHARED": in_shared}, (_GENES, _INTERLEAVED, part_of(I4))
    )


@functools.cache
def finish_kernel() -> Kernel:
    """The kernel of `_finish`."""
    return kernel_of(_finish, "only", {}, (array(F8, 2), F8, array(F8)))


# By kernel: the global that is bound to a pass, what makes the pass of a forward function, and the arguments' types.
_OVER_SAMPLES: dict[Any, tuple[str, Callable[..., Any], tuple[Any, ...]]] = {
    _activate: (
        "activate_network",
        activation_pass,
        (
            array(I8),
            array(I4),
            array(I4),
            _INTERLEAVED,
            named(Batch, array(F4, 4, "A"), array(F4, 4)),
            array(I8),
            array(F4),
            part_of(F4),
        ),
    ),
    _score: (
        "score_network",
        score_pass,
        (_INTERLEAVED, array(F4, 4), array(F4, 2), I8, I8, I8, array(F8, 2), part_of(F4)),
    ),
}


def activate_kernel(in_shared: bool) -> Kernel:
    """The kernel of `_activate` for the table as it is now."""
    return _over_samples(_activate, in_shared, *table())


def score_kernel(in_shared: bool) -> Kernel:
    """The kernel of `_score` for the table as it is now."""
    return _over_samples(_score, in_shared, *table())


def build_name(in_shared: bool, activations: int, aggregations: int) -> str:
    """Where scratch is, and the table."""
    return f"{memory(in_shared)}-{name_of_table(activations, aggregations)}"


def memory(in_shared: bool) -> str:
    """Where scratch is, in a build's name."""
    return "shared" if in_shared else "device"


def table() -> tuple[int, int]:
    """The activations and aggregations that there are now."""
    return len(ACTIVATIONS), len(AGGREGATIONS)


@functools.cache
def forward_for(activations: int, aggregations: int, samples: int) -> Any:
    """Shared by the kernels, so that a process compiles it once."""
    return forward_in_registers(ACTIVATIONS[:activations], AGGREGATIONS[:aggregations], samples)


@functools.cache
def _pass_for(build: Callable[..., Any], activations: int, aggregations: int) -> Any:
    return build(forward_for(activations, aggregations, SAMPLES))


@functools.cache
def _over_samples(template: Any, in_shared: bool, activations: int, aggregations: int) -> Kernel:
    name, build, arguments = _OVER_SAMPLES[template]
    bind = {name: _pass_for(build, activations, aggregations), "IN_SHARED": in_shared}
    return kernel_of(template, build_name(in_shared, activations, aggregations), bind, arguments)


def play_kernel(environment: Environment, decision: str, in_shared: bool) -> Kernel:
    """The kernel of `_play` for environments like this one and a way to decide (see `evaluators.actions`)."""
    dimensions = 1 if isinstance(environment.actions, Discrete) else len(environment.actions.low)
    sizes = len(environment.constants), len(environment.state_names), environment.num_observations, dimensions
    return _playing(type(environment), sizes, decision, in_shared, *table())


@functools.cache
def _playing(
    environment: type[Environment],
    sizes: tuple[int, int, int, int],
    decision: str,
    in_shared: bool,
    activations: int,
    aggregations: int,
) -> Kernel:
    constants, states, observations, dimensions = sizes
    precision = F4 if environment.precision is np.float32 else F8
    forward = forward_for(activations, aggregations, 1)
    reset, observe, step = map(inner_function, environment.functions().values())
    bind = {
        "play_episodes": episode_pass(
            forward, reset, observe, step, getattr(actions, decision), decision != "scaled"
        ),
        "STATES": states,
        "OBSERVATIONS": observations,
        "DIMENSIONS": dimensions,
        "PRECISION": precision,
        "IN_SHARED": in_shared,
    }
    task = f"{environment.__module__}.{environment.__qualname__}-{decision}"
    name = f"{task}-{build_name(in_shared, activations, aggregations)}"
    arguments = (
        _INTERLEAVED,
        types.UniTuple(precision, constants),
        named(Play, array(F8, 2), I8, I8, types.uint64, I8, B1, I8, I8, B1, B1),
        named(Senses, array(F4), array(F4), F4),
        named(Reach, array(F4), array(F4), array(F4), array(F4)),
        named(
            Record,
            array(F8, 2),
            array(I8, 2),
            array(B1, 2),
            array(B1, 2),
            array(F8, 4),
            array(F8, 2),
        ),
        part_of(F4),
    )
    return kernel_of(_play, name, bind, arguments)
