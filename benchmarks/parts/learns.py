"""Accuracy of the gradient baselines: scikit-learn's digits over stratified splits, and two spirals."""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np

from benchmarks.support.report import Table, seconds
from evaluators.gradient import Batches, Standardise, fit, losses, metrics, optim
from evaluators.gradient.optim import schedules
from experiments.comparison.baselines import DIGITS_CNN, DIGITS_MLP, SPIRALS_MLP, Baseline

SPLITS, TEST_SHARE, VALIDATION_SHARE = 10, 0.2, 0.1
BASELINES = {"MLP": DIGITS_MLP, "CNN": DIGITS_CNN}
TARGETS = {"MLP": 0.965, "CNN": 0.98}


def run(quick: bool) -> dict[str, Any]:
    splits = range(2 if quick else SPLITS)
    return {
        "digits": {name: [_digits(name, split) for split in splits] for name in TARGETS},
        "spirals": [_spirals(seed) for seed in splits],
    }


@functools.cache
def _images() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images[:, np.newaxis], digits.target


def _stratified(labels: np.ndarray, shares: tuple[float, ...], seed: int) -> list[np.ndarray]:
    """Return indices in parts with the given shares of each class; the last part is the rest."""
    draw = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[] for _ in range(len(shares) + 1)]
    for label in np.unique(labels):
        members = draw.permutation(np.flatnonzero(labels == label))
        cuts = np.cumsum([round(share * len(members)) for share in shares])
        for part, indices in zip(parts, np.split(members, cuts), strict=True):
            part.append(indices)
    return [np.concatenate(part) for part in parts]


def _digits(name: str, split: int) -> dict[str, float]:
    images, labels = _images()
    test, validation, training = _stratified(labels, (TEST_SHARE, VALIDATION_SHARE), 1000 + split)
    scale = Standardise(images[training])
    sets = [(scale(images[part]), labels[part]) for part in (training, validation, test)]
    return _fitted(BASELINES[name], sets, split)


def _spirals(seed: int) -> dict[str, float]:
    """Train on two noisy spirals of one and a half turns, with 400 training and 400 test samples."""
    draw = np.random.default_rng(1000 + seed)
    labels = np.arange(1000) % 2
    angle = np.sqrt(draw.uniform(0.05, 1.0, 1000)) * 3 * np.pi
    turned = angle + np.pi * labels
    points = np.stack([np.cos(turned), np.sin(turned)], 1) * angle[:, np.newaxis] / (3 * np.pi)
    points += draw.normal(0, 0.02, points.shape)
    parts = [slice(0, 400), slice(400, 600), slice(600, 1000)]
    scale = Standardise(points[parts[0]])
    return _fitted(SPIRALS_MLP, [(scale(points[part]), labels[part]) for part in parts], seed)


def _fitted(baseline: Baseline, sets: list[Any], seed: int) -> dict[str, float]:
    (inputs, labels), validation, test = sets
    model = baseline.model(inputs[0].size, int(labels.max()) + 1).initialise(seed)
    steps = baseline.epochs * -(-len(inputs) // baseline.batch_size)
    optimiser = optim.AdamW(
        model.parameters(),
        schedules.cosine(baseline.learning_rate, steps),
        weight_decay=baseline.weight_decay,
    )
    begin = time.perf_counter()
    fitted = fit(
        model,
        (inputs, labels),
        losses.softmax_cross_entropy,
        optimiser,
        epochs=baseline.epochs,
        batches=Batches(baseline.batch_size, seed),
        validation=validation,
        test=test,
        score=metrics.accuracy,
    )
    return {"accuracy": fitted.test_score, "seconds": time.perf_counter() - begin}


def tables(result: dict[str, Any]) -> list[Table]:
    rows = []
    for label, found, target in (
        *[(f"digits, {name}", result["digits"][name], TARGETS[name]) for name in TARGETS],
        ("two spirals, MLP", result["spirals"], None),
    ):
        accuracy = [each["accuracy"] for each in found]
        deviation = float(np.std(accuracy, ddof=1))
        rows.append(
            [
                label,
                f"{np.mean(accuracy):.2%} ± {deviation:.2%}",
                f"{min(accuracy):.2%}",
                "–" if target is None else f"{target:.1%}",
                seconds(float(np.median([each["seconds"] for each in found]))),
            ]
        )
    return [
        Table(
            f"Test accuracy over {len(result['spirals'])} splits (stratified) or seeds",
            ["", "mean ± standard deviation", "worst", "target", "a run"],
            rows,
            [
                "A fifth of the digits is the test set. A tenth is the validation set, which chooses the epoch."
            ],
        )
    ]
