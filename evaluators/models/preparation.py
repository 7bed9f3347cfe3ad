"""What an evaluator of a data set does before it scores: encode classes, standardise, and keep the names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import as_float64, check_size
from evaluators.models.columns import check_names, column_names
from evaluators.models.inputs import Rows, Scaling
from evaluators.models.outputs import Classes, Values
from evaluators.samples import CLASSIFYING, Samples
from neat.support.messages import quote
from neat.support.validation import check_unmasked

_MOST_CLASSES = 2**16


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
) -> Prepared:
    """Return a data set as `evaluators.Supervised` describes it.

    Args:
        inputs: As for `Supervised`, as are `targets`, `fitness`, `standardise` and `classes`.
        names: `input_names` and `output_names`.

    Raises:
        ValueError: Names or classes are wrong or do not fit, or what is standardised is not finite.
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
    inputs, input_scaling = _standardise("inputs", inputs, bool(standardise))
    target_scaling = None
    if classifying:
        if classes is None and np.ndim(targets) == 2:
            classes = output_names
        targets, classes = _encode(targets, classes)
    else:
        scalable = fitness in ("squared_error", "absolute_error")
        targets, target_scaling = _standardise("targets", targets, bool(standardise) and scalable)
    return Prepared(
        inputs,
        targets,
        None if classes is None else tuple(classes),
        Rows(names=input_names, scaling=input_scaling),
        Values(names=output_names, scaling=target_scaling),
    )


def model_parts(prepared: Prepared, samples: Samples) -> tuple[Rows, Values | Classes]:
    """Return what stands before and after the networks in a model of a data set, checked against its arrays.

    Raises:
        ValueError: The numbers of names or classes do not fit.
    """
    rows, values, labels = prepared.rows, prepared.values, prepared.classes
    if rows.names is not None:
        check_size("input_names", "names, as the inputs have columns", len(rows.names), samples.num_inputs)
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


def _standardise(field: str, data: Any, wanted: bool) -> tuple[Any, Scaling | None]:
    """Return data with columns of mean 0 and deviation 1, float32, and their scaling; or the data as they are."""
    if not wanted:
        return data, None
    values = as_float64(field, data)
    if values.ndim == 1 and field == "targets":
        values = values[:, np.newaxis]
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"{field}: expected shape (samples, {field}), got {values.shape}")
    scaling = Scaling.standardising(values)
    return scaling.apply(field, values), scaling


def _encode(targets: Any, classes: Sequence[Any] | None) -> tuple[Any, Sequence[Any] | None]:
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
    unknown = [label for label in _plain(labels) if label not in index]
    if unknown:
        raise ValueError(f"targets: expected labels among {quote(list(classes))}, got {quote(unknown[0])}")
    encoded = np.array([index[label] for label in _plain(labels)])
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
