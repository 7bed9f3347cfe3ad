"""Postprocessing of outputs in a model that predicts: units of values, or names of classes."""

from __future__ import annotations

import functools
from typing import Annotated, Literal

import numpy as np
from pydantic import FailFast, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from evaluators.checks import check_size
from evaluators.models.columns import check_names
from evaluators.models.inputs import Scaling
from evaluators.models.part import Names, Part
from neat.support.messages import quote

Label = StrictBool | StrictInt | StrictFloat | StrictStr
"""The label of a class, of any type that JSON has."""


class Raw(Part):
    """Outputs are what a user-defined function of one network read; their meaning is unknown."""

    kind: Literal["raw"] = "raw"

    def check(self, num_outputs: int) -> None:
        """Accept any network."""


class Values(Part):
    """Outputs are values, such as the targets of a regression."""

    kind: Literal["values"] = "values"
    names: Names | None = None
    """Names of the outputs."""
    scaling: Scaling | None = None
    """The standardisation of the targets, which predictions undo."""

    @model_validator(mode="after")
    def _check(self) -> Values:
        if self.names is not None:
            check_names("names", self.names)
        return self

    def check(self, num_outputs: int) -> None:
        """Raise a ValueError unless names and scales fit a network with this number of outputs."""
        if self.names is not None:
            check_size("names", "names, one for each output", len(self.names), num_outputs)
        if self.scaling is not None:
            check_size("scaling", "columns, one for each output", len(self.scaling.shift), num_outputs)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return predictions in the targets' unit: (samples,) for one output, else (samples, outputs)."""
        values = outputs if self.scaling is None else self.scaling.undo(outputs)
        return values[:, 0] if values.shape[1] == 1 else values


class Classes(Part):
    """Outputs decide among classes: one output between two classes, or one output for each class."""

    kind: Literal["classes"] = "classes"
    labels: Annotated[tuple[Label, ...], FailFast()]
    """The classes, by index."""
    logits: bool = True
    """Whether outputs are logits, as for cross entropy; otherwise a single output decides at 0.5, as for accuracy."""
    name: str | None = None
    """The name of the target."""

    @model_validator(mode="after")
    def _check(self) -> Classes:
        if len(self.labels) < 2:
            raise ValueError(f"labels: expected at least two classes, got {quote(list(self.labels))}")
        if len({(type(label), label) for label in self.labels}) < len(self.labels):
            raise ValueError(f"labels: expected different classes, got {quote(list(self.labels))}")
        return self

    def check(self, num_outputs: int) -> None:
        """Raise a ValueError unless the classes fit a network with this number of outputs."""
        expected = 2 if num_outputs == 1 else num_outputs
        check_size("labels", f"classes, as {num_outputs} outputs distinguish", len(self.labels), expected)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return the label of each sample's class, shape (samples,)."""
        if outputs.shape[1] == 1:
            chosen = (outputs[:, 0] > (0.0 if self.logits else 0.5)).astype(np.int64)
        else:
            chosen = outputs.argmax(axis=1)
        return self.label_array[chosen]

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probability of each class, float64 (samples, classes)."""
        if not self.logits:
            raise ValueError(
                "model: has no probabilities, since its fitness was accuracy; evolve with fitness='cross_entropy'"
            )
        z = outputs.astype(np.float64)
        if z.shape[1] == 1:
            z = np.concatenate([np.zeros_like(z), z], axis=1)
        powers = np.exp(z - z.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    @functools.cached_property
    def label_array(self) -> np.ndarray:
        """The labels as an array (classes,), of objects if their types differ."""
        same = len({type(label) for label in self.labels}) == 1
        return np.array(self.labels) if same else np.array([*self.labels, None], object)[:-1]
