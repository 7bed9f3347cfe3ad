"""The PyTorch module of a network. Import this module only where PyTorch is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from evaluators.export.formulas import Vocabulary
from evaluators.export.graph import Graph, Node
from evaluators.export.interface import Interface
from evaluators.export.target import Target
from neat.genome.genome import Genome

_LARGEST_EXPONENT = 88.0  # e^88 is finite in float32, so that gradients have no product of 0 and infinity


class NetworkModule(torch.nn.Module):
    """A network with trainable weights and biases (see `evaluators.export.to_torch`)."""

    def __init__(self, genome: Genome, graph: Graph, interface: Interface) -> None:
        super().__init__()
        self._genome, self._graph, self._interface = genome, graph, interface
        weights = [weight for node in graph.nodes for weight in node.weights]
        self.weight = torch.nn.Parameter(torch.tensor(weights, dtype=torch.float32))
        self.bias = torch.nn.Parameter(torch.tensor([node.numbers.bias for node in graph.nodes]))
        ends = torch.tensor([len(node.weights) for node in graph.nodes]).cumsum(0).tolist()
        self._links = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]

    def forward(self, inputs: torch.Tensor, state: torch.Tensor | None = None) -> Any:
        """Return the outputs; for a recurrent network, the outputs and the next state."""
        graph = self._graph
        target = _Torch(self.weight, self.bias, self._links, inputs[..., 0])
        before: Any = ()
        if not graph.feed_forward:
            zeros = inputs.new_zeros((*inputs.shape[:-1], len(graph.nodes)))
            before = (zeros if state is None else state).unbind(-1)
        outputs, nodes = target.run(graph, self._interface, inputs.unbind(-1), before)
        stacked = torch.stack(outputs, -1)
        return stacked if graph.feed_forward else (stacked, torch.stack(nodes, -1))

    def to_genome(self) -> Genome:
        """Return the genome with the module's weights and biases."""
        genome = Genome(self._genome.genomes.take(np.arange(1)))
        arrays = genome.genomes.arrays
        links = [link for node in self._graph.nodes for link in node.links]
        arrays.connection_weight[links] = self.weight.detach().cpu().numpy()
        arrays.node_bias[[node.gene for node in self._graph.nodes]] = self.bias.detach().cpu().numpy()
        genome.genomes.check()
        return genome


def _select(test: torch.Tensor, first: Any, second: Any, x: torch.Tensor) -> torch.Tensor:
    """Return first(x) where the test holds, and second(x) elsewhere.

    Each branch sees 1 in place of the other's arguments. Otherwise a branch with an infinite slope there would make the
    gradient NaN.
    """
    one = torch.ones_like(x)
    branches = (first(torch.where(test, x, one)), second(torch.where(test, one, x)))
    return torch.where(test, *(_lift(branch, x) for branch in branches))


def _lift(value: Any, like: torch.Tensor) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else torch.full_like(like, value)


def _median(values: torch.Tensor) -> torch.Tensor:
    count, ordered = values.shape[-1], values.sort(-1).values
    return 0.5 * (ordered[..., (count - 1) // 2] + ordered[..., count // 2])


def _farthest_from_zero(values: torch.Tensor) -> torch.Tensor:
    return values.gather(-1, values.abs().argmax(-1, keepdim=True)).squeeze(-1)


_VOCABULARY = Vocabulary(
    exp=lambda x: torch.exp(x.clamp(max=_LARGEST_EXPONENT)),
    expm1=torch.expm1,
    log=torch.log,
    log1p=torch.log1p,
    sin=torch.sin,
    cos=torch.cos,
    tanh=torch.tanh,
    abs=torch.abs,
    max=lambda x, low: torch.maximum(x, _lift(low, x)),
    min=lambda x, high: torch.minimum(x, _lift(high, x)),
    greater=torch.gt,
    equal=torch.eq,
    select=_select,
)
_REDUCTIONS: dict[str, Any] = {
    "sum": lambda values: values.sum(-1),
    "product": lambda values: values.prod(-1),
    "mean": lambda values: values.mean(-1),
    "max": lambda values: values.amax(-1),
    "min": lambda values: values.amin(-1),
    "median": _median,
    "maxabs": _farthest_from_zero,
}


class _Torch(Target):
    """Computes with tensors that have an element for each sample."""

    vocabulary, reductions = _VOCABULARY, _REDUCTIONS

    def __init__(
        self, weight: torch.Tensor, bias: torch.Tensor, links: list[slice], like: torch.Tensor
    ) -> None:
        self._weight, self._bias, self._links, self._like = weight, bias, links, like

    def constant(self, number: float) -> torch.Tensor:
        return torch.full_like(self._like, number)

    def weigh(self, position: int, node: Node, values: list[torch.Tensor]) -> torch.Tensor:
        """Return the weighted values of a node's links, float32 (…, links)."""
        return torch.stack(values, -1) * self._weight[self._links[position]]

    def numbers(self, position: int, node: Node) -> Any:
        """Return the trainable bias, expanded to all samples, and the constant response."""
        return node.numbers._replace(bias=self._bias[position].expand_as(self._like))
