"""The builds of the GPU's kernels, for each place of scratch, table of functions, environment and decision.

Kernels are compiled for the signatures given here, before their first launch, and saved on disk. The functions that
they share are built and compiled once in a process.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from evaluators.environments.functions import Functions
from evaluators.episodes import actions
from evaluators.episodes.actions import ActionScaling
from evaluators.episodes.episode import EpisodeRecord, EpisodeSettings, ObservationScaling, episode_pass
from evaluators.gpu import kernels
from evaluators.gpu.kernels import SAMPLES, Genes, InterleavedPrograms, Part
from evaluators.gpu.launcher import Kernel, kernel_of, unsupported_reason
from evaluators.gpu.signatures import B1, F4, F8, I4, I8, array, array_of, named_tuple
from evaluators.program.forward import forward_in_registers
from evaluators.program.passes import Batch, activation_pass, score_pass
from evaluators.program.program import LINK_FIELDS, NETWORK_FIELDS, NODE_FIELDS, Programs
from neat.activations import (
    ACTIVATIONS,
    AGGREGATIONS,
    BUILT_IN_ACTIVATIONS,
    BUILT_IN_AGGREGATIONS,
    name_tables,
)
from neat.genome.schema import EVALUATED
from neat.kernels.jit import inner_function

_GENES = named_tuple(Genes, array(I8), array(I8), *(array_of(row.dtype) for row in EVALUATED))
_INTERLEAVED = named_tuple(
    InterleavedPrograms,
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

PROGRAMS = named_tuple(
    Programs,
    array(I8),
    array(I8),
    *map(array_of, (NETWORK_FIELDS | NODE_FIELDS | LINK_FIELDS).values()),
    array(I4, 2),
)


def _part_of(spare: Any) -> Any:
    """Return the type of a Part with scratch of type `spare`."""
    return named_tuple(Part, I8, I8, I8, I8, I8, I8, array(spare))


@functools.cache
def compile_kernel(in_shared: bool) -> Kernel:
    """Return the kernel of `kernels.compile_programs`."""
    return kernel_of(
        kernels.compile_programs,
        _memory(in_shared),
        {"IN_SHARED": in_shared},
        (_GENES, _INTERLEAVED, _part_of(I4)),
    )


@functools.cache
def copy_kernel() -> Kernel:
    """Return the kernel of `kernels.copy_programs`."""
    return kernel_of(kernels.copy_programs, "only", {}, (PROGRAMS, _INTERLEAVED))


@functools.cache
def add_kernel() -> Kernel:
    """Return the kernel of `kernels.add_pieces`."""
    return kernel_of(kernels.add_pieces, "only", {}, (array(F8, 2), F8, array(F8)))


@functools.cache
def combine_kernel() -> Kernel:
    """Return the kernel of `kernels.combine_episodes`."""
    arguments = (array(F8, 2), array(I8, 2), array(B1, 2), B1, F8, array(F8), array(I8))
    return kernel_of(kernels.combine_episodes, "only", {}, arguments)


# By kernel: the name that is bound to a pass, the function that builds the pass around a forward pass, and the types of
# the arguments.
_OVER_SAMPLES: dict[Any, tuple[str, Callable[..., Any], tuple[Any, ...]]] = {
    kernels.activate: (
        "activate_network",
        activation_pass,
        (
            array(I8),
            array(I4),
            array(I4),
            _INTERLEAVED,
            named_tuple(Batch, array(F4, 4, "A"), array(F4, 4)),
            array(I8),
            array(F4),
            _part_of(F4),
        ),
    ),
    kernels.score: (
        "score_network",
        score_pass,
        (_INTERLEAVED, array(F4, 4), array(F4, 2), I8, I8, I8, array(F8, 2), _part_of(F4)),
    ),
}


def activate_kernel(in_shared: bool) -> Kernel:
    """Return the kernel of `kernels.activate` for the functions registered now."""
    return _build_over_samples(kernels.activate, in_shared, *table_sizes())


def score_kernel(in_shared: bool) -> Kernel:
    """Return the kernel of `kernels.score` for the functions registered now."""
    return _build_over_samples(kernels.score, in_shared, *table_sizes())


def build_name(in_shared: bool, activations: int, aggregations: int) -> str:
    """Return a build's name from the memory of scratch and the tables (see `neat.activations.name_tables`)."""
    return f"{_memory(in_shared)}-{name_tables(activations, aggregations)}"


