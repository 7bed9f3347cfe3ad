"""Measures of classification; they take numpy arrays, cupy arrays and tensors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import check_count
from evaluators.gradient.tensor.device_arrays import check_finite, to_host
from evaluators.gradient.tensor.operations.indexing import check_index
from evaluators.gradient.tensor.tensor import Tensor
from neat.support.validation import check_unmasked


def _to_numpy(name: str, value: Any) -> np.ndarray:
    """Return a list, a tensor, or an array of any device as a numpy array."""
    check_unmasked(name, value)
    array = value.data if isinstance(value, Tensor) else value
    return to_host(array) if hasattr(array, "__cuda_array_interface__") else np.asarray(array)


def _labels(name: str, value: Any) -> np.ndarray:
    array = _to_numpy(name, value)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not array.size:
        raise ValueError(
            f"{name}: expected integer labels of shape (samples,), got dtype {array.dtype} of shape {array.shape}"
        )
    return array


def classes_of(outputs: Any) -> np.ndarray:
    """Return the class with the greatest output, int64 of shape (samples,), for outputs of shape (samples, classes).

    A single output, of shape (samples, 1), is a logit: the class is 1 where it is above 0, else 0.
    """
    array = _to_numpy("outputs", outputs)
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
        check_index(name, array, array.shape, classes, array)
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


class Curve(NamedTuple):
    """A curve over all thresholds of a score, above which a sample is predicted to be of class 1.

    Attributes:
        x: float64 (points,).
        y: float64 (points,).
        area: The area under the curve.
    """

    x: np.ndarray
    y: np.ndarray
    area: float


def roc_curve(outputs: Any, labels: Any) -> Curve:
    """Return the share of class 1 that is found (y) by the share of class 0 that is taken for class 1 (x).

    The area is the probability that a sample of class 1 has a higher score than one of class 0.

    Args:
        outputs: Scores of class 1 of shape (samples,) or (samples, 1), or outputs for classes 0 and 1 of shape
            (samples, 2), whose difference is the score.
        labels: 0 or 1, of shape (samples,), both among them.

    Raises:
        ValueError: The shapes do not fit, a score is not finite, or a class is missing.
        ImportError: scikit-learn is not installed.
    """
    score, actual = _scores(outputs, labels)
    measures = _sklearn_metrics("roc_curve")
    x, y, _ = measures.roc_curve(actual, score)
    return Curve(x, y, float(measures.roc_auc_score(actual, score)))


def precision_recall_curve(outputs: Any, labels: Any) -> Curve:
    """Return the precision (y) by the recall (x) of class 1, with falling recall.

    The area is the average precision Σ (R_n − R_(n−1)) P_n, without interpolation; for a random score, it is the share
    of class 1. Arguments and errors are those of `roc_curve`.
    """
    score, actual = _scores(outputs, labels)
    measures = _sklearn_metrics("precision_recall_curve")
    y, x, _ = measures.precision_recall_curve(actual, score)
    return Curve(x, y, float(measures.average_precision_score(actual, score)))


def _sklearn_metrics(caller: str) -> Any:
    try:
        from sklearn import metrics
    except ImportError:
        raise ImportError(f"{caller} needs scikit-learn: pip install 'batchneat[sklearn]'") from None
    return metrics


def _scores(outputs: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of class 1, and the labels."""
    array = _to_numpy("outputs", outputs)
    if array.ndim == 2 and array.shape[1] == 2:
        array = array[:, 1] - array[:, 0]
    elif array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    actual = _labels("labels", labels)
    if array.shape != actual.shape:
        raise ValueError(f"outputs: expected shape {actual.shape}, or with 1 or 2 columns, got {array.shape}")
    check_finite("outputs", array)
    if set(np.unique(actual).tolist()) != {0, 1}:
        raise ValueError(f"labels: expected 0 and 1, both among them, got {np.unique(actual)[:5].tolist()}")
    return array, actual
