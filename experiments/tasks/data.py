"""Data sets from CSV files, from scikit-learn or generated, and their division and standardisation."""

from __future__ import annotations

import contextlib
import csv
import difflib
import importlib
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from evaluators.gradient import Standardise
from neat.support.messages import quote, shorten

GREATEST = float(np.finfo(np.float32).max)

_NUMBER = re.compile(
    r"[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?|nan|inf(inity)?)", re.ASCII | re.IGNORECASE
)
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MAX_LISTED_NAME = 60  # characters of a column's name in a list
_MAX_LISTED = 20  # columns in a message
_Result = TypeVar("_Result")
_MAX_CLASS_NAME = 256  # characters; each name takes as much memory as the longest


class Data(NamedTuple):
    """A data set of n samples: their features, and a number or the name of a class for each."""

    features: np.ndarray
    """float64 (n, features)."""
    target: np.ndarray
    """Numbers, float64 (n,), or names of classes, (n,)."""
    names: list[str]
    """Names of the features."""


class Table(NamedTuple):
    """The inputs of a model for n samples, and the other columns of their file."""

    inputs: np.ndarray
    """float64 (n, inputs)."""
    other_names: list[str]
    """Names of the columns that are not inputs."""
    others: list[list[str]]
    """The text of these columns, one list for each sample."""


class Split(NamedTuple):
    """Indices of the training samples and of the test samples, int64."""

    train: np.ndarray
    test: np.ndarray


def read_csv(path: str | Path, target: str, classes: bool) -> Data:
    """Read a CSV file with a header. All columns but `target` are features.

    Args:
        path: UTF-8 text, separated by commas.
        target: Name of the column to predict.
        classes: Whether the target holds names of classes rather than numbers.

    Raises:
        ValueError: The file cannot be read or is not such a table. The message names the line.
    """
    return _read_lines(
        path,
        lambda first: _check_separator(first, target),
        lambda rows: _parse_rows(rows, target, classes),
    )


def read_table(path: str | Path, names: Sequence[str] | None, count: int) -> Table:
    """Read the inputs of a model from a CSV file with a header.

    Args:
        path: UTF-8 text, separated by commas.
        names: Names of the columns that are inputs, in the model's order; None: all columns are inputs.
        count: The number of inputs.

    Raises:
        ValueError: The file cannot be read, is not such a table, or lacks an input. The message names the line.
    """
    return _read_lines(
        path,
        lambda first: _check_separator(first, names[0] if names else ""),
        lambda rows: _parse_table(rows, names, count),
    )


def _read_lines(
    path: str | Path, check_first: Callable[[str], None], parse: Callable[[_Rows], _Result]
) -> _Result:
    """Return what `parse` makes of the rows of a file; errors name the file and the line."""
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            rows = _Rows(itertools.chain([first], file))  # not seek(), because the file may be a pipe
            try:
                check_first(first)
                return parse(rows)
            except LineError as error:
                raise ValueError(f"{path}: line {rows.line}: {error}") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: must be UTF-8 text (in a spreadsheet, save it as CSV UTF-8)") from None


class LineError(ValueError):
    """An error in the line that was read last."""


