"""The base class of targets: the pass over a graph with values of the target's type."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from evaluators.export.graph import Graph, GraphNode
from evaluators.export.interface import Interface
from evaluators.program.node import node_update
from neat.kernels.elementwise import with_names
from neat.kernels.jit import bind_globals

_TIME_STEP = 1.0


class Results(NamedTuple):
    """What a pass over a graph returns, as values of a target."""

    outputs: list[Any]
    """The outputs, in the user's unit."""
    nodes: list[Any]
    """The values of all nodes: the next state of a recurrent network."""


class Target(ABC):
    """A kind of export, which knows how its values are computed.

    Values are of any type with the operators +, -, *, / and unary -, also of a value and a number.

    Attributes:
        vocabulary: What the names in the definitions of activations stand for: `abs` and the placeholders of
            `neat.kernels.elementwise`. Arguments can be numbers.
        reductions: For the name of each aggregation, its function of what `weigh` returns.
    """

    vocabulary: Mapping[str, Callable[..., Any]]
    reductions: Mapping[str, Callable[[Any], Any]]

    @abstractmethod
    def constant(self, number: float) -> Any:
        """Return a value that is this number for every sample."""

    def weigh(self, position: int, node: GraphNode, values: list[Any]) -> Any:
        """Return the weighted values of the links of the node at this position of the graph."""
        return [weight * value for weight, value in zip(node.weights, values, strict=True)]

    def numbers(self, position: int, node: GraphNode) -> Any:
        """Return the `program.node.NodeNumbers` of the node at this position of the graph."""
        return node.numbers

    def activate(self, node: GraphNode, x: Any) -> Any:
        """Return the node's activation of x."""
        names = {"ZERO": 0, "ONE": 1, "number": float, **self.vocabulary}
        return with_names(node.activation.function, names)(x)

    def keep_input(self, position: int, value: Any) -> Any:
        """Return the value that stands for a scaled input in the values that depend on it."""
        return value

    def keep(self, node: GraphNode, value: Any) -> Any:
        """Return the value that stands for a node in the values that depend on it."""
        return value

    def run(self, graph: Graph, interface: Interface, inputs: Sequence[Any], state: Sequence[Any]) -> Results:
        """Compute all nodes of a graph.

        Args:
            graph: The network.
            interface: Its names and scales.
            inputs: The values of the inputs, without the bias input.
            state: The values of all nodes in the step before; empty for feed-forward networks.
        """
        slots = interface.scale_inputs(list(inputs))
        read = {source for node in graph.nodes for source in node.sources}
        for position, value in enumerate(inputs):
            if position in read and slots[position] is not value:
                slots[position] = self.keep_input(position, slots[position])
        if graph.bias_input:
            slots.append(self.constant(1.0))
        if not graph.feed_forward:
            slots += state
        nodes: list[Any] = []
        for position, node in enumerate(graph.nodes):
            previous = 0.0 if graph.feed_forward else state[position]
            nodes.append(
                self.keep(node, self._update(position, node, [slots[k] for k in node.sources], previous))
            )
            if graph.feed_forward:
                slots.append(nodes[-1])
        return Results(interface.scale_outputs([nodes[k] for k in graph.outputs]), nodes)

    def _update(self, position: int, node: GraphNode, values: list[Any], previous: Any) -> Any:
        """Return the value of a node, from those of its links' sources."""
        aggregate: Any = 0.0
        if values:
            aggregate = self.reductions[node.aggregation](self.weigh(position, node, values))
        update = bind_globals(node_update, activation=functools.partial(self._activate, node))
        return update(self.numbers(position, node), aggregate, previous, _TIME_STEP)

    def _activate(self, node: GraphNode, x: Any) -> Any:
        return self.activate(node, self.constant(x) if isinstance(x, int | float) else x)
