"""The experiment with parity: whether an odd number of bits is set."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.tasks.prediction import Learnable, Sets, perfect_score_criterion, share_correct

if TYPE_CHECKING:
    from neat import Genome

_MAX_BITS = 16


@dataclass(frozen=True)
class Parity(Learnable):
    """Parity of a number of bits; fitness is minus the mean squared error over all patterns."""

    bits: int = 3
    """Number of bits, 2 to 16."""

    generations = 300
    score_name = "share of patterns right"
    settings = {"population_size": 300, "genome": {"output_activation": "sigmoid"}}

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= _MAX_BITS:
            raise ValueError(f"bits: must be from 2 to {_MAX_BITS}, got {self.bits}")

    def sets(self) -> Sets:
        """Return all patterns of the bits, (2**bits, bits), and their parity, (2**bits, 1)."""
        inputs = np.array(list(itertools.product((0, 1), repeat=self.bits)), np.float32)
        everything = np.arange(len(inputs))
        return Sets(inputs, inputs.sum(axis=1, keepdims=True) % 2, everything, everything)

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """Return the share of outputs on the target's side of 0.5."""
        return share_correct(outputs, targets)

    def solved(self, evaluator: Any) -> Callable[[Genome], bool]:
        """Return a criterion: all outputs are on the target's side of 0.5."""
        return perfect_score_criterion(self)
