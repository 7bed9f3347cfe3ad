"""Postprocessing of outputs in a model that acts: how outputs become actions."""

from __future__ import annotations

import functools
from typing import Annotated, Literal, get_args

import numpy as np
from pydantic import FailFast, Field, model_validator

from evaluators.checks import check_size
from evaluators.models.part import Number, Part
from neat.activations import ACTIVATIONS
from neat.genome.genome import Genomes

_UNBOUNDED = np.finfo(np.float32).max  # some environments use this number for "no bound"
_Integer = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
_Size = Annotated[int, Field(strict=True, ge=1, lt=2**24)]
_Shape = Annotated[tuple[_Size, ...], Field(max_length=32)]
_Integers = Literal["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
_Floats = Literal["float16", "float32", "float64"]
_Precision = Literal["float32", "float64"]


class Choices(Part):
    """Outputs choose integers, such as actions of a Discrete space."""

    kind: Literal["choices"] = "choices"
    counts: Annotated[tuple[_Size, ...], FailFast()]
    """The number of integers of each choice."""
    starts: Annotated[tuple[_Integer, ...], FailFast()]
    """The lowest integer of each choice."""
    shape: _Shape
    """The shape of an action; () for one integer."""
    dtype: _Integers
    """The dtype of an action."""
    decision: Literal["argmax", "threshold"]
    """Whether each integer has an output, of which the greatest wins, or one output's range is divided evenly."""
    precision: _Precision
    """The dtype in which a range is divided."""

    @model_validator(mode="after")
    def _check_sizes(self) -> Choices:
        check_size("starts", "integers, as counts has", len(self.starts), len(self.counts))
        check_size(
            "counts", f"integers, as shape {self.shape} has", len(self.counts), int(np.prod(self.shape))
        )
        return self

    @property
    def num_outputs(self) -> int:
        """The number of outputs that a network must have."""
        return sum(self.counts) if self.decision == "argmax" else len(self.counts)

    def check(self, num_outputs: int) -> None:
        """Raise a ValueError unless a network has the right number of outputs."""
        check_size("counts", "outputs", num_outputs, self.num_outputs)

    def act(self, outputs: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the actions of n networks, of shape (n, …) and the actions' dtype.

        Args:
            outputs: float32 (n, outputs). NaN counts as the lowest.
            low: float32 (n, outputs) or (1, outputs), lower ends of the outputs' ranges (see `output_ranges`).
            high: Upper ends, of the same shape.
        """
        counts, starts, cuts = self._arrays
        if self.decision == "argmax":
            known = np.where(np.isnan(outputs), -np.inf, outputs)
            parts = np.split(known, cuts, axis=1)
            flat = starts + np.stack([part.argmax(axis=1) for part in parts], axis=1)
        else:
            share = _share_of_range(outputs, low, high).astype(self.precision)
            flat = starts + np.minimum((share * counts.astype(self.precision)).astype(np.int64), counts - 1)
        return flat.reshape(len(outputs), *self.shape).astype(self.dtype)

    @functools.cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        counts = np.array(self.counts)
        return counts, np.array(self.starts), np.cumsum(counts)[:-1]


class Continuous(Part):
    """Outputs are numbers, such as actions of a Box. The range of an output is scaled to the bounds of its number."""

    kind: Literal["continuous"] = "continuous"
    low: Annotated[tuple[Number | None, ...], FailFast()]
    """The lower bound of each number; None if it has none."""
    high: Annotated[tuple[Number | None, ...], FailFast()]
    """The upper bound of each number; None if it has none."""
    shape: _Shape
    """The shape of an action."""
    dtype: _Integers | _Floats
    """The dtype of an action."""
    precision: _Precision
    """The dtype in which a range is scaled."""

    @model_validator(mode="after")
    def _check(self) -> Continuous:
        check_size("high", "bounds, as low has", len(self.high), len(self.low))
        check_size("low", f"bounds, as shape {self.shape} has", len(self.low), int(np.prod(self.shape)))
        _, low, high = self._bounds
        if (low > high).any():
            at = int(np.argmax(low > high))
            raise ValueError(f"low: must not exceed high {high[at]}, got {low[at]}")
        return self

    @property
    def num_outputs(self) -> int:
        """The number of outputs that a network must have."""
        return len(self.low)

    def check(self, num_outputs: int) -> None:
        """Raise a ValueError unless a network has the right number of outputs."""
        check_size("low", "outputs", num_outputs, self.num_outputs)

    def act(self, outputs: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the actions of n networks, of shape (n, …) and the actions' dtype.

        Args:
            outputs: As for `Choices.act`, as are `low` and `high`.
        """
        bounded, lowest, highest = self._bounds
        share = _share_of_range(outputs, low, high).astype(self.precision)
        span = np.where(bounded, highest, 0) - np.where(bounded, lowest, 0)
        values = np.where(bounded, lowest + span * share, np.nan_to_num(outputs))
        if self.dtype not in get_args(_Floats):
            values = np.rint(values)
        return np.clip(values, lowest, highest).reshape(len(outputs), *self.shape).astype(self.dtype)

    @functools.cached_property
    def _bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Whether each number has two different bounds, and the bounds, infinite where there is none."""
        low, high = (
            np.array([end if bound is None else bound for bound in bounds], self.precision)
            for bounds, end in ((self.low, -np.inf), (self.high, np.inf))
        )
        return have_bounds(low, high), low, high


def have_bounds(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return which numbers have two different bounds, bool (numbers,)."""
    return (low > -_UNBOUNDED) & (high < _UNBOUNDED) & (low < high)


def output_ranges(genomes: Genomes) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper ends of the outputs' activation ranges, both float32 of shape (genomes, outputs)."""
    ranges = np.array([(entry.low, entry.high) for entry in ACTIVATIONS], np.float32)
    node = genomes.arrays.node_offset[:-1, np.newaxis] + np.arange(genomes.num_outputs)
    low, high = np.moveaxis(ranges[genomes.arrays.node_activation[node]], 2, 0)
    return low, high


def _share_of_range(outputs: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return where outputs lie in their ranges, float32 from 0 to 1; NaN becomes 0."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.clip((outputs - low) / (high - low), np.float32(0), np.float32(1)))
