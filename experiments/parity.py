"""Whether an odd number of bits is set: exclusive or with more inputs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.experiment import STEPS, Experiment
from experiments.xor import right_side_of_half

if TYPE_CHECKING:
    import evaluators
    from neat import Genome

_MOST_BITS = 16


@dataclass(frozen=True)
class Parity(Experiment):
    """Parity of a number of bits; fitness is minus the mean squared error over all patterns."""

    bits: int = 3
    """Bits, 2 to 16."""
    learn_steps: int = 0
    """Each genome is trained by gradients for so many steps, and hands down what it has learned."""

    generations = 300
    settings = {"population_size": 300, "genome": {"output_activation": "sigmoid"}}

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= _MOST_BITS:
            raise ValueError(f"bits: must be from 2 to {_MOST_BITS}, got {self.bits}")

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """All patterns of the bits, float32 (2**bits, bits), and their parity, (2**bits, 1)."""
        inputs = np.array(list(itertools.product((0, 1), repeat=self.bits)), np.float32)
        return inputs, inputs.sum(axis=1, keepdims=True) % 2

    def evaluator(self, device: str) -> evaluators.Supervised:
        """All patterns."""
        import evaluators

        return evaluators.Supervised(
            *self.samples(), steps=STEPS, device=device, learn_steps=self.learn_steps
        )

    def solved(self, evaluator: Any) -> Callable[[Genome], bool]:
        """All outputs are on the right side of 0.5."""
        return right_side_of_half(*self.samples())
