"""Data as rows of an array, or as a table with named columns, such as a frame of pandas or Polars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluators.checks import as_float64, check_size
from neat.support.messages import quote, shorten
from neat.support.validation import check_unmasked

_LONGEST_LIST = 300  # characters of names in a message


def column_names(table: Any) -> list[str] | None:
    """Return the names of a table's columns; None for anything else, and for a table whose columns have numbers.

    Raises:
        ValueError: Some names are not text, or a name occurs twice.
    """
    if not hasattr(table, "columns") or not hasattr(table, "__getitem__"):
        return None
    names = list(table.columns)
    if not any(isinstance(name, str) for name in names):
        return None
    check_names("columns", names)
    return names


def check_names(field: str, names: Any) -> None:
    """Raise a ValueError unless these are different names, a sequence of text."""
    if isinstance(names, str) or not isinstance(names, Sequence | np.ndarray):
        raise ValueError(f"{field}: expected a list of names, got {quote(names)}")
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise ValueError(f"{field}: expected names, got {quote(wrong[0])}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{field}: expected different names, got {quote(min(twice))} twice")


def read_rows(field: str, data: Any, names: Sequence[str] | None, count: int) -> np.ndarray:
    """Return data as float64 (samples, count). Columns of a table are taken by their names, if these are known.

    Args:
        field: The name of the data in messages.
        data: An array of shape (samples, count), or a table with these columns in any order.
        names: The names of the columns, if they are known.
        count: The number of columns.

    Raises:
        ValueError: A column is missing or unknown, the shape differs, or a number is not finite.
    """
    given = column_names(data)
    if given is not None and names is not None:
        check_columns(field, given, names)
        return np.stack([as_float64(f"{field}: column {quote(name)}", data[name]) for name in names], axis=1)
    rows = as_float64(field, data)
    if rows.ndim != 2:
        raise ValueError(f"{field}: expected shape (samples, {count}), got {rows.shape}")
    check_size(field, "columns", rows.shape[1], count)
    return rows


def split_columns(field: str, data: Any, names: Sequence[str] | None, count: int | None) -> dict[str, Any]:
    """Return the columns of data, each (samples,), by their names in messages.

    Args:
        field: The name of the data in messages.
        data: An array of shape (samples, columns), of numbers or objects, or a table.
        names: The names of the columns, if they are known. Those of a table are taken in this order.
        count: The number of columns, if it is known.

    Raises:
        ValueError: A column is missing or unknown, or the shape differs.
    """
    given = column_names(data)
    if given is not None and names is not None:
        check_columns(field, given, names)
        return {f"{field}: column {quote(name)}": data[name] for name in names}
    check_unmasked(field, data)
    is_array = hasattr(data, "dtype") or hasattr(data, "columns")
    rows = np.asarray(data) if is_array else np.asarray(data, object)
    if rows.ndim != 2:
        raise ValueError(f"{field}: expected shape (samples, {count or 'inputs'}), got {rows.shape}")
    if count is not None:
        check_size(field, "columns", rows.shape[1], count)
    labels = range(rows.shape[1]) if names is None else map(quote, names)
    return {f"{field}: column {label}": rows[:, k] for k, label in enumerate(labels)}


def read_cells(field: str, column: Any) -> np.ndarray:
    """Return a column's cells: float64 with NaN where they are empty, or objects, text with None where it is empty.

    Args:
        field: The name of the column in messages.
        column: An array or a series (samples,). None, NaN, pandas' NA and blank text are empty.

    Raises:
        ValueError: The column has other objects than numbers or text, or both.
    """
    check_unmasked(field, column)
    cells = np.asarray(column)
    if cells.ndim != 1:
        raise ValueError(f"{field}: expected shape (samples,), got {cells.shape}")
    if cells.dtype.kind in "fiub":
        return cells.astype(np.float64)
    if cells.dtype.kind not in "OUT":
        raise ValueError(f"{field}: expected numbers or text, got dtype {cells.dtype}")
    plain = [None if _is_empty(cell) else cell for cell in cells.astype(object)]
    kinds = {isinstance(cell, str) for cell in plain if cell is not None}
    if kinds == {True, False}:
        number = next(cell for cell in plain if cell is not None and not isinstance(cell, str))
        text = next(cell for cell in plain if isinstance(cell, str))
        raise ValueError(f"{field}: expected numbers or text, got both: {quote(number)} and {quote(text)}")
    if kinds == {False}:
        return np.array([np.nan if cell is None else _to_float(field, cell) for cell in plain])
    result = np.empty(len(plain), object)
    result[:] = plain
    return result


def declared_categories(column: Any) -> Sequence[str] | None:
    """Return the categories of a categorical series of pandas, if they are text."""
    categories = getattr(getattr(column, "cat", None), "categories", None)
    return None if categories is None or not all(isinstance(c, str) for c in categories) else list(categories)


def _to_float(field: str, cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{field}: expected numbers or text, got {quote(cell)}") from None


def _is_empty(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip()
    if isinstance(cell, np.ndarray):
        return False
    return cell is None or type(cell).__name__ in ("NAType", "NaTType") or bool(cell != cell)


def check_columns(field: str, given: Sequence[str], names: Sequence[str]) -> None:
    """Raise a ValueError that names all missing and unknown columns, if there are any."""
    parts = [
        f"{kind} columns {shorten(', '.join(map(quote, found)), _LONGEST_LIST)}"
        for kind, found in (
            ("missing", [name for name in names if name not in given]),
            ("unknown", [name for name in given if name not in names]),
        )
        if found
    ]
    if parts:
        raise ValueError(f"{field}: {' and '.join(parts)}")
