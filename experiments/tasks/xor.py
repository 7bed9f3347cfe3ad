"""The exclusive or of two bits, the first test of the 2002 paper (section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.tasks.experiment import STEPS, Published
from experiments.tasks.prediction import Patterns, Sets

if TYPE_CHECKING:
    import evaluators

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
TARGETS = np.array([[0], [1], [1], [0]], np.float32)


@dataclass(frozen=True)
class Xor(Patterns):
    """Exclusive or of two bits, with the fitness and the criterion of the 2002 paper."""

    published = (
        Published("NEAT, 2002", 1.0, 32, 4755, 2553, 13459, 2.35, 7.48),
        Published("goNEAT", evaluations=7753),
    )

    def sets(self) -> Sets:
        """Return the four samples, both for training and for testing."""
        everything = np.arange(len(INPUTS))
        return Sets(INPUTS, TARGETS, everything, everything)

    def evaluator(self, device: str) -> evaluators.Supervised:
        """Return the evaluator of the four samples."""
        import evaluators

        return evaluators.Supervised(INPUTS, TARGETS, fitness=xor_fitness, steps=STEPS, device=device)


def xor_fitness(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return (4 − Σ|e|)², or 0 if the sum exceeds 4, which happens only for outputs below 0 or above 1."""
    error = np.abs(outputs - targets).sum(axis=(1, 2), dtype=np.float64)
    return np.maximum(len(targets) - error, 0.0) ** 2
