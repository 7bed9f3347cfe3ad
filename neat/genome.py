"""Genomes as a struct of arrays, and a single Genome for people.

Genome `g` of a population owns the slices `node_offset[g]:node_offset[g+1]` and
`connection_offset[g]:connection_offset[g+1]`. An *id* is historical and sparse; an *index* is local to a genome and
dense: its inputs come first (the bias input last among them), then its nodes in order of id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from neat import activations
from neat.plain_data import GenomeData
from neat.rules import RULES, first_broken_rule
from neat.validation import check_unmasked


class GenomeArrays(NamedTuple):
    """The genes of P genomes with N nodes and C connections in all."""

    node_offset: np.ndarray  # int64 (P+1,)
    connection_offset: np.ndarray  # int64 (P+1,)
    node_id: np.ndarray  # int64 (N,), ascending within a genome
    node_bias: np.ndarray  # float32 (N,)
    node_response: np.ndarray  # float32 (N,)
    node_activation: np.ndarray  # uint8 (N,), index into activations.ACTIVATIONS
    node_aggregation: np.ndarray  # uint8 (N,), index into activations.AGGREGATIONS
    connection_innovation: np.ndarray  # int64 (C,), ascending within a genome
    connection_source: np.ndarray  # int32 (C,), index within the genome
    connection_target: np.ndarray  # int32 (C,), index within the genome
    connection_weight: np.ndarray  # float32 (C,)
    connection_enabled: np.ndarray  # bool (C,)


DTYPES = tuple(map(np.dtype, ("i8", "i8", "i8", "f4", "f4", "u1", "u1", "i8", "i4", "i4", "f4", "?")))


class GenomeError(ValueError):
    """A genome breaks one of the rules that `Genomes.check` states."""


class Genomes:
    """A population's genomes, or any number of them, in arrays (see GenomeArrays).

    Args:
        arrays: The genes.
        num_inputs: Inputs that a person passes, without the bias input.
        num_outputs: Outputs.
        bias_input: Whether there is an extra input, constantly 1, with id `num_inputs`.
        feed_forward: Whether the networks are free of loops and evaluated in topological order.
        generation: The generation that the genomes belong to.
        seed: The run's seed.
    """

    def __init__(
        self,
        arrays: GenomeArrays,
        num_inputs: int,
        num_outputs: int,
        bias_input: bool = False,
        feed_forward: bool = True,
        generation: int = 0,
        seed: int = 0,
    ) -> None:
        self.arrays = arrays
        self.num_inputs = num_inputs
        self.num_outputs = num_outputs
        self.bias_input = bias_input
        self.feed_forward = feed_forward
        self.generation = generation
        self.seed = seed

    @property
    def input_count(self) -> int:
        """Input indices in use: `num_inputs`, and one more with a bias input."""
        return self.num_inputs + self.bias_input

    def __len__(self) -> int:
        return len(self.arrays.node_offset) - 1

    def __getitem__(self, index: int) -> Genome:
        if not isinstance(index, int | np.integer):
            raise TypeError(f"genomes: expected an integer as index, got {index!r}; take() gives several")
        if not -len(self) <= index < len(self):
            raise IndexError(f"genome {index} of {len(self)}")
        arrays, index = self.arrays, index % len(self)
        node = slice(arrays.node_offset[index], arrays.node_offset[index + 1])
        connection = slice(arrays.connection_offset[index], arrays.connection_offset[index + 1])
        return Genome(
            self.with_arrays(
                GenomeArrays(
                    np.array([0, node.stop - node.start]),
                    np.array([0, connection.stop - connection.start]),
                    *(array[node].copy() for array in arrays[2:7]),
                    *(array[connection].copy() for array in arrays[7:]),
                )
            )
        )

    def __iter__(self) -> Iterator[Genome]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return (
            f"Genomes({len(self)} genomes, {len(self.arrays.node_id)} nodes, "
            f"{len(self.arrays.connection_innovation)} connections, generation {self.generation})"
        )

    def with_arrays(self, arrays: GenomeArrays) -> Genomes:
        """Other genes under the same description."""
        return Genomes(
            arrays,
            self.num_inputs,
            self.num_outputs,
            self.bias_input,
            self.feed_forward,
            self.generation,
            self.seed,
        )

    def take(self, indices: np.ndarray) -> Genomes:
        """Copies of the genomes at `indices`, integers of shape (n,), in that order.

        Raises:
            IndexError: An index is no integer, negative or too great.
            ValueError: Some indices are masked.
        """
        check_unmasked("indices", indices)
        indices = np.asarray(indices)
        if indices.ndim != 1 or (indices.dtype.kind not in "iu" and len(indices) > 0):
            raise IndexError(
                f"indices: expected integers of shape (n,), got {indices.dtype} of shape {indices.shape}"
            )
        indices = indices.astype(np.int64)
        if len(indices) > 0 and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(
                f"indices: must lie from 0 to {len(self) - 1}, got {indices.min()} to {indices.max()}"
            )
        arrays = self.arrays
        node_offset, node = _ragged_indices(arrays.node_offset, indices)
        connection_offset, connection = _ragged_indices(arrays.connection_offset, indices)
        return self.with_arrays(
            GenomeArrays(
                node_offset,
                connection_offset,
                *(array[node] for array in arrays[2:7]),
                *(array[connection] for array in arrays[7:]),
            )
        )

    def check(self) -> None:
        """Raise GenomeError, with the genome's index and the rule, unless every genome is as it must be.

        The rules: offsets start at 0, never fall, and end with the arrays; dtypes are those of GenomeArrays; node
        ids ascend, begin with the outputs' and are none of the inputs'; biases, responses and weights are finite;
        activations and aggregations are in the table; innovations ascend and are not negative; sources and targets
        are indices that exist, no target is an input; no (source, target) pair comes twice; without recurrence, no
        loop, disabled connections counted.
        """
        self._check_layout()
        genome, rule = first_broken_rule(
            self.arrays,
            self.input_count,
            self.num_outputs,
            self.feed_forward,
            len(activations.ACTIVATIONS),
            len(activations.AGGREGATIONS),
        )
        if genome >= 0:
            raise GenomeError(f"genome {genome}: {RULES[rule]}")

    def _check_layout(self) -> None:
        arrays = self.arrays
        for name, array, dtype in zip(arrays._fields, arrays, DTYPES, strict=True):
            if array.dtype != dtype or array.ndim != 1:
                raise GenomeError(
                    f"{name}: expected a {dtype} array of one dimension, got {array.dtype} of shape {array.shape}"
                )
        sizes = {"node": len(arrays.node_id), "connection": len(arrays.connection_innovation)}
        for kind, size in sizes.items():
            offset = getattr(arrays, f"{kind}_offset")
            if len(offset) != len(arrays.node_offset) or len(offset) == 0:
                raise GenomeError(
                    f"{kind}_offset: expected shape ({len(arrays.node_offset)},), got {offset.shape}"
                )
            if offset[0] != 0 or offset[-1] != size or (np.diff(offset) < 0).any():
                raise GenomeError(f"{kind}_offset: must rise from 0 to the number of {kind}s, {size}")
            for name in arrays._fields:
                array = getattr(arrays, name)
                if name.startswith(kind) and not name.endswith("offset") and len(array) != size:
                    raise GenomeError(f"{name}: expected shape ({size},), got {array.shape}")

    @classmethod
    def from_list(cls, genomes: Sequence[Genome | dict[str, Any]]) -> Genomes:
        """Genomes from single ones, as Genome or as plain data (`Genome.from_dict`)."""
        singles = [g if isinstance(g, Genome) else Genome.from_dict(g) for g in genomes]
        if not singles:
            raise ValueError("genomes: expected at least one, got an empty list")
        first = singles[0].genomes
        for position, single in enumerate(singles):
            for name in ("num_inputs", "num_outputs", "bias_input", "feed_forward"):
                if getattr(single.genomes, name) != getattr(first, name):
                    raise GenomeError(
                        f"genome {position}: {name} is {getattr(single.genomes, name)}, "
                        f"genome 0 has {getattr(first, name)}"
                    )
        batches = [single.genomes.arrays for single in singles]
        return first.with_arrays(
            GenomeArrays(
                np.cumsum([0] + [len(b.node_id) for b in batches]),
                np.cumsum([0] + [len(b.connection_innovation) for b in batches]),
                *(np.concatenate([b[k] for b in batches]) for k in range(2, len(DTYPES))),
            )
        )


class Genome:
    """One genome: a batch of one, with its genes as plain data for people.

    Attributes:
        genomes: The batch of one that holds the genes.
    """

    def __init__(self, genomes: Genomes) -> None:
        assert len(genomes) == 1
        self.genomes = genomes

    @property
    def num_inputs(self) -> int:
        """Inputs, without the bias input."""
        return self.genomes.num_inputs

    @property
    def num_outputs(self) -> int:
        """Outputs."""
        return self.genomes.num_outputs

    @property
    def bias_input(self) -> bool:
        """Whether an extra input is constantly 1."""
        return self.genomes.bias_input

    @property
    def feed_forward(self) -> bool:
        """Whether the network is free of loops."""
        return self.genomes.feed_forward

    @property
    def input_ids(self) -> list[int]:
        """Ids of the inputs, the bias input's last."""
        return list(range(self.genomes.input_count))

    @property
    def output_ids(self) -> list[int]:
        """Ids of the output nodes."""
        first = self.genomes.input_count
        return list(range(first, first + self.num_outputs))

    @property
    def hidden_ids(self) -> list[int]:
        """Ids of the hidden nodes."""
        return self.genomes.arrays.node_id[self.num_outputs :].tolist()

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """The node genes, as in `to_dict`."""
        a = self.genomes.arrays
        columns = (a.node_id, a.node_bias, a.node_response, a.node_activation, a.node_aggregation)
        return [
            {
                "id": id_,
                "bias": _shortest(bias),
                "response": _shortest(response),
                "activation": activations.ACTIVATIONS[activation].name,
                "aggregation": activations.AGGREGATIONS[aggregation].name,
            }
            for id_, bias, response, activation, aggregation in zip(
                *(c.tolist() if c.dtype.kind != "f" else c for c in columns), strict=True
            )
        ]

    @property
    def connections(self) -> list[dict[str, Any]]:
        """The connection genes, as in `to_dict`."""
        a = self.genomes.arrays
        ids = np.concatenate([np.arange(self.genomes.input_count), a.node_id])
        return [
            {
                "innovation": int(innovation),
                "source": int(ids[source]),
                "target": int(ids[target]),
                "weight": _shortest(weight),
                "enabled": bool(enabled),
            }
            for innovation, source, target, weight, enabled in zip(*a[7:], strict=True)
        ]

    def __repr__(self) -> str:
        arrays = self.genomes.arrays
        return (
            f"Genome({self.num_inputs} inputs, {self.num_outputs} outputs, {len(self.hidden_ids)} hidden nodes, "
            f"{int(arrays.connection_enabled.sum())} of {len(arrays.connection_enabled)} connections enabled)"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Genome):
            return False
        ours, theirs = self.genomes, other.genomes
        described = ("num_inputs", "num_outputs", "bias_input", "feed_forward")
        return all(getattr(ours, name) == getattr(theirs, name) for name in described) and all(
            map(np.array_equal, ours.arrays, theirs.arrays)
        )

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """The genome as plain data (what JSON can hold); `from_dict` gives the same genome back, bit for bit."""
        data: dict[str, Any] = {"num_inputs": self.num_inputs, "num_outputs": self.num_outputs}
        if self.bias_input:
            data["bias_input"] = True
        if not self.feed_forward:
            data["feed_forward"] = False
        return {**data, "nodes": self.nodes, "connections": self.connections}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Genome:
        """A genome from plain data.

        Args:
            data: `num_inputs`, `num_outputs`, `nodes` and `connections` as `to_dict` gives them, in any order;
                `bias_input` (default false) and `feed_forward` (default true). A node may leave out `bias` (0),
                `response` (1), `activation` (sigmoid) and `aggregation` (sum), a connection `enabled` (true).

        Raises:
            GenomeError: Something is missing, of the wrong type, or breaks a rule of `Genomes.check`.
        """
        if not isinstance(data, dict):
            raise GenomeError(f"genome: expected a dictionary, got {type(data).__name__}")
        try:
            parsed = GenomeData(**data)
        except (TypeError, ValueError) as error:
            raise GenomeError(f"genome: {error}") from None
        genome = cls(_from_plain(parsed))
        genome.genomes.check()
        return genome

    @classmethod
    def from_neat_python(cls, genome: Any, config: Any) -> Genome:
        """A genome of neat-python.

        Args:
            genome: neat-python's genome.
            config: neat-python's config, or its `genome_config`.

        Raises:
            GenomeError: Something cannot be carried over; the message names it.
        """
        from neat import neat_python

        return neat_python.genome(genome, config)


