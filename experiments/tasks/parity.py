"""The experiment with parity: whether an odd number of bits is set."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from experiments.tasks.prediction import Learnable, Patterns, Sets

_MAX_BITS = 16


@dataclass(frozen=True)
class Parity(Patterns, Learnable):
    """Parity of a number of bits; fitness is minus the mean squared error over all patterns."""

    bits: int = 3
    """Number of bits, 2 to 16."""

    settings = {"population_size": 300, "genome": {"output_activation": "sigmoid"}}

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= _MAX_BITS:
            raise ValueError(f"bits: must be from 2 to {_MAX_BITS}, got {self.bits}")

    def sets(self) -> Sets:
        """Return all patterns of the bits, (2**bits, bits), and their parity, (2**bits, 1)."""
        inputs = np.array(list(itertools.product((0, 1), repeat=self.bits)), np.float32)
        everything = np.arange(len(inputs))
        return Sets(inputs, inputs.sum(axis=1, keepdims=True) % 2, everything, everything)
