"""The contract of an evaluator, which gives genomes their fitness: what `Population.run` calls, as protocols.

An `Evaluator` takes a generation's genomes and returns their fitness. A plain function will do. It states the sizes of
its networks only where `Config.for_task` is to read them (`Task`). The other protocols are optional parts: a run uses
each one that the evaluator has. A class need not inherit from a protocol; it is enough to define its members. A wrapper
must define them too: from Python 3.12 on, `isinstance` does not see what `__getattr__` passes on.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from neat.genome.genome import Genomes


class Task(Protocol):
    """What states how many inputs and outputs its networks have."""

    @property
    def num_inputs(self) -> int:
        """Inputs of a network, without the bias input."""

    @property
    def num_outputs(self) -> int:
        """Outputs of a network."""


class Evaluator(Protocol):
    """What gives genomes their fitness: an object of a class, or a function."""

    def __call__(self, genomes: Genomes, /) -> np.ndarray:
        """Fitness of every genome, shape (genomes,), float64 or what converts to it; higher is better.

        NaN and −inf mark genomes as invalid; at least one must be valid, and none +inf. The genomes are read-only,
        and their arrays are used again two generations later. What depends on chance should draw it from
        `genomes.seed` and `genomes.generation`, or the same seed gives different runs.
        """


@runtime_checkable
class Stateful(Protocol):
    """An evaluator whose fitness depends on what it did before, and which a checkpoint therefore keeps."""

    def state(self) -> dict[str, np.ndarray]:
        """What `restore` needs, as arrays of any shape by name, of numbers, bools or text (no objects)."""


@runtime_checkable
class Restorable(Protocol):
    """A `Stateful` evaluator that can go on from a checkpoint, as it must for a run to be resumed."""

    def restore(self, arrays: dict[str, np.ndarray], /) -> None:
        """Take back what `state` gave; ValueError for what it cannot have given."""


@runtime_checkable
class Validating(Protocol):
    """An evaluator whose fitness depends on luck. At the end, a run chooses among its champions by fresh trials."""

    def validate(self, genomes: Genomes, /) -> np.ndarray:
        """Fitness in trials that no call has seen, shape (genomes,), as a call gives it.

        `genomes.seed` is the run's seed.
        """


@runtime_checkable
class Learning(Protocol):
    """An evaluator that trains networks; their fitness is that of the trained ones."""

    @property
    def learned(self) -> Genomes | None:
        """The last call's genomes with the weights, biases and responses that they have learned, float32.

        None: the last call trained nothing.
        """


@runtime_checkable
class Inheriting(Protocol):
    """A `Learning` evaluator that says who inherits what was learned; without this, offspring inherit it."""

    @property
    def inherit(self) -> bool:
        """True: offspring inherit it (Lamarckian inheritance). False: only the champion has it (Baldwin effect)."""
