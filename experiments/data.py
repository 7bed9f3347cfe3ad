"""Data sets: from CSV files, generated, or scikit-learn's; divided and standardised for training."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluators.gradient import Standardise

GREATEST = float(np.finfo(np.float32).max)


class Data(NamedTuple):
    """A data set: n samples with features, and for each a number or the name of its class."""

    features: np.ndarray
    """float64 (n, features)."""
    target: np.ndarray
    """float64 (n,), or names of classes, (n,)."""
    names: list[str]
    """Of the features."""


class Split(NamedTuple):
    """Indices of the samples to train on and of those held out, int64."""

    train: np.ndarray
    test: np.ndarray


def read_csv(path: str | Path, target: str, field: str, classes: bool) -> Data:
    """A CSV file with a header; all columns but `target` are features.

    Args:
        path: UTF-8 text, separated by commas.
        target: Name of the column to predict.
        field: What to call `target` in an error.
        classes: Whether the target holds names of classes rather than numbers.

    Raises:
        ValueError: The file cannot be read or is no such table; the message has the line.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            try:
                rows = _parsed(reader, target, field, classes)
            except (csv.Error, LineError) as error:
                raise ValueError(f"{path}: line {max(reader.line_num, 1)}: {error}") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: must be UTF-8 text") from None
    return rows


class LineError(ValueError):
    """What is wrong in the line being read."""


def _parsed(reader: Iterator[list[str]], target: str, field: str, classes: bool) -> Data:
    header = [name.strip() for name in next(reader, [])]
    _check_header(header)
    if target not in header:
        raise LineError(f"{field}: must be one of {', '.join(header)}, got {target!r}")
    at = header.index(target)
    features, targets = [], []
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise LineError(f"expected {len(header)} values, got {len(row)}")
        text = row[at].strip()
        if classes and not text:
            raise LineError(f"column {target!r}: must not be empty")
        targets.append(text if classes else _number(text, target))
        features.append([_number(v, n) for k, (v, n) in enumerate(zip(row, header, strict=True)) if k != at])
    if not features:
        raise LineError("expected samples after the header, found none")
    names = header[:at] + header[at + 1 :]
    return Data(np.array(features), np.array(targets), names)


def _check_header(header: list[str]) -> None:
    if not any(header):
        raise LineError("expected a header, found nothing")
    if all(_is_number(name) for name in header):
        raise LineError("expected a header with the columns' names, got numbers")
    if "" in header:
        raise LineError(f"column {header.index('') + 1} has no name")
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise LineError(f"there are two columns {min(twice)!r}")
    if len(header) < 2:
        raise LineError("expected a feature beside the target, got one column")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str, column: str) -> float:
    if not _is_number(text):
        raise LineError(f"column {column!r}: must be a number, got {text!r}")
    value = float(text)
    if not abs(value) <= GREATEST:
        raise LineError(f"column {column!r}: must be a finite float32, got {text!r}")
    return value


def iris() -> Data:
    """Fisher's irises (1936), from scikit-learn; ImportError without it."""
    bunch = _datasets("iris").load_iris()
    return Data(bunch.data, bunch.target_names[bunch.target], list(bunch.feature_names))


def digits() -> Data:
    """1,797 written digits of 8 × 8 pixels (Alpaydin and Kaynak 1998), from scikit-learn; ImportError without it."""
    bunch = _datasets("digits").load_digits()
    return Data(bunch.data, bunch.target_names[bunch.target].astype(str), list(bunch.feature_names))


def _datasets(name: str) -> Any:
    try:
        from sklearn import datasets
    except ImportError:
        raise ImportError(f"data: {name} needs scikit-learn: pip install 'batchneat[datasets]'") from None
    return datasets


def spirals(samples: int = 200, turns: float = 1.0, noise: float = 0.02) -> Data:
    """Two spirals around each other (after Lang and Witbrock 1988), the same at every call."""
    generator = np.random.default_rng(0)
    each = samples // 2
    radius = np.linspace(0.1, 1.0, each)
    angle = 2 * np.pi * turns * radius
    arm = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    features = np.concatenate([arm, -arm]) + generator.normal(0, noise, (2 * each, 2))
    return Data(features, np.repeat(["first", "second"], each), ["x", "y"])


def check_split(test_share: float, split_seed: int) -> None:
    """Raise ValueError unless these can divide a data set."""
    if not 0 < test_share < 1:
        raise ValueError(f"test_share: must lie between 0 and 1, got {test_share}")
    if split_seed < 0:
        raise ValueError(f"split_seed: must be at least 0, got {split_seed}")


def split(count: int, test_share: float, seed: int, classes: np.ndarray | None = None) -> Split:
    """Divide samples at random, class by class where `classes` (count,) are given.

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
                f"data: expected 2 samples{of} at least, to train and to test, got {len(members)}"
            )
        most = len(members) - 1
        held_out[generator.permutation(members)[: min(max(round(test_share * len(members)), 1), most)]] = True
    return Split(np.flatnonzero(~held_out), np.flatnonzero(held_out))


def standardised(values: np.ndarray, train: np.ndarray, names: list[str]) -> np.ndarray:
    """`values` shifted and scaled so that each column's training part has mean 0 and deviation 1; float32.

    A column that is constant in the training part is 0 there, and elsewhere the difference from the constant.

    Args:
        values: float64 (n, columns).
        train: Indices of the training part.
        names: The columns', for an error.

    Raises:
        ValueError: A held-out value lies so far from the training part that float32 cannot hold it.
    """
    result = Standardise(values[train])(values)
    beyond = np.argwhere(np.abs(result) > GREATEST)
    if len(beyond):
        row, column = beyond[0]
        raise ValueError(
            f"data: column {names[column]!r}: must be a finite float32 once it is standardised, got "
            f"{values[row, column]:g} in sample {row + 1}, which is {result[row, column]:.3g} standard deviations "
            "from the mean of the training part"
        )
    return result.astype(np.float32)
