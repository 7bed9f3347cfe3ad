"""The end of a fit: cross-validation chooses a penalty for large weights, and all samples fit the weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from evaluators.supervised import Supervised
from neat.genome.genome import Genome

_log = logging.getLogger("evaluators")

_FOLDS = 5
_PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Factors of the sum of the squared weights beside the summed loss, as `alpha` of scikit-learn's Ridge. As they do not
depend on the number of samples, those that suit a part of the samples suit all."""
_SAMPLES = 500  # of which cross-validation makes use, so that its time is bounded
_STEPS, _LAST_STEPS = 30, 100  # of L-BFGS-B in a fold, and at the end
_ERRORS = 2.0  # standard errors by which a larger network must be better


class Data(NamedTuple):
    """All samples of a fit."""

    inputs: np.ndarray
    """float64 (samples, inputs)."""
    targets: np.ndarray
    """The targets, as `Supervised` takes them."""
    weights: np.ndarray | None
    """float64 (samples,), or None."""

    def take(self, rows: np.ndarray) -> tuple[Any, ...]:
        """Return the arguments of `Supervised.with_samples` for the samples with these indices."""
        return self.inputs[rows], self.targets[rows], None if self.weights is None else self.weights[rows]


class _Fold(NamedTuple):
    train: Supervised
    test: Supervised


def polish(
    candidates: Sequence[Genome], training: Supervised, data: Data, random: np.random.RandomState
) -> Genome:
    """Return one of the candidates, with weights that are fitted to all samples with a penalty.

    A candidate is taken instead of one before it if its fitness in cross-validation is higher by two standard errors
    (Breiman, Friedman, Olshen and Stone 1984 ask for one). Candidates have evolved on these samples, which flatters
    those that evolved for longer.

    Args:
        candidates: Genomes, the simplest first.
        training: An evaluator that knows the units of the samples.
        data: All samples.
        random: Draws the folds.
    """
    rows = np.arange(len(data.targets)) if data.weights is None else np.flatnonzero(data.weights)
    if len(rows) < 2 * _FOLDS:
        _log.info("too few samples to choose a penalty for weights: the champion is not polished")
        return candidates[-1]
    folds = _make_folds(training, data, random.permutation(rows)[:_SAMPLES])
    chosen, penalty, fitness = candidates[0], *_choose_penalty(candidates[0], folds)
    for candidate in candidates[1:]:
        other = _choose_penalty(candidate, folds)
        gain = other[1] - fitness
        if gain.mean() > _ERRORS * gain.std(ddof=1) / np.sqrt(_FOLDS):
            chosen, (penalty, fitness) = candidate, other
    _log.info("the champion is polished with a penalty of %g for its squared weights", penalty)
    return _fit(training.with_samples(*data.take(rows)), chosen, _LAST_STEPS, penalty)


def _make_folds(training: Supervised, data: Data, rows: np.ndarray) -> list[_Fold]:
    parts = np.array_split(rows, _FOLDS)
    return [
        _Fold(
            training.with_samples(*data.take(np.concatenate(parts[:k] + parts[k + 1 :]))),
            training.with_samples(*data.take(parts[k])),
        )
        for k in range(_FOLDS)
    ]


def _choose_penalty(genome: Genome, folds: list[_Fold]) -> tuple[float, np.ndarray]:
    """Return the best penalty for a genome, and the fitness with it in each fold, float64 (folds,)."""
    fitness = np.empty((len(folds), len(_PENALTIES)))
    for fold, row in zip(folds, fitness, strict=True):
        fitted = genome
        for k, penalty in enumerate(_PENALTIES):
            fitted = _fit(fold.train, fitted, _STEPS, penalty)  # from the one before, which is near
            row[k] = fold.test.score(fitted)
    best = int(np.argmax(np.nan_to_num(fitness.mean(axis=0), nan=-np.inf)))
    return _PENALTIES[best], fitness[:, best]


def _fit(evaluator: Supervised, genome: Genome, steps: int, penalty: float) -> Genome:
    return evaluator.polish(genome, steps, penalty / len(evaluator.targets)).genome
