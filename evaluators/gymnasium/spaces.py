"""Conversion between Gymnasium's spaces and networks: observations to inputs, outputs to actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neat.activations import ACTIVATIONS
from neat.genome.genome import Genomes

if TYPE_CHECKING:
    import gymnasium

_UNBOUNDED = np.finfo(np.float32).max  # some environments use this number for "no bound"


class Inputs:
    """Converts observations to inputs of networks.

    Args:
        space: Space of the observations.
        scaled: Whether numbers of a Box that have bounds are scaled to [-1, 1].

    Attributes:
        num_inputs: Numbers in a flat observation.

    Raises:
        ValueError: Gymnasium cannot flatten the observations.
    """

    def __init__(self, space: gymnasium.Space[Any], scaled: bool) -> None:
        import gymnasium

        if not space.is_np_flattenable:
            raise ValueError(f"environment: expected observations that can be made flat, got {space}")
        self.num_inputs = gymnasium.spaces.flatdim(space)
        self._center, self._factor = np.zeros(self.num_inputs), np.ones(self.num_inputs)
        if scaled and isinstance(space, gymnasium.spaces.Box):
            bounded, low, high = _bounds(space)
            self._center[bounded] = (low[bounded] + high[bounded]) / 2
            self._factor[bounded] = 2 / (high[bounded] - low[bounded])

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Return inputs, float32 of shape (n, inputs), for n observations; too large numbers become infinite."""
        flat = observations.reshape(len(observations), self.num_inputs)
        with np.errstate(over="ignore"):
            return ((flat - self._center) * self._factor).astype(np.float32)


class Outputs:
    """Converts outputs of networks to actions; each number of a Box has one output.

    Args:
        space: Space of the actions, a Box, Discrete, MultiDiscrete or MultiBinary.
        decision: "argmax": a choice among integers has one output per integer; "threshold": it has one output.

    Attributes:
        num_outputs: Outputs that a network must have.

    Raises:
        ValueError: The space is of another type.
    """

    def __init__(self, space: gymnasium.Space[Any], decision: str) -> None:
        import gymnasium

        self._space, self._decision = space, decision
        if isinstance(space, gymnasium.spaces.Box):
            self._decision = "continuous"
            self._bounded, self._low, self._high = _bounds(space)
            self.num_outputs = len(self._low)
            return
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
        self._counts, self._start = np.ravel(counts), np.ravel(start)
        self.num_outputs = int(self._counts.sum()) if decision == "argmax" else len(self._counts)

    def __call__(self, outputs: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the actions of n networks, of shape (n, …) and the space's dtype.

        Args:
            outputs: float32 (n, outputs). NaN counts as the lowest.
            low: float32 (n, outputs), lower ends of the outputs' ranges (see `output_ranges`).
            high: float32 (n, outputs), upper ends.
        """
        if self._decision == "argmax":
            known = np.where(np.isnan(outputs), -np.inf, outputs)
            parts = np.split(known, np.cumsum(self._counts)[:-1], axis=1)
            flat = self._start + np.stack([part.argmax(axis=1) for part in parts], axis=1)
        else:
            with np.errstate(invalid="ignore"):
                share = np.nan_to_num(np.clip((outputs - low) / (high - low), 0.0, 1.0).astype(np.float64))
            if self._decision == "threshold":
                flat = self._start + np.minimum((share * self._counts).astype(np.int64), self._counts - 1)
            else:
                flat = self._continuous(outputs, share)
        return flat.reshape(len(outputs), *(self._space.shape or ())).astype(self._space.dtype)

    def _continuous(self, outputs: np.ndarray, share: np.ndarray) -> np.ndarray:
        span = np.where(self._bounded, self._high, 0.0) - np.where(self._bounded, self._low, 0.0)
        values = np.where(self._bounded, self._low + span * share, np.nan_to_num(outputs))
        if np.issubdtype(self._space.dtype, np.integer):
            values = np.rint(values)
        return np.clip(values, self._low, self._high)


def output_ranges(genomes: Genomes) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper ends of the outputs' activation ranges, both float32 of shape (genomes, outputs)."""
    ranges = np.array([(entry.low, entry.high) for entry in ACTIVATIONS], np.float32)
    node = genomes.arrays.node_offset[:-1, np.newaxis] + np.arange(genomes.num_outputs)
    low, high = np.moveaxis(ranges[genomes.arrays.node_activation[node]], 2, 0)
    return low, high


def _bounds(space: gymnasium.spaces.Box) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return whether each number has bounds, and the bounds as float64; all of shape (numbers,)."""
    low, high = space.low.ravel().astype(np.float64), space.high.ravel().astype(np.float64)
    return (low > -_UNBOUNDED) & (high < _UNBOUNDED) & (low < high), low, high