class _Rows:
    """An iterator over the rows of a CSV file that are not empty.

    Attributes:
        line: Number of the line in which the last row begins.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._reader = csv.reader(lines, strict=True)
        self.line = 1

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        row: list[str] = []
        while not row:
            begin = self._reader.line_num + 1
            try:
                row = next(self._reader)
            except csv.Error as error:
                self.line = begin
                raise LineError(f"{error}; is a quotation mark missing or misplaced?") from None
        self.line = begin
        if any("\0" in value for value in row):
            raise LineError("holds a NUL character; the file must be UTF-8 text")
        return row


def _parse_table(rows: _Rows, names: Sequence[str] | None, count: int) -> Table:
    header = _read_header(rows)
    if names is None and len(header) != count:
        raise LineError(f"expected {count} columns, the inputs of the model, got {len(header)}")
    names = header if names is None else names
    missing = [name for name in names if name not in header]
    if missing:
        raise LineError(f"missing columns {shorten(', '.join(map(quote, missing)))}")
    at = [header.index(name) for name in names]
    others = [k for k in range(len(header)) if k not in at]
    inputs, rest = [], []
    for row in rows:
        _check_length(row, len(header))
        inputs.append([_parse_number(row[k], header[k]) for k in at])
        rest.append([row[k] for k in others])
    if not inputs:
        raise LineError("expected samples after the header, found none")
    return Table(np.array(inputs), [header[k] for k in others], rest)


def _parse_rows(rows: _Rows, target: str, classes: bool) -> Data:
    header = _read_header(rows)
    _check_target(header, target)
    at = header.index(target)
    features, targets = [], []
    for row in rows:
        _check_length(row, len(header))
        text = row[at].strip()
        targets.append(_parse_class(text, target) if classes else _parse_number(text, target))
        features.append(
            [_parse_number(v, n) for k, (v, n) in enumerate(zip(row, header, strict=True)) if k != at]
        )
    if not features:
        raise LineError("expected samples after the header, found none")
    names = header[:at] + header[at + 1 :]
    return Data(np.array(features), np.array(targets), names)


def _check_separator(line: str, target: str) -> None:
    """Raise LineError if a header separates its columns by something other than commas."""

    def columns(separator: str) -> list[str]:
        return [name.strip() for row in csv.reader([line], delimiter=separator) for name in row]

    with contextlib.suppress(csv.Error):  # `_Rows` raises it again
        whole = columns(",")
        for separator, name in _OTHER_SEPARATORS.items():
            parts = columns(separator)
            if target not in whole and (target in parts or len(whole) == 1 < len(parts)):
                raise _separator_error(name)


def _check_row_separator(row: list[str], count: int) -> None:
    """Raise LineError if another separator than the comma gives a row the right number of values."""
    for separator, name in _OTHER_SEPARATORS.items():
        if len(",".join(row).split(separator)) == count:
            raise _separator_error(name)


def _separator_error(found: str) -> LineError:
    return LineError(
        f"expected commas between the columns, found {found}; save the file with commas, and with points in "
        "decimal numbers"
    )


def _check_length(row: list[str], count: int) -> None:
    if len(row) != count:
        _check_row_separator(row, count)
        raise LineError(f"expected {count} values, got {len(row)}")


def _read_header(rows: _Rows) -> list[str]:
    header = [name.strip() for name in next(rows, [])]
    if not any(header):
        raise LineError("expected a header, found nothing")
    if all(_NUMBER.fullmatch(name) for name in header):
        raise LineError("expected a header with the columns' names, got numbers")
    if "" in header:
        raise LineError(f"column {header.index('') + 1} has no name")
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise LineError(f"there are two columns {quote(min(repeated))}")
    return header


def _check_target(header: list[str], target: str) -> None:
    if len(header) < 2:
        raise LineError("expected a feature beside the target, got one column")
    if target not in header:
        listed = (
            header
            if len(header) <= _MAX_LISTED
            else difflib.get_close_matches(target, header, _MAX_LISTED, 0.0)
        )
        names = ", ".join(
            name if name.isprintable() and len(name) <= _MAX_LISTED_NAME else quote(name) for name in listed
        )
        rest = f" and {len(header) - _MAX_LISTED} others" if len(header) > _MAX_LISTED else ""
        raise LineError(f"target: must be one of {names}{rest}, got {quote(target)}")


def _parse_class(text: str, column: str) -> str:
    if not text:
        raise LineError(f"column {quote(column)}: must not be empty")
    if len(text) > _MAX_CLASS_NAME:
        raise LineError(
            f"column {quote(column)}: a class's name must have at most {_MAX_CLASS_NAME} characters, "
            f"got {len(text)}: {quote(text)}"
        )
    return text


def _parse_number(text: str, column: str) -> float:
    """Return the number in a cell. Unlike `float`, it rejects underscores and digits of other scripts."""
    text = text.strip()
    if not text:
        raise LineError(f"column {quote(column)}: must not be empty")
    if not _NUMBER.fullmatch(text):
        raise LineError(
            f"column {quote(column)}: must be a number, got {quote(text)}; numbers look like 1500, -0.25 or 1.5e3"
        )
    value = float(text)
    if not abs(value) <= GREATEST:
        raise LineError(f"column {quote(column)}: must be a finite float32, got {quote(text)}")
    return value


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


def spirals(samples: int = 200, turns: float = 1.0, noise: float = 0.02) -> Data:
    """Return two intertwined spirals (after Lang and Witbrock 1988), the same at every call."""
    generator = np.random.default_rng(0)
    count = samples // 2
    radius = np.linspace(0.1, 1.0, count)
    angle = 2 * np.pi * turns * radius
    arm = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    features = np.concatenate([arm, -arm]) + generator.normal(0, noise, (2 * count, 2))
    return Data(features, np.repeat(["first", "second"], count), ["x", "y"])


def check_split(test_share: float, split_seed: int) -> None:
    """Raise ValueError if the share is not between 0 and 1 or the seed is negative."""
    if not 0 < test_share < 1:
        raise ValueError(f"test_share: must lie between 0 and 1, got {test_share}")
    if split_seed < 0:
        raise ValueError(f"split_seed: must be at least 0, got {split_seed}")


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


def standardise(values: np.ndarray, train: np.ndarray, names: list[str]) -> np.ndarray:
    """Shift and scale each column so that its training part has mean 0 and standard deviation 1; float32.

    A column that is constant in the training part is only shifted.

    Args:
        values: float64 (n, columns).
        train: Indices of the training part.
        names: Names of the columns, for error messages.

    Raises:
        ValueError: A test value is so far from the training part that float32 cannot hold it.
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
