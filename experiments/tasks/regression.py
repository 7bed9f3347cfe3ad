"""The experiment with regression: fit a formula or a column of a CSV file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators.mean_and_deviation import moments
from experiments.tasks.csv_file import read_csv
from experiments.tasks.data import GREATEST, Data, Split, split, standardise
from experiments.tasks.data_set import DataSet
from experiments.tasks.formula import Formula
from experiments.tasks.prediction import Sets, predictions

if TYPE_CHECKING:
    from neat import Genome

DEFAULT_FORMULA = "x * sin(x)"


@dataclass(frozen=True)
class Regression(DataSet):
    """Fit a formula or a column of a CSV file; fitness is minus the mean squared error on the training part.

    Features and target are standardised by the training part.
    """

    formula: str | None = None
    """Formula such as "x ** 2 - y", "x * sin(x)" by default."""
    range: tuple[float, float] = (-5.0, 5.0)
    """Bounds of the variables, drawn uniformly."""
    samples: int = 200
    """Number of samples of the formula."""
    data: str | None = None
    """CSV file with a header, in place of a formula."""
    target: str | None = None
    """Column of the file to predict; all other columns are inputs."""
    solved_at: float | None = None
    """Test R² of a champion that ends the run; by default, none does."""

    generations = 200
    score_name = "test R²"
    needs = {"genome": {"output_activation": "identity"}}

    def __post_init__(self) -> None:
        if self.data is not None and self.formula is not None:
            raise ValueError(f"formula: cannot be given together with data {self.data}, got {self.formula!r}")
        if (self.data is None) != (self.target is None):
            raise ValueError(f"target: names a column of data, give both or none, got {self.target!r}")
        if not -1e6 <= self.range[0] < self.range[1] <= 1e6:
            raise ValueError(
                f"range: must ascend and lie within ±1e6, got {self.range[0]:g} {self.range[1]:g}"
            )
        if not 4 <= self.samples <= 10_000_000:
            raise ValueError(f"samples: must be from 4 to 10000000, got {self.samples}")
        if self.solved_at is not None and not self.solved_at <= 1:
            raise ValueError(f"solved_at: must be at most 1, got {self.solved_at}")
        self.check_options()

    def refuse_unused(self) -> None:
        """Raise ValueError if a field describes the samples of a formula, but a file has them."""
        super().refuse_unused()
        if self.data is not None:
            self.refuse_given(("range", "samples"), "is for a formula, and cannot be given with data")

    @property
    def files(self) -> dict[str, Path]:
        """The CSV file."""
        return {} if self.data is None else {"data": Path(self.data)}

    @property
    def output_names(self) -> list[str]:
        """The name of the target, or the formula."""
        return [self.target or self.formula or DEFAULT_FORMULA]

    def sets(self) -> Sets:
        """Return standardised features and targets."""
        train = self._split.train
        targets = standardise(self._data.target[:, None], train, [self.target or "formula"])
        return Sets(self._features, targets, *self._split)

    def training_data(self) -> dict[str, Any]:
        """Return features and targets in their own unit, and the names of the columns."""
        train = self.sets().train  # which also checks that float32 can hold the test part
        return {
            **self.describe_inputs(),
            "targets": self._data.target[train],
            "output_names": [self.target or "formula"],
        }

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """Return R², the share of the variance that is explained; NaN if the variance is 0."""
        truth = targets.astype(np.float64)
        # The variance of equal targets is exactly 0, because float64 holds the sum of float32 numbers.
        variance = float(truth.var())
        return 1 - float(((outputs - truth) ** 2).mean()) / variance if variance > 0 else float("nan")

    @property
    def has_criterion(self) -> bool:
        """Whether a test R² ends the run."""
        return self.solved_at is not None

    def solved(self, evaluator: Any) -> Callable[[Genome], bool] | None:
        """Return a criterion: the test R² reaches `solved_at`, if that is given."""
        if self.solved_at is None:
            return None
        wanted, (inputs, targets, _, test) = self.solved_at, self.sets()
        return lambda champion: self.score(predictions(champion, inputs[test]), targets[test]) >= wanted

    def measures(self, champion: Genome, evaluator: Any) -> dict[str, float]:
        """Return the root mean squared error in the target's unit and R², on both parts."""
        inputs, targets, train, test = self.sets()
        outputs = predictions(champion, inputs)
        result = {}
        for name, part in (("train", train), ("test", test)):
            error = ((outputs[part] - targets[part].astype(np.float64)) ** 2).mean()
            result[f"{name} RMSE"] = float(error) ** 0.5 * self._target_deviation
            result[f"{name} R²"] = self.score(outputs[part], targets[part])
        return result

    @cached_property
    def _data(self) -> Data:
        if self.data is not None:
            assert self.target is not None
            return read_csv(self.data, self.target, classes=False, fills=self.missing is not None)
        formula = Formula(DEFAULT_FORMULA if self.formula is None else self.formula)
        generator = np.random.default_rng(self.split_seed)
        values = {name: generator.uniform(*self.range, self.samples) for name in formula.variables}
        target = formula(values)
        fits = np.abs(target) <= GREATEST
        if not fits.all():
            bad = int(np.argmin(fits))
            point = ", ".join(f"{name} = {value[bad]:.4g}" for name, value in values.items())
            raise ValueError(f"formula: must be finite over the range, got {target[bad]} at {point}")
        return Data(np.stack(list(values.values()), axis=1), target, formula.variables)

    @cached_property
    def _target_deviation(self) -> float:
        """The size of one unit of the standardised target in the target's own unit."""
        return float(moments(self._data.target[self._split.train])[1]) or 1.0

    @cached_property
    def _split(self) -> Split:
        return split(len(self._data.target), self.test_share, self.split_seed)
