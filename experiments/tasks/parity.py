"""Whether an odd number of bits is set: exclusive or with more inputs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.tasks.prediction import Prediction, Sets, all_right, share_right

if TYPE_CHECKING:
    from neat import Genome

_MOST_BITS = 16


@dataclass(frozen=True)
class Parity(Prediction):
    """Parity of a number of bits; fitness is minus the mean squared error over all patterns."""

    bits: int = 3
    """Bits, 2 to 16."""
    learn_steps: int = 0
    """Each genome is trained by gradients for so many steps, and hands down what it has learned."""

    generations = 300
    score_name = "share of patterns right"
    settings = {"population_size": 300, "genome": {"output_activation": "sigmoid"}}

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= _MOST_BITS:
            raise ValueError(f"bits: must be from 2 to {_MOST_BITS}, got {self.bits}")

    def sets(self) -> Sets:
        """All patterns of the bits, (2**bits, bits), and their parity, (2**bits, 1)."""
        inputs = np.array(list(itertools.product((0, 1), repeat=self.bits)), np.float32)
        everything = np.arange(len(inputs))
        return Sets(inputs, inputs.sum(axis=1, keepdims=True) % 2, everything, everything)

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """The share of outputs on the right side of 0.5."""
        return share_right(outputs, targets)

    def solved(self, evaluator: Any) -> Callable[[Genome], bool]:
        """All outputs are on the right side of 0.5."""
        return all_right(self)
