"""The base class of the experiments with a data set of which a part is held out for testing."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from evaluators.models.inputs import Rows
from evaluators.models.preparation import Encoding, fit_rows
from experiments.tasks.data import Data, Split, standardise
from experiments.tasks.prediction import Learnable


@dataclass(frozen=True)
class DataSet(Learnable):
    """Base of the experiments with samples that are divided at random into a training part and a test part."""

    test_share: float = 0.25
    """Share of the samples held out for testing."""
    split_seed: int = 0
    """Seed of the samples and their division; all runs of a study share it."""
    missing: Literal["mean"] | None = None
    """Fill empty cells with the mean, or the most frequent text."""

    @property
    @abstractmethod
    def files(self) -> dict[str, Path]:
        """The CSV file, by the field `data`; empty if the data are built in."""

    @property
    def has_own_data(self) -> bool:
        """Whether the data are from a CSV file."""
        return bool(self.files)

    @property
    def input_names(self) -> list[str]:
        """The names of the features; a text has one for each category."""
        return list(self._rows.input_names or ())

    def check_options(self) -> None:
        """Raise ValueError if a field of this class is wrong."""
        if not 0 < self.test_share < 1:
            raise ValueError(f"test_share: must lie between 0 and 1, got {self.test_share}")
        if self.split_seed < 0:
            raise ValueError(f"split_seed: must be at least 0, got {self.split_seed}")
        if self.missing is not None and not self.files:
            raise ValueError(f"missing: is for the empty cells of a CSV file as data, got {self.missing!r}")

    def describe_inputs(self) -> dict[str, Any]:
        """Return the arguments of `evaluators.Supervised` that describe the features of the training part."""
        return {
            "inputs": self._data.features[self._split.train],
            "standardise": True,
            "input_names": self._data.names,
            "missing": self.missing,
            "categories": self._data.categories,
        }

    @cached_property
    @abstractmethod
    def _data(self) -> Data:
        """The data set."""

    @cached_property
    @abstractmethod
    def _split(self) -> Split:
        """Its division."""

    @cached_property
    def _rows(self) -> Rows:
        """How networks see the features, fitted to the training part."""
        inputs, names = self._data.features[self._split.train], tuple(self._data.names)
        encoding = Encoding(self.missing, self._data.categories)
        return fit_rows("data", inputs, names, True, encoding)[0]

    @cached_property
    def _features(self) -> np.ndarray:
        """The standardised features of all samples, float32 (n, inputs)."""
        names = self.input_names
        values = self._rows.encode("data", self._data.features, len(names))
        return standardise(values, self._split.train, names, self._rows.is_category)
