"""What stands before the network of a model: names and scales of data, or the scales of observations."""

from __future__ import annotations

import functools
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import FailFast, Field, model_validator

from evaluators.checks import as_float32, as_float64, check_size
from evaluators.models.columns import check_names, read_rows
from evaluators.moments import FLOAT64, exceeds_rounding, moments
from neat.support.validation import NOT_TEXT, Model

Number = Annotated[float, NOT_TEXT]
Numbers = Annotated[tuple[Number, ...], FailFast()]
_Float32 = Annotated[float, Field(ge=-3.4028235e38, le=3.4028235e38), NOT_TEXT]  # also finite as a float32
Positive = Annotated[float, Field(gt=0), NOT_TEXT]
Names = tuple[str, ...]


class Part(Model):
    """A part of a model. Its fields are plain data; arrays that are made of them when needed do not count."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.model_dump() == other.model_dump()


class Scaling(Part):
    """A shift and a scale of each column, float64: a column's value v becomes (v - shift) / scale."""

    shift: Numbers
    scale: Annotated[tuple[Positive, ...], FailFast()]

    @model_validator(mode="after")
    def _check_sizes(self) -> Scaling:
        check_size("scale", "numbers, as shift has", len(self.scale), len(self.shift))
        return self

    @classmethod
    def standardising(cls, values: np.ndarray) -> Scaling:
        """Return the scaling of float64 (samples, columns) to mean 0 and deviation 1; a constant is only shifted."""
        mean, deviation = moments(values)
        scale = np.where(exceeds_rounding(deviation, mean, FLOAT64), deviation, 1.0)
        return cls(shift=tuple(mean.tolist()), scale=tuple(scale.tolist()))

    def apply(self, field: str, values: np.ndarray) -> np.ndarray:
        """Return scaled values, float32, of float64 (samples, columns); `field` names them in messages."""
        with np.errstate(over="ignore"):
            return as_float32(f"{field}, standardised", (values - self._shift) / self._scale)

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
    """Inputs are rows of data, of which each column has a name, and maybe a scale."""

    kind: Literal["rows"] = "rows"
    names: Names | None = None
    """Names of the columns."""
    scaling: Scaling | None = None
    """The standardisation of the columns."""

    @model_validator(mode="after")
    def _check(self) -> Rows:
        if self.names is not None:
            check_names("names", self.names)
        return self

    def check(self, num_inputs: int) -> None:
        """Raise a ValueError unless names and scales fit a network with this number of inputs."""
        if self.names is not None:
            check_size("names", "names, one for each input", len(self.names), num_inputs)
        if self.scaling is not None:
            check_size("scaling", "columns, one for each input", len(self.scaling.shift), num_inputs)

    def read(self, field: str, data: Any, num_inputs: int) -> np.ndarray:
        """Return what the network gets, float32 (samples, inputs).

        Raises:
            ValueError: A column is missing or unknown, the shape differs, or a number is not finite.
        """
        rows = read_rows(field, data, self.names, num_inputs)
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
        """Offset, factor and limit, float32, as `evaluators.episodes.episode.Senses` has them."""
        limit = np.finfo(np.float32).max if self.limit is None else np.float32(self.limit)
        return np.array(self.offset, np.float32), np.array(self.factor, np.float32), limit
