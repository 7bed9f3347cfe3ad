"""What an evaluator of a data set does before it scores: encode classes, standardise, and keep the names."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import as_float64, check_size
from evaluators.mean_and_deviation import moments
from evaluators.models.columns import (
    check_names,
    column_names,
    declared_categories,
    read_cells,
    split_columns,
)
from evaluators.models.encoding import Column, NumberColumn, fit_column
from evaluators.models.inputs import Rows, Scaling
from evaluators.models.outputs import Classes, Values
from evaluators.samples import CLASSIFYING, Samples, as_columns
from neat.support.messages import quote, shorten
from neat.support.validation import check_unmasked

_log = logging.getLogger("evaluators.data")

_MOST_CLASSES = 2**16
_MOST_DEVIATION = 10.0  # of an input without a warning
_LONGEST_LIST = 300  # characters of columns in a line of the log


class Encoding(NamedTuple):
    """What empty cells and text mean (see `evaluators.Supervised`)."""

    missing: str | None = None
    categories: Mapping[str, Sequence[str]] | None = None

    def check(self) -> None:
        """Raise a ValueError unless the fields have the right types."""
        if self.missing not in (None, "mean"):
            raise ValueError(f"missing: must be None or 'mean', got {quote(self.missing)}")
        if self.categories is None:
            return
        if not isinstance(self.categories, Mapping):
            raise ValueError(f"categories: expected a dictionary of lists, got {quote(self.categories)}")
        for name, listed in self.categories.items():
            if isinstance(listed, str) or not isinstance(listed, Sequence | np.ndarray):
                raise ValueError(f"categories: expected a list for column {quote(name)}, got {quote(listed)}")
            wrong = [category for category in listed if not isinstance(category, str)]
            if wrong or len(listed) == 0:
                found = quote(wrong[0] if wrong else listed)
                raise ValueError(f"categories: expected texts for column {quote(name)}, got {found}")


class Prepared(NamedTuple):
    """A data set as networks see it, with what a model needs to see other data alike."""

    inputs: Any
    """Inputs of the networks, (samples, inputs); not checked unless they are standardised."""
    targets: Any
    """Targets of the networks; not checked unless they are standardised or encoded."""
    classes: tuple[Any, ...] | None
    """The labels of the classes; None if none are given: they are integers, or the targets are values."""
    rows: Rows
    values: Values


def prepare(
    inputs: Any,
    targets: Any,
    fitness: Any,
    standardise: bool,
    classes: Sequence[Any] | None,
    names: tuple[Any, Any],
    encoding: Encoding,
) -> Prepared:
    """Return a data set as `evaluators.Supervised` describes it.

    Args:
        inputs: As for `Supervised`, as are `targets`, `fitness`, `standardise` and `classes`.
        names: `input_names` and `output_names`.
        encoding: `missing` and `categories`.

    Raises:
        ValueError: Names, classes or categories are wrong or do not fit, a cell is empty, or what is standardised is
            not finite.
    """
    if not isinstance(standardise, bool | np.bool_):
        raise ValueError(f"standardise: must be true or false, got {quote(standardise)}")
    classifying = fitness in CLASSIFYING
    if classes is not None and not classifying:
        raise ValueError(f"classes: are for cross_entropy and accuracy, got fitness {quote(fitness)}")
    input_names, output_names = (
        _names(field, given, data)
        for field, given, data in zip(("input_names", "output_names"), names, (inputs, targets), strict=True)
    )
    rows, inputs = fit_rows("inputs", inputs, input_names, bool(standardise), encoding)
    _log_columns(rows)
    target_scaling = None
    if classifying:
        if classes is None and np.ndim(targets) == 2 and np.shape(targets)[1] > 1:
            classes = output_names
        targets, classes = encode_classes(targets, classes)
    elif standardise and fitness in ("squared_error", "absolute_error"):
        values = read_targets(targets)
        target_scaling = Scaling.standardising(values)
        targets = target_scaling.apply("targets", values)
    return Prepared(
        inputs,
        targets,
        None if classes is None else tuple(classes),
        rows,
        Values(names=output_names, scaling=target_scaling),
    )


def fit_rows(
    field: str, data: Any, names: tuple[str, ...] | None, standardise: bool, encoding: Encoding
) -> tuple[Rows, Any]:
    """Return how networks see data like these, and the inputs, which are not checked unless they are standardised.

    Args:
        field: The name of the data in messages.
        data: As `inputs` of `Supervised`.
        names: Names of the columns, if they are known.
        standardise: Whether inputs get mean 0 and deviation 1; categories stay 0 and 1.
        encoding: What empty cells and text mean.

    Raises:
        ValueError: `prepare` would raise it.
    """
    columns, values = _encode_columns(field, data, names, encoding)
    rows = Rows(names=names, columns=columns)
    if not standardise:
        return rows, values
    values = as_float64(field, values)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"{field}: expected shape (samples, {field}), got {values.shape}")
    scaling = Scaling.standardising(values, rows.is_category)
    return Rows(names=names, columns=columns, scaling=scaling), scaling.apply(field, values)


def _encode_columns(
    field: str, data: Any, names: tuple[str, ...] | None, encoding: Encoding
) -> tuple[tuple[Column, ...] | None, Any]:
    """Return the encodings of the columns, or None if all are plain numbers, and the encoded data."""
    encoding.check()
    table = column_names(data)
    is_mixed = hasattr(data, "columns") or getattr(getattr(data, "dtype", None), "kind", None) == "O"
    if not is_mixed and encoding == Encoding():
        return None, data
    raw = split_columns(field, data, table or names, None if names is None else len(names))
    if not raw or not len(next(iter(raw.values()))):
        raise ValueError(f"{field}: expected samples with columns, got none")
    if names is not None:
        check_size("input_names", "names, as the inputs have columns", len(names), len(raw))
    declared = dict(encoding.categories or {})
    columns, parts = [], []
    for name, (label, column) in zip(names or [None] * len(raw), raw.items(), strict=True):
        cells = read_cells(label, column)
        known = declared.pop(name) if name in declared else declared_categories(column)
        columns.append(fit_column(label, cells, encoding.missing is not None, known))
        parts.append(columns[-1].encode(label, cells))
    if declared:
        raise ValueError(f"categories: there is no column {quote(next(iter(declared)))}")
    plain = all(column == NumberColumn() for column in columns)
    return None if plain else tuple(columns), np.concatenate(parts, axis=1)


def _log_columns(rows: Rows) -> None:
    """Log how text and empty cells are encoded, if there are any."""
    if rows.columns is None:
        return
    columns = dict(zip(rows.names or range(len(rows.columns)), rows.columns, strict=True))
    texts = [f"{quote(name)} ({column.width})" for name, column in columns.items() if column.kind == "text"]
    if texts:
        _log.info(
            "text columns, with an input for each category: %s", shorten(", ".join(texts), _LONGEST_LIST)
        )
    fills = [
        f"{quote(name)} {_format(column.fill)}" for name, column in columns.items() if column.fill is not None
    ]
    if fills:
        _log.info("what empty cells count as: %s", shorten(", ".join(fills), _LONGEST_LIST))


def _format(fill: Any) -> str:
    return fill if isinstance(fill, str) else f"{fill:.6g}"


def warn_of_scales(inputs: np.ndarray, rows: Rows) -> None:
    """Warn if the deviation of an input is far from 1, for which initial weights and their mutations are made.

    Args:
        inputs: float32 (samples, inputs), not standardised.
        rows: The names of the inputs.
    """
    deviation, extent = moments(inputs.astype(np.float64))[1], np.ptp(inputs, axis=0)
    # A column of zeros with a few ones has a small deviation too. Its range is 1, so it needs no warning.
    wrong = (deviation > _MOST_DEVIATION) | (
        (extent < 1) & (deviation > 0) & (deviation < 1 / _MOST_DEVIATION)
    )
    if not wrong.any():
        return
    at = int(np.argmax(np.where(wrong, np.abs(np.log(np.where(wrong, deviation, 1))), 0)))
    name = at if rows.input_names is None else quote(rows.input_names[at])
    others = f", and {wrong.sum() - 1} others are far from 1 too" if wrong.sum() > 1 else ""
    warnings.warn(
        f"inputs: column {name} has a deviation of {deviation[at]:.3g}, and networks expect about 1{others}; pass "
        "standardise=True, or scale the inputs",
        stacklevel=3,
    )


def model_parts(prepared: Prepared, samples: Samples) -> tuple[Rows, Values | Classes]:
    """Return the preprocessing and postprocessing in a model of a data set, checked against its arrays.

    Raises:
        ValueError: The numbers of names or classes do not fit.
    """
    rows, values, labels = prepared.rows, prepared.values, prepared.classes
    if rows.names is not None:
        expected = rows.count_columns(samples.num_inputs)
        check_size("input_names", "names, as the inputs have columns", len(rows.names), expected)
    if not samples.classifies:
        if values.names is not None:
            check_size("output_names", "names, as the targets", len(values.names), samples.num_outputs)
        return rows, values
    count = 2 if samples.num_outputs == 1 else samples.num_outputs
    chosen = tuple(range(count)) if labels is None else labels
    check_size("classes", "labels, one for each class", len(chosen), count)
    name = values.names[0] if values.names is not None and len(values.names) == 1 else None
    return rows, Classes(labels=chosen, logits=samples.fitness == "cross_entropy", name=name)


def _names(field: str, given: Any, data: Any) -> tuple[str, ...] | None:
    """Return the given names or, by default, those of a table's columns or of a series."""
    if given is None:
        given = column_names(data)
    if given is None:
        name = getattr(data, "name", None)
        given = [name] if isinstance(name, str) and getattr(data, "ndim", 0) == 1 else None
    if given is None:
        return None
    check_names(field, given)
    return tuple(map(str, given))


