"""Define Genomes, a batch in arrays, and Genome, a single one.

Genome `g` of a population owns the slices `node_offset[g]:node_offset[g+1]` and
`connection_offset[g]:connection_offset[g+1]`. An *id* is historical and sparse. An *index* is local to a genome and
dense: its inputs come first (the bias input last among them), then its nodes in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.genome import from_neat_python as neat_python_genome
from neat.genome.gene_arrays import DTYPES as DTYPES
from neat.genome.gene_arrays import (
    OFFSETS,
    UNBOUNDED,
    WRITABLE_FIELDS,
    Description,
    as_indices,
    make_writable,
    ragged_indices,
    select,
)
from neat.genome.gene_arrays import Bounds as Bounds
from neat.genome.gene_arrays import GenomeArrays as GenomeArrays
from neat.genome.layers import Layer, from_layers, to_layers
from neat.genome.plain_data import GenomeData, connection_data, node_data, to_arrays
from neat.genome.rules import GenomeError as GenomeError
from neat.genome.rules import check_description, check_genes, check_layout
from neat.support.messages import quote

_PROTECTED = frozenset({*Description._fields, "generation", "seed", "bounds"})


class Genomes:
    """A batch of genomes in arrays (see GenomeArrays), such as a population's.

    `check` runs once for each object, before compiled code reads the arrays. After that, you can still change biases,
    responses, weights and enabled flags in place. The other arrays become read-only, and copies replace arrays that
    were read-only or not contiguous. A population's genomes are entirely read-only; `take` returns copies that you can
    change.

    Args:
        arrays: The genes. Do not use them elsewhere afterwards.
        num_inputs: The number of inputs, without the bias input.
        num_outputs: The number of outputs.
        bias_input: Whether there is an extra input that is always 1, with id `num_inputs`.
        feed_forward: Whether the networks have no loops and are evaluated in topological order.
        generation: The generation of the genomes.
        seed: The seed of the run.
        bounds: The bounds of the config, which training obeys too.
    """

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

    def protect(self) -> Genomes:
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
        return type(self), (arrays, *self.description, self.generation, self.seed, self.bounds)

    @property
    def input_count(self) -> int:
        """The number of inputs, with the bias input."""
        return self.num_inputs + self.bias_input

    def __len__(self) -> int:
        return len(self.arrays.node_offset) - 1

    def __getitem__(self, index: int) -> Genome:
        arrays = self.to_kernel()
        if not isinstance(index, int | np.integer):
            raise TypeError(
                f"genomes: expected an integer as index, got {quote(index)}; take() gives several"
            )
        if not -len(self) <= index < len(self):
            raise IndexError(f"genome {quote(index)} of {len(self)}")
        index %= len(self)
        node = slice(arrays.node_offset[index], arrays.node_offset[index + 1])
        connection = slice(arrays.connection_offset[index], arrays.connection_offset[index + 1])
        node_offset = np.array([0, node.stop - node.start])
        connection_offset = np.array([0, connection.stop - connection.start])
        views = select(arrays, node_offset, connection_offset, node, connection)
        return Genome(self.with_arrays(GenomeArrays(*(array.copy() for array in views))))

    def __iter__(self) -> Iterator[Genome]:
        self.to_kernel()  # checks the genomes before `len` reads their offsets
        return (self[index] for index in range(len(self)))

    if not TYPE_CHECKING:  # otherwise type checkers would accept any attribute

        def __getattr__(self, name: str) -> Any:
            raise _attribute_error(self, name)

    def __repr__(self) -> str:
        return (
            f"Genomes({len(self)} genomes, {len(self.arrays.node_id)} nodes, "
            f"{len(self.arrays.connection_innovation)} connections, generation {self.generation})"
        )

    def with_arrays(self, arrays: GenomeArrays) -> Genomes:
        """Return Genomes with these genes and the other attributes of this object."""
        return Genomes(arrays, *self.description, self.generation, self.seed, self.bounds)

    def take(self, indices: np.ndarray) -> Genomes:
        """Return copies of the genomes at `indices`, integers of shape (n,), in this order.

        Raises:
            IndexError: An index is not an integer, is negative, or is too large.
            GenomeError: The dtype or shape of an array differs from GenomeArrays, or the offsets do not fit.
            ValueError: Some indices are masked.
        """
        if self._genes is None:
            check_layout(self._arrays)
        indices = as_indices(indices, len(self))
        arrays = self.arrays
        node_offset, node = ragged_indices(arrays.node_offset, indices)
        connection_offset, connection = ragged_indices(arrays.connection_offset, indices)
        return self.with_arrays(select(arrays, node_offset, connection_offset, node, connection))

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

    @classmethod
    def from_list(cls, genomes: Sequence[Genome | dict[str, Any]]) -> Genomes:
        """Return Genomes made of single ones, each a Genome or plain data (see `Genome.from_dict`)."""
        if not isinstance(genomes, Sequence) or isinstance(genomes, str | bytes):
            raise ValueError(f"genomes: expected a list of Genome or of plain data, got {quote(genomes)}")
        singles = [g if isinstance(g, Genome) else Genome.from_dict(g) for g in genomes]
        if not singles:
            raise ValueError("genomes: expected at least one, got an empty list")
        first = singles[0].genomes
        for position, single in enumerate(singles):
            pairs = zip(single.genomes.description, first.description, strict=True)
            for name, (own, expected) in zip(Description._fields, pairs, strict=True):
                if own != expected:
                    raise GenomeError(f"genome {position}: {name} is {own}, genome 0 has {expected}")
        batches = [single.genomes.arrays for single in singles]
        return first.with_arrays(
            GenomeArrays(
                np.cumsum([0] + [len(b.node_id) for b in batches]),
                np.cumsum([0] + [len(b.connection_innovation) for b in batches]),
                *map(np.concatenate, zip(*(b[len(OFFSETS) :] for b in batches), strict=True)),
            )
        )

    @classmethod
    def from_layers(cls, models: Any) -> Genomes:
        """Return layered models as feed-forward genomes, whose connections have the same innovation numbers.

        Args:
            models: A model or a list of models with layers of the same sizes. A model is a list of Layer, or has a
                method `to_layers` that returns one, such as `evaluators.gradient.nn.Sequential` and Genome.

        Raises:
            GenomeError: A model is not as described; the message names the model and the layer.
        """
        arrays, description = from_layers(models)
        return cls(arrays, *description)


class Genome:
    """A single genome, whose genes are readable as plain data.

    Attributes:
        genomes: The batch of one genome that holds the genes.
    """

    def __init__(self, genomes: Genomes) -> None:
        if not isinstance(genomes, Genomes):
            raise GenomeError(
                f"genomes: expected Genomes, got {type(genomes).__name__}; Genome.from_dict reads data"
            )
        if len(genomes) != 1:
            raise GenomeError(
                f"genomes: expected a batch of one, got {len(genomes)}; genomes[0] gives a single one"
            )
        self.genomes = genomes

    @property
    def num_inputs(self) -> int:
        """The number of inputs, without the bias input."""
        return self.genomes.num_inputs

    @property
    def num_outputs(self) -> int:
        """The number of outputs."""
        return self.genomes.num_outputs

    @property
    def bias_input(self) -> bool:
        """Whether there is an extra input that is always 1."""
        return self.genomes.bias_input

    @property
    def feed_forward(self) -> bool:
        """Whether the network has no loops and is evaluated in topological order."""
        return self.genomes.feed_forward

    @property
    def input_ids(self) -> list[int]:
        """The ids of the inputs; that of the bias input is the last."""
        return list(range(self.genomes.input_count))

    @property
    def output_ids(self) -> list[int]:
        """The ids of the output nodes."""
        first = self.genomes.input_count
        return list(range(first, first + self.num_outputs))

    @property
    def hidden_ids(self) -> list[int]:
        """The ids of the hidden nodes."""
        return self.genomes.to_kernel().node_id[self.num_outputs :].tolist()

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """The node genes, as in `to_dict`."""
        return node_data(self.genomes.to_kernel())

    @property
    def connections(self) -> list[dict[str, Any]]:
        """The connection genes, as in `to_dict`."""
        return connection_data(self.genomes.to_kernel(), self.genomes.input_count)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise _attribute_error(self, name)

    def __repr__(self) -> str:
        arrays = self.genomes.to_kernel()
        return (
            f"Genome({self.num_inputs} inputs, {self.num_outputs} outputs, {len(self.hidden_ids)} hidden nodes, "
            f"{int(arrays.connection_enabled.sum())} of {len(arrays.connection_enabled)} connections enabled)"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Genome):
            return False
        ours, theirs = self.genomes, other.genomes
        return ours.description == theirs.description and all(map(np.array_equal, ours.arrays, theirs.arrays))

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return the genome as plain data, which JSON can hold. `from_dict` restores it bit for bit."""
        data: dict[str, Any] = {"num_inputs": self.num_inputs, "num_outputs": self.num_outputs}
        if self.bias_input:
            data["bias_input"] = True
        if not self.feed_forward:
            data["feed_forward"] = False
        return {**data, "nodes": self.nodes, "connections": self.connections}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Genome:
        """Return the genome that plain data describes.

        Args:
            data: `num_inputs`, `num_outputs`, `nodes` and `connections` as `to_dict` returns them, genes in any order;
                optionally `bias_input` (default False) and `feed_forward` (default True). A node can omit `bias` (0),
                `response` (1), `activation` (sigmoid) and `aggregation` (sum), a connection `enabled` (True).

        Raises:
            GenomeError: A field is missing or has the wrong type, or the genome breaks a rule of `Genomes.check`.
        """
        if not isinstance(data, dict):
            raise GenomeError(f"genome: expected a dictionary, got {type(data).__name__}")
        try:
            parsed = GenomeData(**data)
        except (TypeError, ValueError) as error:
            raise GenomeError(f"genome: {error}") from None
        genome = cls(Genomes(to_arrays(parsed), *Description.of(parsed)))
        genome.genomes.check()
        return genome

    def to_layers(self) -> list[Layer]:
        """Return the genome as layers, of which each has the nodes that are as far from the inputs as the others.

        A missing or disabled connection has the weight 0; responses and the bias input become part of the others.

        Raises:
            ValueError: The genome is recurrent, a connection skips a layer, or the nodes of a layer differ in their
                activation or do not add; the message names the first such connection or node.
        """
        return to_layers(self.genomes.to_kernel(), self.genomes.description)

    @classmethod
    def from_neat_python(cls, genome: Any, config: Any) -> Genome:
        """Return a genome of neat-python as a Genome.

        Args:
            genome: neat-python's genome.
            config: neat-python's config, or its `genome_config`.

        Raises:
            GenomeError: A part of the genome cannot be converted; the message names it.
        """
        return neat_python_genome.convert(genome, config, cls.from_dict)


def _attribute_error(owner: object, name: str) -> AttributeError:
    """Return Python's usual error; for `activate`, the message adds how to get a network."""
    hint = (
        ": a run's evaluator gets all genomes at once; wrap a function of one network in evaluators.PerGenome, "
        "or compile genomes to networks with evaluators.compile"
        if name == "activate"
        else ""
    )
    message = f"{type(owner).__name__!r} object has no attribute {name!r}{hint}"
    return AttributeError(message, name=name, obj=owner)
