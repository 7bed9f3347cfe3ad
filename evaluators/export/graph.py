"""The intermediate form of an export: a network's nodes in evaluation order, with their links and functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evaluators.checks import check_current
from evaluators.cpu.compilation import compile_with_origins
from evaluators.program import node as program_node
from neat.activations import (
    ACTIVATIONS,
    AGGREGATIONS,
    BUILT_IN_ACTIVATIONS,
    BUILT_IN_AGGREGATIONS,
    Activation,
)
from neat.genome.genome import Genome
from neat.support.messages import quote


class GraphNode(NamedTuple):
    """A node of a graph.

    Attributes:
        id: The id of its gene.
        activation: A built-in activation.
        aggregation: The name of a built-in aggregation.
        numbers: A `program.node.NodeNumbers` of floats, which have the fewest digits that float32 rounds to the gene's
            number.
        sources: The slots that its links read: inputs first (the bias input last among them), then nodes in order.
        weights: The links' weights, floats like those of `numbers`.
        gene: The position of its gene in the genome.
        links: The positions of its links' genes.
    """

    id: int
    activation: Activation
    aggregation: str
    numbers: Any
    sources: tuple[int, ...]
    weights: tuple[float, ...]
    gene: int
    links: tuple[int, ...]


class Graph(NamedTuple):
    """A network without the nodes that no output depends on.

    Attributes:
        num_inputs: The number of inputs, without the bias input.
        bias_input: Whether there is an extra input that is 1.
        feed_forward: Whether each node comes after those that it reads. Otherwise, nodes read the values of the step
            before.
        nodes: The nodes.
        outputs: The positions of the outputs in `nodes`.
    """

    num_inputs: int
    bias_input: bool
    feed_forward: bool
    nodes: tuple[GraphNode, ...]
    outputs: tuple[int, ...]

    @property
    def summary(self) -> str:
        """The kind and size of the network, in words."""
        kind = "feed-forward" if self.feed_forward else "recurrent"
        links = sum(len(node.sources) for node in self.nodes)
        counts = (
            (self.num_inputs, "input"),
            (len(self.outputs), "output"),
            (len(self.nodes) - len(self.outputs), "hidden node"),
            (links, "connection"),
        )
        return f"{kind} network: " + ", ".join(f"{n:,} {what}{'s' * (n != 1)}" for n, what in counts)


def check_genome(genome: Any) -> None:
    """Raise a ValueError unless this is a Genome."""
    if not isinstance(genome, Genome):
        raise ValueError(f"genome: expected a neat.Genome, got {quote(genome)}")


def build_graph(genome: Genome) -> Graph:
    """Return the graph of a genome.

    Raises:
        ValueError: `genome` is not a Genome, or an output depends on a user-defined function.
    """
    check_genome(genome)
    check_current(genome.genomes)
    programs, origins = compile_with_origins(genome.genomes)
    activations, aggregations = ACTIVATIONS[:BUILT_IN_ACTIVATIONS], AGGREGATIONS[:BUILT_IN_AGGREGATIONS]
    node_genes, link_genes, labels = genome.nodes, genome.connections, genome.node_labels
    nodes: list[GraphNode] = []
    begin = 0
    for position in range(int(programs.node_count[0])):
        end = int(programs.link_end[position])
        gene = int(origins.node[position])
        data = node_genes[gene]
        links = tuple(map(int, origins.link[begin:end]))
        nodes.append(
            GraphNode(
                labels[data["id"]],
                _find_entry("activation", activations, data),
                # Of a single value, all aggregations are the same.
                "sum" if len(links) == 1 else _find_entry("aggregation", aggregations, data).name,
                program_node.NodeNumbers(*(data[name] for name in program_node.NodeNumbers._fields)),
                tuple(programs.link_source[begin:end].tolist()),
                tuple(link_genes[link]["weight"] for link in links),
                gene,
                links,
            )
        )
        begin = end
    first = genome.genomes.input_count
    outputs = tuple(int(slot) - first for slot in programs.output_slot[0])
    return Graph(genome.num_inputs, genome.bias_input, genome.feed_forward, tuple(nodes), outputs)


def _find_entry(kind: str, built_in: Sequence[Any], node: dict[str, Any]) -> Any:
    """Return the built-in activation or aggregation that a node names."""
    name = node[kind]
    for entry in built_in:
        if entry.name == name:
            return entry
    raise ValueError(
        f"{kind} {quote(name)}: node {node['id']} has it; a user-defined function cannot be exported, only "
        f"{', '.join(entry.name for entry in built_in)}"
    )
