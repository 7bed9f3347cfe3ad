"""Preparation of data, and measures of outputs."""

import numpy as np
import pytest

from evaluators.gradient import (
    ZCA,
    Standardise,
    Tensor,
    metrics,
)
from tests.support.refusals import refuses

GENERATOR = np.random.default_rng(0)


def test_standardise_uses_only_the_training_set():
    train = GENERATOR.normal(3, 2, (100, 3))
    train[:, 2] = 0.1
    standardise = Standardise(train)
    treated = standardise(train)
    np.testing.assert_allclose(treated.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(treated.std(axis=0), [1, 1, 0], atol=1e-12)
    other = standardise([[3.0, 3.0, 1.1]])
    np.testing.assert_allclose(other[0, :2], (3.0 - train.mean(0)[:2]) / train.std(0)[:2])
    assert other[0, 2] == pytest.approx(1.0)
    with refuses("inputs: expected samples of shape (3,), got (2,)"):
        standardise([[1.0, 2.0]])
    with refuses("training: expected shape (samples, features), got (0, 3)"):
        Standardise(train[:0])
    with refuses("training: expected finite float64 numbers, got nan at (0, 0)"):
        Standardise([[np.nan]])


def test_zca_whitens_the_training_set():
    mixing = GENERATOR.normal(size=(6, 6))
    train = (GENERATOR.normal(size=(500, 6)) @ mixing + 3).reshape(500, 2, 3)
    whiten = ZCA(train, epsilon=1e-9)
    flat = whiten(train).reshape(500, 6)
    np.testing.assert_allclose(flat.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(flat.T @ flat / 500, np.eye(6), atol=1e-5)
    # Of all whitening matrices, the symmetric positive definite one is nearest to the identity.
    np.testing.assert_allclose(whiten.matrix, whiten.matrix.T, rtol=1e-9)
    assert (np.linalg.eigvalsh(whiten.matrix) > 0).all()
    other = GENERATOR.normal(size=(4, 2, 3))
    expected = (other - train.mean(axis=0)).reshape(4, 6) @ whiten.matrix
    np.testing.assert_allclose(whiten(other), expected.reshape(4, 2, 3))
    # A feature that does not vary has no noise to amplify beyond 1/√ε.
    train[:, 1, 2] = 0.25
    assert np.abs(ZCA(train, 1e-2)(train)[:, 1, 2]).max() < 1e-9
    with refuses("inputs: expected samples of shape (2, 3), got (6,)"):
        whiten(flat)
    with refuses("training: expected shape (samples, features), got (3,)"):
        ZCA(np.ones(3))
    with refuses("epsilon: expected a finite number above 0, got 0"):
        ZCA(train, 0)


def test_curves_of_a_classifier():
    labels = GENERATOR.integers(0, 2, 200)
    score = np.round(GENERATOR.normal(size=200) + labels, 1)  # with ties
    roc = metrics.roc_curve(score, labels)
    positive, negative = score[labels == 1], score[labels == 0]
    pairs = np.sign(positive[:, None] - negative)
    assert roc.area == pytest.approx((pairs + 1).mean() / 2, rel=1e-12)
    chosen = score >= np.append(np.unique(score), np.inf)[:, None]
    points = np.column_stack([chosen[:, labels == 0].mean(axis=1), chosen[:, labels == 1].mean(axis=1)])
    for point in zip(roc.x, roc.y, strict=True):  # those on straight lines are left out
        assert np.abs(points - point).max(axis=1).min() < 1e-12
    curve = metrics.precision_recall_curve(score[:, None], labels)
    area, before = 0.0, 0.0
    for threshold in np.unique(score)[::-1]:
        chosen = score >= threshold
        recall = (positive >= threshold).mean()
        area += (recall - before) * labels[chosen].mean()
        before = recall
        assert np.hypot(curve.x - recall, curve.y - labels[chosen].mean()).min() < 1e-12
    assert curve.area == pytest.approx(area, rel=1e-12)
    two = Tensor(np.column_stack([-score / 2, score / 2]), dtype=np.float64)
    assert metrics.roc_curve(two, labels).area == pytest.approx(roc.area)
    with refuses("labels: expected 0 and 1, both among them, got [1]"):
        metrics.roc_curve([0.1, 0.2], [1, 1])
    with refuses("outputs: expected shape (2,), or with 1 or 2 columns, got (2, 3)"):
        metrics.precision_recall_curve(np.zeros((2, 3)), [0, 1])
    with refuses("outputs: expected finite numbers, got nan at (0,)"):
        metrics.roc_curve([np.nan, 0.2], [0, 1])


def test_classification_metrics(device, host):
    labels = [0, 0, 1, 1, 1, 3]
    outputs = Tensor(np.eye(4)[[0, 1, 1, 1, 0, 1]], device=device)
    assert metrics.accuracy(outputs, labels) == 3 / 6
    predictions = metrics.classes_of(outputs)
    table = metrics.confusion_matrix(labels, predictions, 4)
    assert table.tolist() == [[1, 1, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    np.testing.assert_array_equal(metrics.precision(table), [1 / 2, 2 / 4, np.nan, np.nan])
    np.testing.assert_array_equal(metrics.recall(table), [1 / 2, 2 / 3, np.nan, 0])
    assert metrics.accuracy(np.array([[0.3], [-2.0]]), [1, 1]) == 0.5


def test_arrays_of_a_gpu_are_fetched(monkeypatch):
    class OnGpu:
        """Like an array of cupy, it refuses numpy's implicit conversion."""

        __cuda_array_interface__ = None

        def __init__(self, values):
            self.values = np.array(values)

        def __array__(self, *_, **__):
            raise TypeError("Implicit conversion to a NumPy array is not allowed")

    monkeypatch.setattr(metrics, "to_host", lambda array: array.values)
    assert metrics.roc_curve(OnGpu([0.1, 0.9]), OnGpu([0, 1])).area == 1
    assert metrics.precision_recall_curve(OnGpu([[0.1], [0.9]]), [0, 1]).area == 1
    assert metrics.accuracy(OnGpu([[0.9, 0.1]]), OnGpu([0])) == 1


def test_bad_arguments_of_metrics():
    with refuses("labels: expected 2 of them, got 1"):
        metrics.accuracy(np.zeros((2, 2)), [1])
    with refuses("labels: expected integer labels of shape (samples,), got dtype float64 of shape (1,)"):
        metrics.accuracy(np.zeros((1, 2)), [0.5])
    with refuses("outputs: expected shape (samples, classes), got (2,)"):
        metrics.classes_of(np.zeros(2))
    with refuses("predictions: expected integers from 0 to 1, got 2"):
        metrics.confusion_matrix([0], [2], 2)
    with refuses("predictions: expected 1 of them, got 2"):
        metrics.confusion_matrix([0], [0, 1], 2)
