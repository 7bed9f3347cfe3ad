"""The experiment with classification: a CSV file, irises, handwritten digits, or two spirals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators.class_targets import one_hot
from experiments.tasks.csv_file import read_csv
from experiments.tasks.data import Data, Split, digits, iris, spirals, split
from experiments.tasks.data_set import DataSet
from experiments.tasks.prediction import Sets, accuracy, predictions

if TYPE_CHECKING:
    from neat import Genome

_BUILT_IN = {"iris": iris, "digits": digits, "spirals": spirals}


@dataclass(frozen=True)
class Classification(DataSet):
    """Classify samples; fitness is minus the cross-entropy on the training part.

    Features are standardised by the training part. Each class has an output.
    """

    data: str = "spirals"
    """CSV file with a header, or "iris", "digits" or "spirals"."""
    target: str | None = None
    """Column of the file with the classes; all other columns are inputs."""

    generations = 200
    loss = "cross_entropy"
    score_name = "test accuracy"
    needs = {"genome": {"output_activation": "identity"}}
    former_names = {"label": "target"}

    def __post_init__(self) -> None:
        if (self.data in _BUILT_IN) != (self.target is None):
            raise ValueError(
                f"target: must name a column of a CSV file, and cannot be combined with {', '.join(_BUILT_IN)}; "
                f"got {self.target!r} with data {self.data}"
            )
        self.check_options()

    @property
    def files(self) -> dict[str, Path]:
        """The CSV file."""
        return {} if self.data in _BUILT_IN else {"data": Path(self.data)}

    @property
    def output_names(self) -> list[str]:
        """The names of the classes."""
        return [str(name) for name in self._classes]

    def sets(self) -> Sets:
        """Return standardised features, and targets of 1 for a sample's class and 0 for the others."""
        targets = one_hot(self._truth, len(self._classes), np, np.float32)
        return Sets(self._features, targets, *self._split)

    def training_data(self) -> dict[str, Any]:
        """Return the features in their own unit, and the names of columns and classes."""
        _, targets, train, _ = self.sets()  # which also checks that float32 can hold the test part
        return {
            **self.describe_inputs(),
            "targets": targets[train],
            "classes": self._classes.tolist(),
            "output_names": [self.target or "class"],
        }

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """Return the share of samples whose class has the greatest output."""
        return accuracy(outputs, targets)

    def measures(self, champion: Genome, evaluator: Any) -> dict[str, float]:
        """Return the accuracy on both parts."""
        inputs, targets, train, test = self.sets()
        outputs = predictions(champion, inputs)
        parts = {"train": train, "test": test}
        return {f"{name} accuracy": self.score(outputs[part], targets[part]) for name, part in parts.items()}

    @cached_property
    def _data(self) -> Data:
        if self.data in _BUILT_IN:
            loaded = _BUILT_IN[self.data]()
        else:
            assert self.target is not None
            loaded = read_csv(self.data, self.target, classes=True, fills=self.missing is not None)
        count = len(np.unique(loaded.target))
        if not 2 <= count <= len(loaded.target) // 2:
            raise ValueError(
                f"target: must hold at least 2 classes, of 2 samples on average, got {count} in "
                f"{len(loaded.target)} samples"
            )
        return loaded

    @cached_property
    def _classes(self) -> np.ndarray:
        return np.unique(self._data.target)

    @cached_property
    def _truth(self) -> np.ndarray:
        """Index of each sample's class, int64 (n,)."""
        return np.searchsorted(self._classes, self._data.target)

    @cached_property
    def _split(self) -> Split:
        return split(len(self._truth), self.test_share, self.split_seed, self._data.target)