def _memory(in_shared: bool) -> str:
    """Return the memory that holds scratch, as named in builds."""
    return "shared" if in_shared else "device"


def table_sizes() -> tuple[int, int]:
    """Return the numbers of activations and of aggregations registered now."""
    return len(ACTIVATIONS), len(AGGREGATIONS)


@functools.cache
def forward_for(activations: int, aggregations: int, samples: int) -> Any:
    """Return the forward pass that kernels share, so that a process compiles it once.

    Raises:
        ValueError: A user-defined function cannot be compiled for a GPU.
    """
    reason = _table_unsupported_reason(activations, aggregations)
    if reason is not None:
        raise ValueError(f"{reason}; use device='cpu'")
    return forward_in_registers(ACTIVATIONS[:activations], AGGREGATIONS[:aggregations], samples)


def table_unsupported_reason() -> str | None:
    """Return which registered function cannot be compiled for a GPU, and why; None if all can."""
    return _table_unsupported_reason(*table_sizes())


@functools.cache
def _table_unsupported_reason(activations: int, aggregations: int) -> str | None:
    for kind, added, takes in (
        ("activation", ACTIVATIONS[BUILT_IN_ACTIVATIONS:activations], F4),
        ("aggregation", AGGREGATIONS[BUILT_IN_AGGREGATIONS:aggregations], array(F4, 1, "A")),
    ):
        for entry in added:
            reason = unsupported_reason(entry.function, (takes,))
            if reason is not None:
                return f"{kind} {entry.name!r} cannot be compiled for a GPU: {reason}"
    return None


@functools.cache
def _build_pass(build: Callable[..., Any], activations: int, aggregations: int) -> Any:
    return build(forward_for(activations, aggregations, SAMPLES))


@functools.cache
def _build_over_samples(template: Any, in_shared: bool, activations: int, aggregations: int) -> Kernel:
    name, build, arguments = _OVER_SAMPLES[template]
    bind = {name: _build_pass(build, activations, aggregations), "IN_SHARED": in_shared}
    return kernel_of(template, build_name(in_shared, activations, aggregations), bind, arguments)


def play_kernel(functions: Functions, decision: str, in_shared: bool) -> Kernel:
    """Return the kernel of `kernels.play`.

    Args:
        functions: The functions of the environment.
        decision: The name of a function of `evaluators.episodes.actions`.
        in_shared: Whether scratch is in shared memory.
    """
    return _build_play(functions, decision, in_shared, *table_sizes())


@functools.cache
def _build_play(
    functions: Functions, decision: str, in_shared: bool, activations: int, aggregations: int
) -> Kernel:
    precision = F4 if functions.precision is np.float32 else F8
    forward = forward_for(activations, aggregations, 1)
    reset, observe, step = (
        inner_function(each) for each in (functions.reset, functions.observe, functions.step)
    )
    bind = {
        "play_episodes": episode_pass(
            forward, functions, (reset, observe, step), getattr(actions, decision), decision != "scaled"
        ),
        "STATES": functions.states,
        "OBSERVATIONS": functions.observations,
        "DIMENSIONS": functions.dimensions,
        "PRECISION": precision,
        "IN_SHARED": in_shared,
    }
    name = f"{functions.name}-{decision}-{build_name(in_shared, activations, aggregations)}"
    arguments = (
        _INTERLEAVED,
        types.UniTuple(precision, functions.constants),
        named_tuple(EpisodeSettings, array(F8, 2), I8, I8, types.uint64, I8, B1, I8, I8, B1, B1),
        named_tuple(ObservationScaling, array(F4), array(F4), F4),
        named_tuple(ActionScaling, array(F4), array(F4), array(F4), array(F4)),
        named_tuple(
            EpisodeRecord,
            array(F8, 2),
            array(I8, 2),
            array(B1, 2),
            array(B1, 2),
            array(F8, 4),
            array(F8, 2),
        ),
        _part_of(F4),
    )
    return kernel_of(kernels.play, name, bind, arguments)
