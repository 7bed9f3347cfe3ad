"""What gradient baselines reach: scikit-learn's digits over stratified splits, and two spirals."""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np

from benchmarks.report import Table, seconds
from evaluators.gradient import Standardise, fit, losses, metrics, nn, optim, schedules

SPLITS, TEST_SHARE, VALIDATION_SHARE = 10, 0.2, 0.1
EPOCHS, BATCH = {"MLP": 60, "CNN": 20, "spirals": 200}, 64
TARGETS = {"MLP": 0.965, "CNN": 0.98}


def run(quick: bool) -> dict[str, Any]:
    splits = range(2 if quick else SPLITS)
    return {
        "digits": {name: [_digits(name, split) for split in splits] for name in TARGETS},
        "spirals": [_spirals(seed) for seed in splits],
    }


def _mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Dense(64, 128, initialisation="he_normal"),
        nn.Activation("relu"),
        nn.Dropout(0.3),
        nn.Dense(128, 128, initialisation="he_normal"),
        nn.Activation("relu"),
        nn.Dropout(0.3),
        nn.Dense(128, 10),
    )


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding="same", initialisation="he_normal"),
        nn.BatchNorm(16),
        nn.Activation("relu"),
        nn.Conv2d(16, 32, 3, padding="same", initialisation="he_normal"),
        nn.BatchNorm(32),
        nn.Activation("relu"),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Dense(32 * 4 * 4, 64, initialisation="he_normal"),
        nn.Activation("relu"),
        nn.Dense(64, 10),
    )


@functools.cache
def _images() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images[:, np.newaxis], digits.target


def _stratified(labels: np.ndarray, shares: tuple[float, ...], seed: int) -> list[np.ndarray]:
    """Indices in parts, each with every class in its share; the last part is the rest."""
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
    model = (_mlp() if name == "MLP" else _cnn()).initialise(split)
    steps = EPOCHS[name] * -(-len(training) // BATCH)
    optimiser = optim.AdamW(model.parameters(), schedules.cosine(2e-3, steps), weight_decay=1e-2)
    return _fitted(model, sets, optimiser, split, EPOCHS[name])


def _spirals(seed: int) -> dict[str, float]:
    """Two spirals of one turn and a half, with noise; 400 samples to train on, 400 to test."""
    draw = np.random.default_rng(1000 + seed)
    labels = np.arange(1000) % 2
    angle = np.sqrt(draw.uniform(0.05, 1.0, 1000)) * 3 * np.pi
    turned = angle + np.pi * labels
    points = np.stack([np.cos(turned), np.sin(turned)], 1) * angle[:, np.newaxis] / (3 * np.pi)
    points += draw.normal(0, 0.02, points.shape)
    parts = [slice(0, 400), slice(400, 600), slice(600, 1000)]
    layers: list[nn.Module] = []
    for inputs, outputs in ((2, 64), (64, 64)):
        layers += [nn.Dense(inputs, outputs, initialisation="he_normal"), nn.Activation("relu")]
    model = nn.Sequential(*layers, nn.Dense(64, 2)).initialise(seed)
    scale = Standardise(points[parts[0]])
    sets = [(scale(points[part]), labels[part]) for part in parts]
    steps = EPOCHS["spirals"] * -(-400 // BATCH)
    optimiser = optim.Adam(model.parameters(), schedules.cosine(1e-2, steps))
    return _fitted(model, sets, optimiser, seed, EPOCHS["spirals"])


def _fitted(
    model: nn.Module, sets: list[Any], optimiser: Any, seed: int, epochs: int = EPOCHS
) -> dict[str, float]:
    begin = time.perf_counter()
    fitted = fit(
        model,
        sets[0],
        losses.softmax_cross_entropy,
        optimiser,
        epochs=epochs,
        batch_size=BATCH,
        validation=sets[1],
        test=sets[2],
        score=metrics.accuracy,
        seed=seed,
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
                "A fifth of the digits is the test set, a tenth the validation set, by which the epoch is chosen."
            ],
        )
    ]