def _shortest(value: np.float32) -> float:
    """The float with the fewest digits that is this float32."""
    return float(str(value))


def _ragged_indices(offset: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of the chosen rows when laid side by side, and the elements' positions in the original."""
    size = offset[rows + 1] - offset[rows]
    new_offset = np.concatenate([[0], np.cumsum(size)])
    return new_offset, np.arange(new_offset[-1]) + np.repeat(offset[rows] - new_offset[:-1], size)


def _from_plain(data: GenomeData) -> Genomes:
    """The batch of one that holds these genes, sorted, with ids of endpoints turned into indices."""
    nodes = sorted(data.nodes, key=lambda node: node.id)
    connections = sorted(data.connections, key=lambda connection: connection.innovation)
    input_count = data.num_inputs + data.bias_input
    index = {id_: id_ for id_ in range(input_count)}
    index.update({node.id: input_count + position for position, node in enumerate(nodes)})
    for connection in connections:
        for end in (connection.source, connection.target):
            if end not in index:
                raise GenomeError(f"connection {connection.innovation}: there is no node {end}")
    columns: list[list[Any]] = [
        [0, len(nodes)],
        [0, len(connections)],
        [node.id for node in nodes],
        [node.bias for node in nodes],
        [node.response for node in nodes],
        [activations.activation_index(node.activation) for node in nodes],
        [activations.aggregation_index(node.aggregation) for node in nodes],
        [connection.innovation for connection in connections],
        [index[connection.source] for connection in connections],
        [index[connection.target] for connection in connections],
        [connection.weight for connection in connections],
        [connection.enabled for connection in connections],
    ]
    arrays = GenomeArrays(*(np.array(c, dtype) for c, dtype in zip(columns, DTYPES, strict=True)))
    return Genomes(arrays, data.num_inputs, data.num_outputs, data.bias_input, data.feed_forward)
