"""Conversion between Gymnasium's spaces and networks: observations to inputs, outputs to actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators.models.actions import Choices, Continuous, have_bounds
from evaluators.models.inputs import Observations, scale_bounds

if TYPE_CHECKING:
    import gymnasium

    from evaluators.episodes.episodic_evaluator import Actions


def read_observations(space: gymnasium.Space[Any], scaled: bool) -> Observations:
    """Return how flat observations become inputs of networks.

    Args:
        space: Space of the observations.
        scaled: Whether numbers of a Box that have bounds are scaled to [-1, 1].

    Raises:
        ValueError: Gymnasium cannot flatten the observations.
    """
    import gymnasium

    if not space.is_np_flattenable:
        raise ValueError(f"environment: expected observations that can be made flat, got {space}")
    size = gymnasium.spaces.flatdim(space)
    offset, factor = np.zeros(size), np.ones(size)
    if scaled and isinstance(space, gymnasium.spaces.Box):
        low, high = _bounds(space)
        offset, factor = scale_bounds(low, high, have_bounds(low, high))
    return Observations(offset=tuple(offset.tolist()), factor=tuple(factor.tolist()))


def read_actions(space: gymnasium.Space[Any], decision: Actions) -> Choices | Continuous:
    """Return how outputs of networks become actions; each number of a Box has one output.

    Args:
        space: Space of the actions, a Box, Discrete, MultiDiscrete or MultiBinary.
        decision: "argmax": a choice among integers has one output per integer; "threshold": it has one output.

    Raises:
        ValueError: The space is of another type.
    """
    import gymnasium

    shape = tuple(space.shape or ())
    dtype: Any = str(space.dtype)
    if isinstance(space, gymnasium.spaces.Box):
        low, high = (
            [bound if np.isfinite(bound) else None for bound in end.tolist()] for end in _bounds(space)
        )
        return Continuous(low=tuple(low), high=tuple(high), shape=shape, dtype=dtype, precision="float64")
    counts: Any
    start: Any
    if isinstance(space, gymnasium.spaces.Discrete):
        counts, start = space.n, space.start
    elif isinstance(space, gymnasium.spaces.MultiDiscrete):
        counts, start = space.nvec, space.start
    elif isinstance(space, gymnasium.spaces.MultiBinary):
        counts, start = np.full(space.shape, 2), np.zeros(space.shape, np.int64)
    else:
        raise ValueError(
            f"environment: expected actions of Box, Discrete, MultiDiscrete or MultiBinary, got {space}"
        )
    return Choices(
        counts=tuple(np.ravel(counts).tolist()),
        starts=tuple(np.ravel(start).tolist()),
        shape=shape,
        dtype=dtype,
        decision=decision,
        precision="float64",
    )


def _bounds(space: gymnasium.spaces.Box) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of each number, float64 (numbers,)."""
    return space.low.ravel().astype(np.float64), space.high.ravel().astype(np.float64)