def read_targets(targets: Any) -> np.ndarray:
    """Return targets that are values, float64 (samples, outputs); raise a ValueError for another shape."""
    return as_columns(as_float64("targets", targets))


def encode_classes(targets: Any, classes: Sequence[Any] | None) -> tuple[Any, Sequence[Any] | None]:
    """Return targets that `as_samples` understands, and the labels of the classes if they are not integers from 0."""
    check_unmasked("targets", targets)
    if np.ndim(targets) != 1:
        return targets, classes
    labels = np.asarray(targets)
    if classes is None:
        if labels.dtype.kind in "iuf":
            return targets, None
        classes = _sorted_labels(labels)
    else:
        classes = _plain(classes)
        if len(set(classes)) < len(classes):
            raise ValueError(f"classes: expected different labels, got {quote(classes)}")
    if not 2 <= len(classes) <= _MOST_CLASSES:
        raise ValueError(f"targets: expected from 2 to {_MOST_CLASSES} classes, got {len(classes)}")
    index = {label: position for position, label in enumerate(classes)}
    given = _plain(labels)
    unknown = [label for label in given if label not in index]
    if unknown:
        raise ValueError(f"targets: expected labels among {quote(list(classes))}, got {quote(unknown[0])}")
    encoded = np.array([index[label] for label in given])
    if len(classes) == 2:
        return encoded, classes
    return np.eye(len(classes), dtype=np.float32)[encoded], classes


def _sorted_labels(labels: np.ndarray) -> list[Any]:
    try:
        return sorted(set(_plain(labels)))
    except TypeError:
        raise ValueError(f"targets: expected labels of one type, got {quote(list(labels[:6]))}") from None


def _plain(labels: Any) -> list[Any]:
    """Return labels as Python's own types, which JSON has."""
    return [label.item() if isinstance(label, np.generic) else label for label in labels]
