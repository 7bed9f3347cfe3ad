"""Define Genomes, a batch in arrays, and Genome, a single one.

Genome `g` of a population owns the slices `node_offset[g]:node_offset[g+1]` and
`connection_offset[g]:connection_offset[g+1]`. An *id* is historical and sparse. An *index* is local to a genome and
dense: its inputs come first (the bias input last among them), then its nodes in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.genome import from_neat_python as neat_python_genome
from neat.genome.checked_genes import CheckedGenes, attribute_error
from neat.genome.enlarging import add_inputs, add_outputs
from neat.genome.files import read_batch, read_single, write_batch, write_single
from neat.genome.gene_arrays import DTYPES as DTYPES
from neat.genome.gene_arrays import (
    HASHED_NODE,
    OFFSETS,
    Description,
    as_indices,
    copy_genome_at,
    join_arrays,
    ragged_indices,
    select,
)
from neat.genome.gene_arrays import Bounds as Bounds
from neat.genome.gene_arrays import GenomeArrays as GenomeArrays
from neat.genome.layers import Layer, from_layers, to_layers
from neat.genome.plain_data import GenomeData, connection_data, node_data, to_arrays
from neat.genome.rules import GenomeError as GenomeError
from neat.genome.rules import check_layout
from neat.support.messages import quote


class Genomes(CheckedGenes):
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

    Attributes:
        first: The index of genome 0 in its generation, above 0 in a `part`. Evaluators add it to indices in seeds and
            messages.
    """

    def __getitem__(self, index: int) -> Genome:
        arrays = self.to_kernel()
        if not isinstance(index, int | np.integer):
            raise TypeError(
                f"genomes: expected an integer as index, got {quote(index)}; take() gives several"
            )
        if not -len(self) <= index < len(self):
            raise IndexError(f"genome {quote(index)} of {len(self)}")
        index %= len(self)
        return Genome(self.with_arrays(copy_genome_at(arrays, index)))

    def __iter__(self) -> Iterator[Genome]:
        self.to_kernel()  # checks the genomes before `len` reads their offsets
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return (
            f"Genomes({len(self)} genomes, {len(self.arrays.node_id)} nodes, "
            f"{len(self.arrays.connection_innovation)} connections, generation {self.generation})"
        )

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

    def part(self, begin: int, end: int) -> Genomes:
        """Return genomes `begin` to `end`, the latter excluded, which share memory with these and know their place.

        Raises:
            IndexError: The range is not within the batch.
        """
        if not 0 <= begin <= end <= len(self):
            raise IndexError(f"genomes: expected a range within 0 to {len(self)}, got {begin} to {end}")
        arrays = self.arrays
        node, connection = (slice(int(offset[begin]), int(offset[end])) for offset in arrays[: len(OFFSETS)])
        node_offset = arrays.node_offset[begin : end + 1] - node.start
        connection_offset = arrays.connection_offset[begin : end + 1] - connection.start
        part = self.with_arrays(select(arrays, node_offset, connection_offset, node, connection))
        part.first = self.first + begin
        return part

    @classmethod
    def from_list(cls, genomes: Sequence[Genome | dict[str, Any]]) -> Genomes:
        """Return Genomes made of single ones, each a Genome or plain data (see `Genome.from_dict`)."""
        if not isinstance(genomes, Sequence) or isinstance(genomes, str | bytes):
            raise ValueError(f"genomes: expected a list of Genome or of plain data, got {quote(genomes)}")
        singles = [g if isinstance(g, Genome) else Genome.from_dict(g) for g in genomes]
        if not singles:
            raise ValueError("genomes: expected at least one, got an empty list")
        batches = [single.genomes for single in singles]
        _check_descriptions("genome", batches)
        return batches[0].with_arrays(join_arrays([batch.arrays for batch in batches]))

    @classmethod
    def concatenate(cls, batches: Sequence[Genomes]) -> Genomes:
        """Return the genomes of several batches, one batch after the other, with the first one's seed and bounds.

        Genomes can be mated if the same innovation number means the same connection in all of them. This holds for
        genomes of one run. `Population` checks it for the genomes that it is given.

        Raises:
            ValueError: There is no batch, or one is not Genomes.
            GenomeError: The batches have different inputs, outputs or kinds of networks.
        """
        if not isinstance(batches, Sequence) or not all(isinstance(batch, Genomes) for batch in batches):
            raise ValueError(f"batches: expected a list of Genomes, got {quote(batches)}")
        if not batches:
            raise ValueError("batches: expected at least one, got an empty list")
        _check_descriptions("batch", batches)
        return batches[0].with_arrays(join_arrays([batch.to_kernel() for batch in batches]))

    def with_inputs(self, num_inputs: int) -> Genomes:
        """Return copies with more inputs, which have no connections yet. The bias input stays the last.

        The ids of the other nodes rise by the number of new inputs in all genomes of the batch, so that these can
        still be mated with one another, but not with genomes outside of it. Innovation numbers stay.

        Args:
            num_inputs: The new number of inputs, at least the present one.

        Raises:
            GenomeError: The number is no integer, or too small or large; or an id would exceed int64.
        """
        arrays = add_inputs(self.to_kernel(), self.description, num_inputs)
        return self._with_description(arrays, num_inputs=int(num_inputs))

    def with_outputs(self, num_outputs: int) -> Genomes:
        """Return copies with more outputs, which have no connections yet; ids change as `with_inputs` says.

        New outputs have bias 0 and response 1, or the nearest values within the bounds, and the activation and
        aggregation of their genome's first output.

        Args:
            num_outputs: The new number of outputs, at least the present one.

        Raises:
            GenomeError: The number is no integer, or too small or large; or an id would exceed int64.
        """
        arrays = add_outputs(self.to_kernel(), self.description, num_outputs, self.bounds)
        return self._with_description(arrays, num_outputs=int(num_outputs))

    def _with_description(self, arrays: GenomeArrays, **changes: Any) -> Genomes:
        description = self.description._replace(**changes)
        return Genomes(arrays, *description, self.generation, self.seed, self.bounds)

    def save(self, path: str | Path) -> None:
        """Write the genomes to a file of arrays, atomically. It holds no code.

        Args:
            path: The file, replaced if it exists.

        Raises:
            GenomeError: A genome breaks a rule of `check`.
        """
        self.check()
        write_batch(path, self)

    @classmethod
    def load(cls, path: str | Path) -> Genomes:
        """Return the genomes that `save` wrote.

        Raises:
            GenomeError: The file cannot be read, is damaged, or holds something else; the message names the file.
        """
        return read_batch(path, cls)

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
    def node_labels(self) -> dict[int, int]:
        """A number to write for each node, by id: the id, or the index if ids of the genome are hashed."""
        ids = self.genomes.to_kernel().node_id.tolist()
        numbers = range(self.genomes.input_count, 2**62) if ids[-1] >= HASHED_NODE else ids
        return dict(zip(ids, numbers, strict=False))

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
            raise attribute_error(self, name)

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

    def save(self, path: str | Path) -> None:
        """Write the genome as JSON (see `to_dict`), atomically.

        Args:
            path: The file, replaced if it exists.
        """
        write_single(path, self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> Genome:
        """Return the genome in a JSON file that `save`, or a run of the command line, wrote.

        Raises:
            GenomeError: The file cannot be read, is not JSON, or holds no valid genome; the message names the file.
        """
        return read_single(path, cls.from_dict)

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


def describe_size(genome: Genome) -> str:
    """Return the numbers of a genome's hidden nodes and enabled connections, as text."""
    hidden, enabled = len(genome.hidden_ids), int(genome.genomes.arrays.connection_enabled.sum())
    return f"{hidden} hidden node{'s' * (hidden != 1)}, {enabled} connection{'s' * (enabled != 1)}"


def _check_descriptions(name: str, batches: Sequence[Genomes]) -> None:
    """Raise GenomeError for the first batch whose description differs from that of batch 0."""
    for position, batch in enumerate(batches):
        pairs = zip(batch.description, batches[0].description, strict=True)
        for field, (own, expected) in zip(Description._fields, pairs, strict=True):
            if own != expected:
                raise GenomeError(f"{name} {position}: {field} is {own}, {name} 0 has {expected}")
