"""The experiment with the multiplexer: output the data bit that the address bits select."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from experiments.tasks.prediction import Learnable, Patterns, Sets

_MAX_ADDRESS_BITS = 3


@dataclass(frozen=True)
class Multiplexer(Patterns, Learnable):
    """Data bit that the address bits select; fitness is minus the mean squared error over all patterns.

    Two address bits and four data bits are the 6-multiplexer (Wilson 1987).
    """

    address_bits: int = 2
    """Number of address bits, 1 to 3, for 2, 4 or 8 data bits."""

    settings = {"population_size": 300, "genome": {"output_activation": "sigmoid"}}

    def __post_init__(self) -> None:
        if not 1 <= self.address_bits <= _MAX_ADDRESS_BITS:
            raise ValueError(f"address_bits: must be from 1 to {_MAX_ADDRESS_BITS}, got {self.address_bits}")

    def sets(self) -> Sets:
        """Return all patterns, the address's high bit first and then the data bits, and the selected bits."""
        count = self.address_bits + 2**self.address_bits
        inputs = np.array(list(itertools.product((0, 1), repeat=count)), np.float32)
        address = inputs[:, : self.address_bits] @ (2 ** np.arange(self.address_bits)[::-1])
        chosen = np.take_along_axis(inputs, self.address_bits + address.astype(np.int64)[:, None], axis=1)
        everything = np.arange(len(inputs))
        return Sets(inputs, chosen, everything, everything)
