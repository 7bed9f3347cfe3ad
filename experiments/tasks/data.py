"""Data sets from scikit-learn or generated, and the division and standardisation of data sets."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from evaluators.models.inputs import Scaling

GREATEST = float(np.finfo(np.float32).max)


class Data(NamedTuple):
    """A data set of n samples: their features, and a number or the name of a class for each."""

    features: np.ndarray
    """Numbers, float64 (n, features) with NaN in empty cells; or objects if there is text, with None in empty cells."""
    target: np.ndarray
    """Numbers, float64 (n,), or names of classes, (n,)."""
    names: list[str]
    """Names of the features."""
    categories: dict[str, tuple[str, ...]] | None = None
    """The categories of features that are text, by name; None if there are none."""


class Split(NamedTuple):
    """Indices of the training samples and of the test samples, int64."""

    train: np.ndarray
    test: np.ndarray


def iris() -> Data:
    """Return Fisher's irises (1936). Raises ImportError without scikit-learn."""
    bunch = _import_datasets("iris").load_iris()
    return Data(bunch.data, bunch.target_names[bunch.target], list(bunch.feature_names))


def digits() -> Data:
    """Return 1,797 digits of 8 × 8 pixels (Alpaydin and Kaynak 1998). Raises ImportError without scikit-learn."""
    bunch = _import_datasets("digits").load_digits()
    return Data(bunch.data, bunch.target_names[bunch.target].astype(str), list(bunch.feature_names))


def _import_datasets(name: str) -> Any:
    try:
        return importlib.import_module("sklearn.datasets")
    except ImportError:
        raise ImportError(f"data: {name} needs scikit-learn: pip install 'batchneat[sklearn]'") from None


def spirals(turns: float = 1.0) -> Data:
    """Return two intertwined spirals (after Lang and Witbrock 1988), the same at every call."""
    count, noise = 100, 0.02
    radius = np.linspace(0.1, 1.0, count)
    angle = 2 * np.pi * turns * radius
    arm = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    features = np.concatenate([arm, -arm]) + np.random.default_rng(0).normal(0, noise, (2 * count, 2))
    return Data(features, np.repeat(["first", "second"], count), ["x", "y"])


def split(count: int, test_share: float, seed: int, classes: np.ndarray | None = None) -> Split:
    """Divide samples at random, class by class if `classes` (count,) are given.

    Raises:
        ValueError: A part, or a class within one, would be empty.
    """
    generator = np.random.default_rng(seed)
    held_out = np.zeros(count, bool)
    for name in [None] if classes is None else np.unique(classes):
        members = np.arange(count) if classes is None else np.flatnonzero(classes == name)
        of = "" if name is None else f" of class {str(name)!r}"
        if len(members) < 2:
            raise ValueError(
                f"data: expected at least 2 samples{of}, to train and to test, got {len(members)}"
            )
        most = len(members) - 1
        held_out[generator.permutation(members)[: min(max(round(test_share * len(members)), 1), most)]] = True
    return Split(np.flatnonzero(~held_out), np.flatnonzero(held_out))


def standardise(
    values: np.ndarray, train: np.ndarray, names: Sequence[str], kept: np.ndarray | None = None
) -> np.ndarray:
    """Shift and scale each column so that its training part has mean 0 and standard deviation 1; float32.

    A column that is constant in the training part is only shifted.

    Args:
        values: float64 (n, columns).
        train: Indices of the training part.
        names: Names of the columns, for error messages.
        kept: Which columns stay as they are, bool (columns,); None: none.

    Raises:
        ValueError: A test value is so far from the training part that float32 cannot hold it.
    """
    result = Scaling.standardising(values[train], kept).scale_values(values)
    beyond = np.argwhere(np.abs(result) > GREATEST)
    if len(beyond):
        row, column = beyond[0]
        raise ValueError(
            f"data: column {names[column]!r}: must be a finite float32 once it is standardised, got "
            f"{values[row, column]:g} in sample {row + 1}, which is {result[row, column]:.3g} standard deviations "
            "from the mean of the training part"
        )
    return result.astype(np.float32)
