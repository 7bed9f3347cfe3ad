"""Measures of classification; they take numpy arrays, cupy arrays and tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.gradient.tensor.device_arrays import to_host
from evaluators.gradient.tensor.tensor import Tensor
from neat.support.validation import check_unmasked


def _labels(name: str, value: Any) -> np.ndarray:
    check_unmasked(name, value)
    array = to_host(value.data) if isinstance(value, Tensor) else value
    array = np.asarray(array if isinstance(array, np.ndarray | list | tuple) else to_host(array))
    if array.ndim != 1 or array.dtype.kind not in "iu" or not array.size:
        raise ValueError(
            f"{name}: expected integer labels of shape (samples,), got dtype {array.dtype} of shape {array.shape}"
        )
    return array


def classes_of(outputs: Any) -> np.ndarray:
    """Return the class with the greatest output, int64 of shape (samples,), for outputs of shape (samples, classes).

    A single output, of shape (samples, 1), is a logit: the class is 1 where it is above 0, else 0.
    """
    check_unmasked("outputs", outputs)
    array = to_host(outputs.data if isinstance(outputs, Tensor) else outputs)
    if array.ndim != 2 or not array.size:
        raise ValueError(f"outputs: expected shape (samples, classes), got {array.shape}")
    return (array[:, 0] > 0).astype(np.int64) if array.shape[1] == 1 else array.argmax(axis=1)


def accuracy(outputs: Any, labels: Any) -> float:
    """Return the fraction of samples whose class, according to `classes_of`, is the label."""
    predicted, actual = classes_of(outputs), _labels("labels", labels)
    if len(predicted) != len(actual):
        raise ValueError(f"labels: expected {len(predicted)} of them, got {len(actual)}")
    return float((predicted == actual).mean())


def confusion_matrix(labels: Any, predictions: Any, classes: int) -> np.ndarray:
    """Count the samples of each label and prediction, int64 of shape (classes, classes): [label, prediction].

    Args:
        labels: Integers in [0, classes) of shape (samples,).
        predictions: Predicted classes, integers in [0, classes) of shape (samples,).
        classes: Number of classes.

    Raises:
        ValueError: The shapes do not fit, or a label is out of range.
    """
    check_count("classes", classes)
    actual, predicted = _labels("labels", labels), _labels("predictions", predictions)
    if len(actual) != len(predicted):
        raise ValueError(f"predictions: expected {len(actual)} of them, got {len(predicted)}")
    for name, array in (("labels", actual), ("predictions", predicted)):
        if array.min() < 0 or array.max() >= classes:
            wrong = array.min() if array.min() < 0 else array.max()
            raise ValueError(f"{name}: expected integers from 0 to {classes - 1}, got {wrong}")
    pairs = actual.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def precision(confusion: np.ndarray) -> np.ndarray:
    """Return TP / (TP + FP) of each class, float64 of shape (classes,); NaN for a class that was never predicted."""
    return _ratio(np.diagonal(confusion), confusion.sum(axis=0))


def recall(confusion: np.ndarray) -> np.ndarray:
    """Return TP / (TP + FN) of each class, float64 of shape (classes,); NaN for a class that never occurs."""
    return _ratio(np.diagonal(confusion), confusion.sum(axis=1))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
