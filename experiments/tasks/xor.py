"""The exclusive or of two bits, the first test of the 2002 paper (section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.tasks.experiment import STEPS, Published
from experiments.tasks.prediction import Prediction, Sets, all_right, share_right

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
        """The four samples."""
        everything = np.arange(len(INPUTS))
        return Sets(INPUTS, TARGETS, everything, everything)

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """The share of outputs on the right side of 0.5."""
        return share_right(outputs, targets)

    def evaluator(self, device: str) -> evaluators.Supervised:
        """The four samples."""
        import evaluators

        return evaluators.Supervised(INPUTS, TARGETS, fitness=xor_fitness, steps=STEPS, device=device)

    def solved(self, evaluator: Any) -> Callable[[Genome], bool]:
        """All outputs are on the right side of 0.5."""
        return all_right(self)


def xor_fitness(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(4 − Σ|e|)², and 0 for errors above 4, which only outputs below 0 or above 1 can make."""
    error = np.abs(outputs - targets).sum(axis=(1, 2), dtype=np.float64)
    return np.maximum(len(targets) - error, 0.0) ** 2
