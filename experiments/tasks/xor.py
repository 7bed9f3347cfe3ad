"""The exclusive or of two bits, the first test of the 2002 paper (section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.tasks.experiment import STEPS, Published
from experiments.tasks.prediction import Prediction, Sets, perfect_score_criterion, share_correct

if TYPE_CHECKING:
    import evaluators
    from neat import Genome

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
TARGETS = np.array([[0], [1], [1], [0]], np.float32)


@dataclass(frozen=True)
class Xor(Prediction):
    """Exclusive or of two bits, with the fitness and the criterion of the 2002 paper."""

    generations = 300
    published = (
        Published("NEAT, 2002", 1.0, 32, 4755, 2553, 13459, 2.35, 7.48),
        Published("goNEAT", evaluations=7753),
    )

    score_name = "share of patterns right"

    def sets(self) -> Sets:
        """Return the four samples, both for training and for testing."""
        everything = np.arange(len(INPUTS))
        return Sets(INPUTS, TARGETS, everything, everything)

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """Return the share of outputs on the target's side of 0.5."""
        return share_correct(outputs, targets)

    def evaluator(self, device: str) -> evaluators.Supervised:
        """Return the evaluator of the four samples."""
        import evaluators

        return evaluators.Supervised(INPUTS, TARGETS, fitness=xor_fitness, steps=STEPS, device=device)

    def solved(self, evaluator: Any) -> Callable[[Genome], bool]:
        """Return a criterion: all outputs are on the target's side of 0.5."""
        return perfect_score_criterion(self)


def xor_fitness(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return (4 − Σ|e|)², or 0 if the sum exceeds 4, which happens only for outputs below 0 or above 1."""
    error = np.abs(outputs - targets).sum(axis=(1, 2), dtype=np.float64)
    return np.maximum(len(targets) - error, 0.0) ** 2
