"""Which builds there are of the GPU's kernels: for what types, over what activations, in what environment.

Kernels are compiled for the signatures given here, ahead of their first launch, and kept on disk. What they share is
made once in a process, and compiled once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from evaluators.environments.functions import Functions
from evaluators.episodes import actions
from evaluators.episodes.actions import Reach
from evaluators.episodes.episode import Play, Record, Senses, episode_pass
from evaluators.gpu import kernels
from evaluators.gpu.kernels import SAMPLES, Genes, Interleaved, Part
from evaluators.gpu.launcher import Kernel, kernel_of, why_not
from evaluators.gpu.signatures import B1, F4, F8, I4, I8, array, array_of, named
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

_GENES = named(Genes, array(I8), array(I8), *(array_of(row.dtype) for row in EVALUATED))
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

PROGRAMS = named(
    Programs,
    array(I8),
    array(I8),
    *map(array_of, (NETWORK_FIELDS | NODE_FIELDS | LINK_FIELDS).values()),
    array(I4, 2),
)


def _part_of(spare: Any) -> Any:
    """A Part's type, for scratch of this one."""
    return named(Part, I8, I8, I8, I8, I8, I8, array(spare))


@functools.cache
def compile_kernel(in_shared: bool) -> Kernel:
    """The kernel of `kernels.compile_programs`."""
    return kernel_of(
        kernels.compile_programs,
        _memory(in_shared),
        {"IN_SHARED": in_shared},
        (_GENES, _INTERLEAVED, _part_of(I4)),
    )


@functools.cache
def copy_kernel() -> Kernel:
    """The kernel of `kernels.copy_programs`."""
    return kernel_of(kernels.copy_programs, "only", {}, (PROGRAMS, _INTERLEAVED))


@functools.cache
def add_kernel() -> Kernel:
    """The kernel of `kernels.add_pieces`."""
    return kernel_of(kernels.add_pieces, "only", {}, (array(F8, 2), F8, array(F8)))


@functools.cache
def combine_kernel() -> Kernel:
    """The kernel of `kernels.combine_episodes`."""
    arguments = (array(F8, 2), array(I8, 2), array(B1, 2), B1, F8, array(F8), array(I8))
    return kernel_of(kernels.combine_episodes, "only", {}, arguments)


# By kernel: the global that is bound to a pass, what makes the pass of a forward function, and the arguments' types.
_OVER_SAMPLES: dict[Any, tuple[str, Callable[..., Any], tuple[Any, ...]]] = {
    kernels.activate: (
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
    """The kernel of `kernels.activate` for the table as it is now."""
    return _over_samples(kernels.activate, in_shared, *table())


def score_kernel(in_shared: bool) -> Kernel:
    """The kernel of `kernels.score` for the table as it is now."""
    return _over_samples(kernels.score, in_shared, *table())


def build_name(in_shared: bool, activations: int, aggregations: int) -> str:
    """Where scratch is, and the table."""
    return f"{_memory(in_shared)}-{name_tables(activations, aggregations)}"


def _memory(in_shared: bool) -> str:
    """Where scratch is, in a build's name."""
    return "shared" if in_shared else "device"


def table() -> tuple[int, int]:
    """The activations and aggregations that there are now."""
    return len(ACTIVATIONS), len(AGGREGATIONS)


@functools.cache
def forward_for(activations: int, aggregations: int, samples: int) -> Any:
    """Shared by the kernels, so that a process compiles it once.

    Raises:
        ValueError: A function that a person has added cannot be compiled for a GPU.
    """
    reason = _why_not_added(activations, aggregations)
    if reason is not None:
        raise ValueError(f"{reason}; use device='cpu'")
    return forward_in_registers(ACTIVATIONS[:activations], AGGREGATIONS[:aggregations], samples)


def why_not_added() -> str | None:
    """Which function that a person has added to the tables cannot be compiled for a GPU, and why; or None."""
    return _why_not_added(*table())


@functools.cache
def _why_not_added(activations: int, aggregations: int) -> str | None:
    for kind, added, takes in (
        ("activation", ACTIVATIONS[BUILT_IN_ACTIVATIONS:activations], F4),
        ("aggregation", AGGREGATIONS[BUILT_IN_AGGREGATIONS:aggregations], array(F4, 1, "A")),
    ):
        for entry in added:
            reason = why_not(entry.function, (takes,))
            if reason is not None:
                return f"{kind} {entry.name!r} cannot be compiled for a GPU: {reason}"
    return None


@functools.cache
def _pass_for(build: Callable[..., Any], activations: int, aggregations: int) -> Any:
    return build(forward_for(activations, aggregations, SAMPLES))


@functools.cache
def _over_samples(template: Any, in_shared: bool, activations: int, aggregations: int) -> Kernel:
    name, build, arguments = _OVER_SAMPLES[template]
    bind = {name: _pass_for(build, activations, aggregations), "IN_SHARED": in_shared}
    return kernel_of(template, build_name(in_shared, activations, aggregations), bind, arguments)


def play_kernel(functions: Functions, decision: str, in_shared: bool) -> Kernel:
    """The kernel of `kernels.play` for an environment's functions and a decision of `evaluators.episodes.actions`."""
    return _playing(functions, decision, in_shared, *table())


@functools.cache
def _playing(
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
    name = f"{functions.task}-{decision}-{build_name(in_shared, activations, aggregations)}"
    arguments = (
        _INTERLEAVED,
        types.UniTuple(precision, functions.constants),
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
        _part_of(F4),
    )
    return kernel_of(kernels.play, name, bind, arguments)
