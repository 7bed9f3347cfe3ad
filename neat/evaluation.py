"""Define the protocols of an evaluator, which computes the fitness of genomes for `Population.run`.

An `Evaluator` takes a generation's genomes and returns their fitness. It can be a plain function. `Config.for_task`
needs a `Task` too. The other protocols are optional: a run uses each one that the evaluator has. A class need not
inherit from a protocol, but must define its members. A wrapper must define them too: from Python 3.12 on, `isinstance`
ignores `__getattr__`.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from neat.genome.genome import Genome, Genomes


class Task(Protocol):
    """An object that knows how many inputs and outputs its networks have."""

    @property
    def num_inputs(self) -> int:
        """The number of inputs of a network, without the bias input."""

    @property
    def num_outputs(self) -> int:
        """The number of outputs of a network."""


@runtime_checkable
class Predicting(Protocol):
    """A `Task` that is a data set. `Config.for_task` chooses settings by what the outputs must be."""

    @property
    def num_inputs(self) -> int:
        """The number of inputs of a network, without the bias input."""

    @property
    def output_range(self) -> tuple[float, float] | None:
        """The least and the greatest right output; −inf and inf for logits; None if the right outputs are unknown."""


class Evaluator(Protocol):
    """A function, or an object with `__call__`, that computes the fitness of genomes."""

    def __call__(self, genomes: Genomes, /) -> np.ndarray:
        """Return the fitness of every genome, shape (genomes,), float64 or convertible to it; higher is better.

        NaN and −inf mark genomes as invalid; at least one must be valid, and none may be +inf. The genomes are
        read-only, and their arrays are overwritten two generations later. Seed random numbers from `genomes.seed` and
        `genomes.generation`; otherwise the same seed gives different runs.
        """


@runtime_checkable
class Stateful(Protocol):
    """An evaluator whose fitness depends on its earlier calls, so that a checkpoint must store its state."""

    def state(self) -> dict[str, np.ndarray]:
        """Return what `restore` needs: named arrays of any shape, of numbers, bools or text (no objects)."""


@runtime_checkable
class Restorable(Protocol):
    """A `Stateful` evaluator that can continue from a checkpoint. A run with another one cannot be resumed."""

    def restore(self, arrays: dict[str, np.ndarray], /) -> None:
        """Restore what `state` returned; raise ValueError for arrays that it cannot have returned."""


@runtime_checkable
class Validating(Protocol):
    """An evaluator with a noisy fitness. At the end, a run chooses among its champions by new trials."""

    def validate(self, genomes: Genomes, /) -> np.ndarray:
        """Return the fitness in trials that no call has used, shape (genomes,), in the format of `__call__`.

        `genomes.seed` is the run's seed.
        """


@runtime_checkable
class Learning(Protocol):
    """An evaluator that trains networks, and returns the fitness of the trained ones."""

    @property
    def learned(self) -> Genomes | None:
        """The genomes of the last call with their learned weights, biases and responses, float32.

        None if the last call trained nothing.
        """


@runtime_checkable
class Inheriting(Protocol):
    """A `Learning` evaluator that says whether offspring inherit learned values; without this, they do."""

    @property
    def inherit(self) -> bool:
        """True: offspring inherit them (Lamarckian inheritance). False: only the champion has them (Baldwin effect)."""


@runtime_checkable
class Refining(Protocol):
    """An evaluator that can improve the champion of a run that has not met its target."""

    def refine(self, champion: Genome, /) -> tuple[Genome, float] | None:
        """Return a better genome with its fitness; None to leave the champion as it is."""


class Divide(Protocol):
    """A function that lets other evaluators do work for parts of some genomes, and puts the results together."""

    def __call__(self, method: str, genomes: Genomes, /, *arguments: Any) -> dict[str, np.ndarray]:
        """Return the named arrays of all genomes, concatenated in the order of the genomes.

        For each part, an evaluator made by the same function calls `evaluator.method(part, *arguments)`. That returns
        named arrays, of shape (genomes of the part, …) or (0, …), or the fitness, float64 (genomes of the part,), which
        gets the name "fitness". An array with the name of an attribute of genes, such as "node_bias", has an element
        for each gene. The arrays must not depend on how the genomes are divided: `part.first` is the index of the
        part's first genome.

        If genomes may fail, a genome that does so has the fitness −inf and zeros in the other arrays. If all fail that
        are selected from a call's genomes, only the fitness is returned.
        """


@runtime_checkable
class Divisible(Protocol):
    """An evaluator with a state whose work can be divided, for `evaluators.Distributed`; one without a state need not.

    A `Validating` one has a method `validate_divided` of the same kind too.
    """

    def call_divided(self, genomes: Genomes, divide: Divide, /) -> np.ndarray:
        """Return what a call of the evaluator returns, and update its state; `divide` does the work."""
