"""CSV files with a header, whose separator and decimal sign are detected."""

from __future__ import annotations

import csv
import difflib
import itertools
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

import numpy as np

from evaluators.models.encoding import EMPTY, TextColumn, list_categories
from evaluators.models.inputs import Rows
from experiments.tasks.data import GREATEST, Data
from neat.support.messages import quote, shorten

_log = logging.getLogger("experiments.data")

_NUMBER = re.compile(
    r"[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?|nan|inf(inity)?)", re.ASCII | re.IGNORECASE
)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE)
# Digits in groups of three.
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}([.,'\s])[0-9]{3}(\1[0-9]{3})*([.,][0-9]+)?")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MAX_LISTED_NAME = 60  # characters of a column's name in a list
_MAX_LISTED = 20  # columns in a message
_Result = TypeVar("_Result")
_MAX_CLASS_NAME = 256  # characters; each name takes as much memory as the longest


class Table(NamedTuple):
    """The inputs of a model for n samples, and the other columns of their file."""

    inputs: np.ndarray
    """The columns that the model reads, float64 (n, columns); objects if some are text. NaN and None are empty."""
    other_names: list[str]
    """Names of the columns that are not inputs."""
    others: list[list[str]]
    """The text of these columns, one list for each sample."""


def read_csv(path: str | Path, target: str, classes: bool, fills: bool = False) -> Data:
    """Read a CSV file with a header. All columns but `target` are features.

    Args:
        path: UTF-8 text. Columns are separated by commas, semicolons, tabs or vertical bars. Decimals have points, or
            commas where commas do not separate columns. A column of which no cell is a number is text. Blank cells and
            "nan" are empty.
        target: Name of the column to predict.
        classes: Whether the target holds names of classes rather than numbers.
        fills: Whether cells of features may be empty.

    Raises:
        ValueError: The file cannot be read or is not such a table. The message names the line.
    """
    return _read_lines(path, target, lambda rows: _parse_rows(rows, target, classes, fills))


def read_table(path: str | Path, inputs: Rows, num_inputs: int) -> Table:
    """Read the inputs of a model from a CSV file with a header, as `read_csv` describes it.

    Args:
        path: The file.
        inputs: The preprocessing of the model.
        num_inputs: The number of inputs of the network.

    Raises:
        ValueError: The file cannot be read, is not such a table, lacks an input, or has a category that the model does
            not know. The message names the line.
    """
    first = inputs.names[0] if inputs.names else ""
    return _read_lines(path, first, lambda rows: _parse_table(rows, inputs, num_inputs))


def _read_lines(path: str | Path, column: str, parse: Callable[[_Rows], _Result]) -> _Result:
    """Return what `parse` makes of the rows of a file; errors name the file and the line.

    Args:
        path: The file.
        column: A column that the file should have, which helps to detect the separator.
        parse: A function of the rows.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            start = [file.readline()]  # not seek(), because the file may be a pipe
            while start[-1] and not start[-1].strip():
                start.append(file.readline())
            rows = _Rows(itertools.chain(start, file), _detect_separator(start[-1], column))
            result = parse(rows)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: must be UTF-8 text (in a spreadsheet, save it as CSV UTF-8)") from None
    except LineError as error:
        raise ValueError(f"{path}: line {rows.line}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if rows.separator != ",":
        decimals = ", and numbers have decimal commas" if rows.comma_line else ""
        _log.info("%s: %s separate the columns%s", path, _SEPARATORS[rows.separator], decimals)
    return result


class LineError(ValueError):
    """An error in the line that was read last."""


class _Rows:
    """An iterator over the rows of a CSV file that are not empty.

    Attributes:
        separator: What separates columns.
        line: Number of the line in which the last row begins.
        point_line: The first line that has a number with a decimal point; 0: none so far.
        comma_line: The first line that has a number with a decimal comma; 0: none so far.
    """

    def __init__(self, lines: Iterator[str], separator: str) -> None:
        self._reader = csv.reader(lines, delimiter=separator, strict=True)
        self.separator = separator
        self.line = 1
        self.point_line = self.comma_line = 0

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

    def to_number(self, text: str, column: str) -> float | None:
        """Return the number in a cell of the last row; None if it is none.

        Unlike `float`, it rejects underscores and digits of other scripts.
        """
        if _NUMBER.fullmatch(text):
            if "." in text:
                self.point_line = self.point_line or self.line
        elif self.separator != "," and _DECIMAL_COMMA.fullmatch(text):
            self.comma_line = self.comma_line or self.line
        else:
            return None
        if self.point_line and self.comma_line:
            sign, other, line = (
                ("comma", "point", self.point_line)
                if self.comma_line == self.line
                else ("point", "comma", self.comma_line)
            )
            raise LineError(
                f"column {quote(column)}: {quote(text)} has a decimal {sign}, but line {line} a decimal {other}"
            )
        value = float(text.replace(",", "."))
        if not abs(value) <= GREATEST:
            raise LineError(f"column {quote(column)}: must be a finite float32, got {quote(text)}")
        return value


class _Column:
    """A column of features while it is read: numbers or text, whichever its cells are."""

    def __init__(self, name: str, fills: bool) -> None:
        self.name = name
        self.cells: list[float | str | None] = []
        self._fills = fills
        self._number_line, self._text_line, self._text = 0, 0, ""

    @property
    def is_text(self) -> bool:
        """Whether the cells are text."""
        return self._text_line > 0

    def add(self, cell: str, rows: _Rows) -> None:
        """Add a cell of the last row."""
        text = _strip(cell)
        if not text:
            if not self._fills:
                raise LineError(f"column {quote(self.name)}: {EMPTY}; --missing mean fills empty cells")
            self.cells.append(None)
            return
        number = rows.to_number(text, self.name)
        self.cells.append(text if number is None else number)
        if number is not None:
            self._number_line = self._number_line or rows.line
        elif not self.is_text:
            self._text_line, self._text = rows.line, text
        if self._number_line and self._text_line:
            self._refuse(rows)

    def refuse_numbers(self, rows: _Rows) -> None:
        """Raise a ValueError if the cells are text, but all of it numbers in a notation that is not read."""
        texts = [cell for cell in self.cells if isinstance(cell, str)]
        if texts and all(_GROUPED.fullmatch(text) or _DECIMAL_COMMA.fullmatch(text) for text in texts):
            self._refuse(rows)

    def _refuse(self, rows: _Rows) -> NoReturn:
        rows.line = self._text_line
        raise _number_error(self.name, self._text)


def _strip(cell: str) -> str:
    """Return the text of a cell; "" if it is empty, which numpy and pandas can write as "nan"."""
    text = cell.strip()
    return "" if text.lower() == "nan" else text


def _detect_separator(header: str, column: str) -> str:
    """Return the separator by which a header has the column; if none has, the one that gives the most columns."""

    def split(separator: str) -> list[str]:
        try:
            return [name.strip() for row in csv.reader([header], delimiter=separator) for name in row]
        except csv.Error:  # `_Rows` raises it again
            return []

    return max(_SEPARATORS, key=lambda separator: (column in split(separator), len(split(separator))))


def _parse_table(rows: _Rows, inputs: Rows, num_inputs: int) -> Table:
    header = _read_header(rows)
    count = inputs.count_columns(num_inputs)
    if inputs.names is None and len(header) != count:
        raise LineError(f"expected {count} columns, the inputs of the model, got {len(header)}")
    names = header if inputs.names is None else inputs.names
    missing = [name for name in names if name not in header]
    if missing:
        raise LineError(f"missing columns {shorten(', '.join(map(quote, missing)))}")
    at = [header.index(name) for name in names]
    others = [k for k in range(len(header)) if k not in at]
    columns: Sequence[Any] = inputs.columns or [None] * count
    read, rest = [], []
    for row in rows:
        _check_length(row, len(header), rows.separator)
        read.append(
            [_parse_input(row[k], header[k], column, rows) for k, column in zip(at, columns, strict=True)]
        )
        rest.append([row[k] for k in others])
    if not read:
        raise LineError("expected samples after the header, found none")
    is_text = any(isinstance(column, TextColumn) for column in columns)
    return Table(np.array(read, object if is_text else float), [header[k] for k in others], rest)


def _parse_input(cell: str, name: str, column: Any, rows: _Rows) -> float | str | None:
    """Return the value of a cell for a model that encodes the column so; None: as a number that cannot be empty."""
    text = _strip(cell)
    is_text = isinstance(column, TextColumn)
    if not text and getattr(column, "fill", None) is not None:
        return None if is_text else np.nan
    if not is_text:
        return _parse_number(text, name, rows)
    if not text:
        raise LineError(f"column {quote(name)}: {EMPTY}")
    try:
        column.check_category(text)
    except ValueError as error:
        raise LineError(f"column {quote(name)}: {error}") from None
    return text


def _parse_rows(rows: _Rows, target: str, classes: bool, fills: bool) -> Data:
    header = _read_header(rows)
    _check_target(header, target)
    at = header.index(target)
    columns = [_Column(name, fills) for name in header[:at] + header[at + 1 :]]
    targets: list[Any] = []
    for row in rows:
        _check_length(row, len(header), rows.separator)
        text = _strip(row.pop(at))
        targets.append(_parse_class(text, target) if classes else _parse_number(text, target, rows))
        for column, cell in zip(columns, row, strict=True):
            column.add(cell, rows)
    if not targets:
        raise LineError("expected samples after the header, found none")
    for column in columns:
        column.refuse_numbers(rows)
    categories = {
        column.name: list_categories(f"column {quote(column.name)}", column.cells)
        for column in columns
        if column.is_text
    }
    features = np.array([column.cells for column in columns], object if categories else float).T
    names = [column.name for column in columns]
    return Data(np.ascontiguousarray(features), np.array(targets), names, categories or None)


def _check_length(row: list[str], count: int, separator: str) -> None:
    if len(row) == count:
        return
    for other, name in _SEPARATORS.items():
        if len(separator.join(row).split(other)) == count:
            raise LineError(
                f"expected {_SEPARATORS[separator]} between the values, as in the header, found {name}"
            )
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
        raise LineError(f"column {quote(column)}: {EMPTY}")
    if len(text) > _MAX_CLASS_NAME:
        raise LineError(
            f"column {quote(column)}: a class's name must have at most {_MAX_CLASS_NAME} characters, "
            f"got {len(text)}: {quote(text)}"
        )
    return text


def _parse_number(text: str, column: str, rows: _Rows) -> float:
    if not text:
        raise LineError(f"column {quote(column)}: {EMPTY}")
    value = rows.to_number(text, column)
    if value is None:
        raise _number_error(column, text)
    return value


def _number_error(column: str, text: str) -> LineError:
    return LineError(
        f"column {quote(column)}: must be a number, got {quote(text)}; numbers look like 1500, -0.25 or 1.5e3"
    )
