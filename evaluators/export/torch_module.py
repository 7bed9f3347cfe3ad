"""The PyTorch module of a network. Import this module only where PyTorch is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from evaluators.export.graph import Graph, GraphNode
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


def _median(values: torch.Tensor) -> torch.Tensor:
    count, ordered = values.shape[-1], values.sort(-1).values
    return 0.5 * (ordered[..., (count - 1) // 2] + ordered[..., count // 2])


def _farthest_from_zero(values: torch.Tensor) -> torch.Tensor:
    return values.gather(-1, values.abs().argmax(-1, keepdim=True)).squeeze(-1)


_VOCABULARY: dict[str, Any] = {
    **{name: getattr(torch, name) for name in ("exp", "log", "sin", "cos", "tanh", "abs", "sigmoid")},
    "expm1": lambda x: torch.expm1(x.clamp(max=_LARGEST_EXPONENT)),
    "softplus": torch.nn.functional.softplus,
    "maximum": lambda x, low: torch.maximum(x, torch.full_like(x, low)),
    "clip": lambda x, limit: x.clamp(-limit, limit),
    "if_positive": lambda x, a, b: torch.where(x > 0, a, b),
    "step": lambda x: (x > 0).to(x.dtype),
    "reciprocal": lambda x: 1 / x.masked_fill(x == 0, torch.inf),
}
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

    def weigh(self, position: int, node: GraphNode, values: list[torch.Tensor]) -> torch.Tensor:
        """Return the weighted values of a node's links, float32 (…, links)."""
        return torch.stack(values, -1) * self._weight[self._links[position]]

    def numbers(self, position: int, node: GraphNode) -> Any:
        """Return the trainable bias, expanded to all samples, and the constant response."""
        return node.numbers._replace(bias=self._bias[position].expand_as(self._like))
