"""Hold gene arrays, which are checked once before compiled code reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from neat.genome.gene_arrays import (
    UNBOUNDED,
    WRITABLE_FIELDS,
    Bounds,
    Description,
    GenomeArrays,
    make_writable,
)
from neat.genome.rules import GenomeError, check_description, check_genes, check_layout

_PROTECTED = frozenset({*Description._fields, "generation", "seed", "bounds", "first"})


class CheckedGenes:
    """The base class of `neat.Genomes`, which explains the arguments: the arrays, their check and their protection."""

    _is_protected = False

    def __init__(
        self,
        arrays: GenomeArrays,
        num_inputs: int,
        num_outputs: int,
        bias_input: bool = False,
        feed_forward: bool = True,
        generation: int = 0,
        seed: int = 0,
        bounds: Bounds = UNBOUNDED,
    ) -> None:
        if not isinstance(arrays, GenomeArrays):
            raise GenomeError(f"arrays: expected GenomeArrays, got {type(arrays).__name__}")
        self.num_inputs = num_inputs
        self.num_outputs = num_outputs
        self.bias_input = bias_input
        self.feed_forward = feed_forward
        self.generation = generation
        self.seed = seed
        self.bounds = bounds
        self.first = 0
        self._arrays = arrays
        self._genes: GenomeArrays | None = None  # writable views of the arrays, set by the first check
        self._checked_description: tuple[Any, ...] | None = None  # the description at the last check

    @property
    def arrays(self) -> GenomeArrays:
        """The genes, in GenomeArrays."""
        return self._arrays

    @property
    def description(self) -> Description:
        """The Description: `num_inputs`, `num_outputs`, `bias_input` and `feed_forward`."""
        return Description.of(self)

    def to_kernel(self) -> GenomeArrays:
        """Return the genes for kernels: checked, and writable, since numba compiles kernels again for read-only arrays.

        Raises:
            GenomeError: A genome breaks a rule of `check`.
        """
        if self._genes is None or self._checked_description != self.description:
            self.check()
            if self._genes is None:
                self._arrays = make_writable(self._arrays)
                self._genes = GenomeArrays(*(array[:] for array in self._arrays))
                for name, array in self._arrays._asdict().items():
                    if name not in WRITABLE_FIELDS:
                        array.flags.writeable = False
            self._checked_description = self.description
        return self._genes

    def protect(self) -> Self:
        """Make this object read-only, skip the check, and return it. Use this only for arrays that the library made."""
        self._genes, self._checked_description = self._arrays, self.description
        self._arrays = GenomeArrays(*(array[:] for array in self._genes))
        for array in self._arrays:
            array.flags.writeable = False
        self._is_protected = True
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if self._is_protected and name in _PROTECTED:
            raise AttributeError(
                f"{name}: a population's genomes cannot be changed; change a copy: genomes.take(range(len(genomes)))"
            )
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies are writable. Views of the same memory would not share it any more after unpickling.
        arrays = GenomeArrays(*(array if array.flags.writeable else array.copy() for array in self._arrays))
        own = (arrays, *self.description, self.generation, self.seed, self.bounds)
        return type(self), own, {"first": self.first}

    @property
    def input_count(self) -> int:
        """The number of inputs, with the bias input."""
        return self.num_inputs + self.bias_input

    def __len__(self) -> int:
        return len(self.arrays.node_offset) - 1

    if not TYPE_CHECKING:  # otherwise type checkers would accept any attribute

        def __getattr__(self, name: str) -> Any:
            raise attribute_error(self, name)

    def with_arrays(self, arrays: GenomeArrays) -> Self:
        """Return an object of the same class with these genes and the other attributes of this one."""
        return type(self)(arrays, *self.description, self.generation, self.seed, self.bounds)

    def check(self) -> None:
        """Raise GenomeError, which names the genome and the rule, if a genome breaks one of these rules.

        - Offsets start at 0, never fall, and end with the arrays. Dtypes are those of GenomeArrays.
        - Node ids ascend. They begin with the outputs' ids, and none is the id of an input.
        - Biases, responses and weights are finite. Activations and aggregations are in the tables.
        - Innovation numbers ascend and are not negative.
        - Sources and targets are existing indices, and no target is an input. No (source, target) pair occurs twice.
        - Feed-forward networks have no loops, even through disabled connections.
        """
        check_description(self.description)
        check_layout(self._arrays)
        check_genes(self._genes or make_writable(self._arrays), self.description)


def attribute_error(owner: object, name: str) -> AttributeError:
    """Return Python's usual error; for `activate`, the message adds how to get a network."""
    hint = (
        ": a run's evaluator gets all genomes at once; wrap a function of one network in evaluators.PerGenome, "
        "or compile genomes to networks with evaluators.compile"
        if name == "activate"
        else ""
    )
    message = f"{type(owner).__name__!r} object has no attribute {name!r}{hint}"
    return AttributeError(message, name=name, obj=owner)
