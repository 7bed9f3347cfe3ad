"""Preprocessing of inputs in a model: names and scales of data, or the scales of observations."""

from __future__ import annotations

import functools
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import FailFast, Field, model_validator

from evaluators.checks import as_float32, as_float64, check_size
from evaluators.mean_and_deviation import FLOAT64, exceeds_rounding, moments
from evaluators.models.columns import check_names, read_cells, read_rows, split_columns
from evaluators.models.encoding import Column
from evaluators.models.part import Names, Numbers, Part, Positive
from neat.support.validation import NOT_TEXT

GREATEST = np.finfo(np.float32).max
_Float32 = Annotated[float, Field(ge=-3.4028235e38, le=3.4028235e38), NOT_TEXT]  # also finite as a float32


def scale_bounds(low: np.ndarray, high: np.ndarray, bounded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return offset and factor, float64 (numbers,), that scale the bounds of `bounded` numbers to ±1."""
    offset, factor = np.zeros(len(low)), np.ones(len(low))
    offset[bounded] = (low[bounded] + high[bounded]) / 2
    factor[bounded] = np.minimum(2 / (high[bounded] - low[bounded]), GREATEST)
    return offset, factor


class Scaling(Part):
    """A shift and a scale of each column, float64: a column's value v becomes (v - shift) / scale."""

    shift: Numbers
    scale: Annotated[tuple[Positive, ...], FailFast()]

    @model_validator(mode="after")
    def _check_sizes(self) -> Scaling:
        check_size("scale", "numbers, as shift has", len(self.scale), len(self.shift))
        return self

    @classmethod
    def standardising(cls, values: np.ndarray, kept: np.ndarray | None = None) -> Scaling:
        """Return the scaling of columns to mean 0 and deviation 1; a constant is only shifted.

        Args:
            values: float64 (samples, columns).
            kept: Which columns stay as they are, bool (columns,); None: none.
        """
        mean, deviation = moments(values)
        scale = np.where(exceeds_rounding(deviation, mean, FLOAT64), deviation, 1.0)
        if kept is not None:
            mean, scale = np.where(kept, 0.0, mean), np.where(kept, 1.0, scale)
        return cls(shift=tuple(mean.tolist()), scale=tuple(scale.tolist()))

    def apply(self, field: str, values: np.ndarray) -> np.ndarray:
        """Return scaled values, float32, of float64 (samples, columns); `field` names them in messages."""
        return as_float32(f"{field}, standardised", self.scale_values(values))

    def scale_values(self, values: np.ndarray) -> np.ndarray:
        """Return scaled values, float64, which may overflow, of float64 (samples, columns)."""
        with np.errstate(over="ignore"):
            return (values - self._shift) / self._scale

    def undo(self, values: np.ndarray) -> np.ndarray:
        """Return values in their own unit, float64, of scaled ones (samples, columns)."""
        return values.astype(np.float64) * self._scale + self._shift

    @functools.cached_property
    def _shift(self) -> np.ndarray:
        return np.array(self.shift)

    @functools.cached_property
    def _scale(self) -> np.ndarray:
        return np.array(self.scale)


class Rows(Part):
    """Inputs are rows of data, whose columns have names, an encoding and a scale, each if it is known."""

    kind: Literal["rows"] = "rows"
    names: Names | None = None
    """Names of the columns."""
    columns: tuple[Column, ...] | None = None
    """The encodings of the columns; None: each is an input, and no cell is empty."""
    scaling: Scaling | None = None
    """The standardisation of the inputs."""

    @model_validator(mode="after")
    def _check(self) -> Rows:
        if self.names is not None:
            check_names("names", self.names)
            if self.columns is not None:
                check_size("columns", "columns, as names has", len(self.columns), len(self.names))
        return self

    def check(self, num_inputs: int) -> None:
        """Raise a ValueError unless names, encodings and scales fit a network with this number of inputs."""
        if self.columns is not None:
            width = sum(column.width for column in self.columns)
            check_size("columns", "inputs, as the network has", width, num_inputs)
        elif self.names is not None:
            check_size("names", "names, one for each input", len(self.names), num_inputs)
        if self.scaling is not None:
            check_size("scaling", "columns, one for each input", len(self.scaling.shift), num_inputs)

    @property
    def input_names(self) -> Names | None:
        """Names of the network's inputs, such as "colour=red" for a category; None if the columns have none."""
        if self.names is None or self.columns is None:
            return self.names
        named = zip(self.names, self.columns, strict=True)
        return tuple(each for name, column in named for each in column.input_names(name))

    @property
    def is_category(self) -> np.ndarray | None:
        """Which inputs stand for a category, bool (inputs,); None if none does."""
        if self.columns is None:
            return None
        return np.repeat([column.kind == "text" for column in self.columns], [c.width for c in self.columns])

    def count_columns(self, num_inputs: int) -> int:
        """Return the number of columns of the data of a network with this number of inputs."""
        return num_inputs if self.columns is None else len(self.columns)

    def encode(self, field: str, data: Any, num_inputs: int) -> np.ndarray:
        """Return the inputs before they are scaled, float64 (samples, inputs).

        Raises:
            ValueError: A column is missing or unknown, the shape differs, a number is not finite, a cell is empty that
                the model does not fill, or a category is unknown.
        """
        if self.columns is None:
            return read_rows(field, data, self.names, num_inputs)
        cells = split_columns(field, data, self.names, len(self.columns))
        parts = zip(self.columns, cells.items(), strict=True)
        return np.concatenate(
            [column.encode(label, read_cells(label, values)) for column, (label, values) in parts], axis=1
        )

    def read(self, field: str, data: Any, num_inputs: int) -> np.ndarray:
        """Return what the network gets, float32 (samples, inputs).

        Raises:
            ValueError: `encode` would raise it, or a number is not finite once it is scaled.
        """
        rows = self.encode(field, data, num_inputs)
        return as_float32(field, rows) if self.scaling is None else self.scaling.apply(field, rows)


class Observations(Part):
    """Inputs are observations of an environment: (observation - offset) * factor, in float32, within ±limit."""

    kind: Literal["observations"] = "observations"
    offset: Annotated[tuple[_Float32, ...], FailFast()]
    factor: Annotated[tuple[_Float32, ...], FailFast()]
    limit: Annotated[float, Field(gt=0, le=3.4028235e38), NOT_TEXT] | None = None

    def check(self, num_inputs: int) -> None:
        """Raise a ValueError unless the scales fit a network with this number of inputs."""
        for name in ("offset", "factor"):
            check_size(name, "numbers, one for each input", len(getattr(self, name)), num_inputs)

    def read(self, field: str, data: Any, num_inputs: int) -> np.ndarray:
        """Return what the network gets, float32 (observations, inputs).

        Raises:
            ValueError: The shape differs, or a number is not finite before or after the scaling.
        """
        rows = as_float64(field, data)
        if rows.ndim != 2 or rows.shape[1] != num_inputs:
            got = rows.shape[1:] if rows.shape[:1] == (1,) else rows.shape
            raise ValueError(
                f"{field}: expected shape ({num_inputs},) or (observations, {num_inputs}), got {got}"
            )
        return as_float32(f"{field}, scaled", self.scale(rows))

    def scale(self, observations: np.ndarray) -> np.ndarray:
        """Return inputs, float32, of observations (n, inputs), as `evaluators.episodes.episode.as_input` does.

        Numbers that are too large become infinite, unless there is a limit.
        """
        with np.errstate(over="ignore"):
            offset, factor, limit = self.arrays
            scaled = (observations - offset).astype(np.float32) * factor
        return scaled if self.limit is None else np.clip(scaled, -limit, limit)

    @functools.cached_property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.float32]:
        """Offset, factor and limit, float32, as `evaluators.episodes.episode.ObservationScaling` has them."""
        limit = GREATEST if self.limit is None else np.float32(self.limit)
        return np.array(self.offset, np.float32), np.array(self.factor, np.float32), limit
