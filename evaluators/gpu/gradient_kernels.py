"""The GPU kernel for gradients: a warp handles each network, and its threads share the samples.

Each thread adds up the gradient of its own samples in device memory. Then the warp adds the sums of its threads, always
in the same order. `evaluators.program.backward` has the function for one network, which the CPU uses too.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numba import cuda, types

from evaluators.gpu.kernels import SAMPLES
from evaluators.gpu.launcher import WARP, Kernel, kernel_of
from evaluators.gpu.signatures import F4, F8, I8, array, named_tuple
from evaluators.gpu.specialisations import PROGRAMS, build_name, forward_for, table_sizes
from evaluators.program.backward import (
    Gradient,
    GradientScratch,
    backward_function,
    clear_gradient,
    gradient_pass,
)
from evaluators.program.intrinsics import strided
from evaluators.program.loss import Objective
from evaluators.program.program import single_program
from neat.activations import ACTIVATIONS, AGGREGATIONS
from neat.kernels.jit import inner_function

# Names that builds of the kernel are bound to (see `neat.kernels.jit.specialise_uncompiled`).
IN_SHARED = True  # whether scratch is in shared memory
differentiate_network: Any = None  # see `backward._differentiate_network`


class Share(NamedTuple):
    """The sizes of a launch, and its scratch."""

    networks: Any  # the number of networks
    buffers: Any  # of values: 1 for feed-forward networks, steps + 1 for recurrent ones
    slots: Any  # the most slots (inputs and nodes) of a network
    links: Any  # the most links of a network
    nodes: Any  # the most nodes of a network
    apart: Any  # words from a block's scratch to the next one's; 0 in shared memory
    spare: Any  # float32, scratch of all blocks; unused in shared memory
    sums: Any  # float32, the gradients of the threads


def scratch_words(buffers: int, slots: int, links: int) -> int:
    """Return the number of words of a thread's scratch."""
    return (buffers + min(buffers, 2)) * slots * SAMPLES + SAMPLES + links


def sums_words(links: int, nodes: int) -> int:
    """Return the number of words of a thread's gradient."""
    return links + 2 * nodes


def _differentiate(programs, zero, input_count, objective, scale, gradient, totals, share):
    """Write the gradients and the losses of all networks (see `backward._differentiate_network`).

    Args:
        programs: Programs (see `program.single_program`).
        zero: int64 (1,), the number 0.
        input_count: The number of inputs, with the bias input.
        objective: An Objective.
        scale: float32, the factor of the loss.
        gradient: A Gradient of all programs, written.
        totals: float64 (networks,), the sum of the loss, written.
        share: A Share.
    """
    lane, block = cuda.threadIdx.x, cuda.blockIdx.x
    losses = cuda.shared.array(WARP, types.float64)
    room = cuda.shared.array(0, types.float32) if IN_SHARED else share.spare
    scratch = _scratch(room, block * share.apart + lane, share)
    _clear(scratch.adjoints)
    inputs, targets, loss, steps = objective
    own_objective = Objective(inputs[:, :, :, lane::WARP], targets[:, lane::WARP], loss, steps)
    own = block * (share.links + 2 * share.nodes) * WARP
    for network in range(block, share.networks, cuda.gridDim.x):
        program = single_program(programs, network, zero)
        links, nodes = len(program.link_weight), len(program.node_bias)
        mine = Gradient(
            strided(share.sums, own + lane, (links,), (WARP,)),
            strided(share.sums, own + links * WARP + lane, (nodes,), (WARP,)),
            strided(share.sums, own + (links + nodes) * WARP + lane, (nodes,), (WARP,)),
        )
        clear_gradient(mine)
        losses[lane] = differentiate_network(program, 0, input_count, own_objective, scale, scratch, mine)
        cuda.syncthreads()
        first_link, first_node = programs.link_start[network], programs.node_start[network]
        for k in range(lane, links + 2 * nodes, WARP):
            total = np.float32(0.0)
            for other in range(WARP):
                total += share.sums[own + k * WARP + other]
            if k < links:
                gradient.link_weight[first_link + k] = total
            elif k < links + nodes:
                gradient.node_bias[first_node + k - links] = total
            else:
                gradient.node_response[first_node + k - links - nodes] = total
        if lane == 0:
            loss_total = 0.0
            for other in range(WARP):
                loss_total += losses[other]
            totals[network] = loss_total
        cuda.syncthreads()


@inner_function
def _scratch(room, first, share):
    """Return a thread's GradientScratch: every WARP-th word of `room`, from word `first` on."""
    size = share.slots * SAMPLES * WARP
    pattern = (size, SAMPLES * WARP, WARP)
    backwards = min(share.buffers, 2)  # buffers of adjoints
    rest = first + (share.buffers + backwards) * size
    return GradientScratch(
        values=strided(room, first, (share.buffers, share.slots, SAMPLES), pattern),
        adjoints=strided(room, first + share.buffers * size, (backwards, share.slots, SAMPLES), pattern),
        aggregate=strided(room, rest, (1, SAMPLES), (SAMPLES * WARP, WARP)),
        gathered=strided(room, rest + SAMPLES * WARP, (share.links,), (WARP,)),
        samples=SAMPLES,
    )


@inner_function
def _clear(adjoints):
    for buffer in range(adjoints.shape[0]):
        for slot in range(adjoints.shape[1]):
            for sample in range(SAMPLES):
                adjoints[buffer, slot, sample] = np.float32(0.0)


def differentiate_kernel(in_shared: bool) -> Kernel:
    """Return the kernel of `_differentiate` for the functions registered now."""
    return _build_differentiate(in_shared, *table_sizes())


@functools.cache
def _network_pass(activations: int, aggregations: int) -> Any:
    """Return the pass that all kernels share, so that a process compiles it once."""
    backward = backward_function(ACTIVATIONS[:activations], AGGREGATIONS[:aggregations])
    return gradient_pass(forward_for(activations, aggregations, SAMPLES), backward)


@functools.cache
def _build_differentiate(in_shared: bool, activations: int, aggregations: int) -> Kernel:
    bind = {"differentiate_network": _network_pass(activations, aggregations), "IN_SHARED": in_shared}
    arguments = (
        PROGRAMS,
        array(I8),
        I8,
        named_tuple(Objective, array(F4, 4), array(F4, 2), I8, I8),
        F4,
        named_tuple(Gradient, array(F4), array(F4), array(F4)),
        array(F8),
        named_tuple(Share, *[I8] * 6, array(F4), array(F4)),
    )
    return kernel_of(_differentiate, build_name(in_shared, activations, aggregations), bind, arguments)
