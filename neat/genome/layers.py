"""Convert genomes between arrays and layers, of which each is connected to the next in full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np

from neat import activations
from neat.genome.gene_arrays import MOST_INPUTS, Description, GenomeArrays
from neat.genome.rules import GenomeError
from neat.support.messages import quote, restate_errors
from neat.support.validation import check_unmasked

_SUM = activations.aggregation_index("sum")


class Layer(NamedTuple):
    """A layer of a network, activation(x · weight + bias)."""

    weight: np.ndarray
    """float32 (inputs, outputs)."""
    bias: np.ndarray
    """float32 (outputs,)."""
    activation: str
    """The name of an activation in `neat.activations`."""


def list_layers(sizes: Sequence[int]) -> list[np.ndarray]:
    """Return the indices of each layer's nodes, int64 (n,) each; the outputs', which are last, follow the inputs'.

    Args:
        sizes: The numbers of inputs, of the nodes of each hidden layer, and of outputs.
    """
    first_hidden = sizes[0] + sizes[-1]
    ends = first_hidden + np.cumsum([0, *sizes[1:-1]])
    hidden = [np.arange(begin, end) for begin, end in pairwise(ends.tolist())]
    return [np.arange(sizes[0]), *hidden, np.arange(sizes[0], first_hidden)]


def list_links(sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (source, target) of all links from each layer to the next, int64 (n,) each.

    The links of a target are adjacent.

    Args:
        sizes: As for `list_layers`.
    """
    pairs = [np.meshgrid(source, target) for source, target in pairwise(list_layers(sizes))]
    return np.concatenate([s.ravel() for s, _ in pairs]), np.concatenate([t.ravel() for _, t in pairs])


def from_layers(models: Any) -> tuple[GenomeArrays, Description]:
    """Return the genes of models, and their description (see `Genomes.from_layers`)."""
    described = [_check_model(f"model {k}", model) for k, model in enumerate(_list_models(models))]
    sizes = _sizes_of(described[0])
    for position, layers in enumerate(described):
        if _sizes_of(layers) != sizes:
            raise GenomeError(f"model {position}: has layers of {_sizes_of(layers)}, model 0 of {sizes}")
    count, nodes = len(described), sum(sizes[1:])
    source, target = list_links(sizes)
    # The genes of a genome's outputs come before those of its hidden nodes.
    ordered = [layer for layers in described for layer in (layers[-1], *layers[:-1])]
    functions = [activations.activation_index(layer.activation) for layer in ordered]
    function = np.repeat(np.array(functions, np.uint8), [len(layer.bias) for layer in ordered])
    weights = [layer.weight.T.ravel() for layers in described for layer in layers]
    arrays = GenomeArrays(
        node_offset=np.arange(count + 1) * nodes,
        connection_offset=np.arange(count + 1) * len(source),
        node_id=np.tile(np.arange(sizes[0], sizes[0] + nodes), count),
        node_bias=np.concatenate([layer.bias for layer in ordered]),
        node_response=np.ones(count * nodes, np.float32),
        node_activation=function,
        node_aggregation=np.full(count * nodes, _SUM, np.uint8),
        connection_innovation=np.tile(np.arange(len(source)), count),
        connection_source=np.tile(source.astype(np.int32), count),
        connection_target=np.tile(target.astype(np.int32), count),
        connection_weight=np.concatenate(weights),
        connection_enabled=np.ones(count * len(source), bool),
        connection_birth=np.zeros(count * len(source), np.int32),
    )
    return arrays, Description(sizes[0], sizes[-1], bias_input=False, feed_forward=True)


def _sizes_of(layers: list[Layer]) -> list[int]:
    return [len(layers[0].weight), *(len(layer.bias) for layer in layers)]


def _list_models(models: Any) -> list[Any]:
    """Return one model, or the models in a sequence, as a list."""
    if hasattr(models, "to_layers"):
        return [models]
    if not isinstance(models, Sequence) or isinstance(models, str | bytes) or not models:
        raise GenomeError(f"models: expected one with layers, or a list of such, got {quote(models)}")
    return [models] if isinstance(models[0], Layer) else list(models)


def _check_model(name: str, model: Any) -> list[Layer]:
    """Return the layers of a model, with float32 numbers."""
    layers = model.to_layers() if hasattr(model, "to_layers") else model
    if not isinstance(layers, Sequence) or not layers or not all(isinstance(e, Layer) for e in layers):
        raise GenomeError(
            f"{name}: expected a list of Layer, or a model with to_layers(), got {quote(model)}"
        )
    checked: list[Layer] = []
    for position, layer in enumerate(cast(Iterable[Layer], layers)):
        label = f"{name}: layer {position}"
        weight, bias = (_check_numbers(f"{label}: {n}", getattr(layer, n)) for n in ("weight", "bias"))
        if weight.ndim != 2 or not all(1 <= size <= MOST_INPUTS for size in weight.shape):
            raise GenomeError(f"{label}: weight: expected shape (inputs, outputs), got {weight.shape}")
        if bias.shape != weight.shape[1:]:
            raise GenomeError(f"{label}: bias: expected shape {weight.shape[1:]}, got {bias.shape}")
        if checked and len(weight) != len(checked[-1].bias):
            given = len(checked[-1].bias)
            raise GenomeError(
                f"{label}: weight: expected {given} inputs, as the layer before has outputs, got {len(weight)}"
            )
        with restate_errors(f"{label}: ", GenomeError):
            activations.activation_index(layer.activation)
        checked.append(Layer(weight, bias, layer.activation))
    return checked


def _check_numbers(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:
        raise GenomeError(f"{name}: expected an array of numbers, got rows of different lengths") from None
    if array.dtype.kind not in "fiub":
        raise GenomeError(f"{name}: expected an array of numbers, got dtype {array.dtype}")
    check_unmasked(name, value)
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise GenomeError(f"{name}: expected finite float32 numbers")
    return array


def to_layers(genes: GenomeArrays, description: Description) -> list[Layer]:
    """Return the layers of one genome (see `Genome.to_layers`)."""
    if not description.feed_forward:
        raise ValueError("genome: expected a feed-forward one, since layers have no memory")
    inputs = description.num_inputs + description.bias_input
    outputs = np.arange(inputs, inputs + description.num_outputs)
    used, links = _find_used(genes, inputs + len(genes.node_id), outputs)
    depth = _measure_depth(genes, used, links, inputs, outputs)
    summing = genes.node_aggregation == _SUM
    if not summing[used[inputs:]].all():
        wrong = int(np.flatnonzero(used[inputs:] & ~summing)[0])
        name = activations.AGGREGATIONS[genes.node_aggregation[wrong]].name
        raise ValueError(
            f"node {genes.node_id[wrong]}: expected the aggregation sum, as in a layer, got {name}"
        )
    layers = []
    before = np.arange(inputs)
    for level in range(1, int(depth[outputs[0]]) + 1):
        members = np.flatnonzero(used & (depth == level))
        incoming = links[depth[genes.connection_target[links]] == level]
        layers.append(_read_layer(genes, incoming, before, members, inputs))
        before = members
    if description.bias_input:
        first = layers[0]
        layers[0] = first._replace(weight=first.weight[:-1].copy(), bias=first.bias + first.weight[-1])
    return layers


def _find_used(genes: GenomeArrays, count: int, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which inputs and nodes the outputs depend on, bool (count,), and the positions of the links between."""
    enabled = np.flatnonzero(genes.connection_enabled)
    used, known = np.zeros(count, bool), 0
    used[outputs] = True
    while known < (known := int(used.sum())):
        links = enabled[used[genes.connection_target[enabled]]]
        used[genes.connection_source[links]] = True
    return used, links


def _measure_depth(
    genes: GenomeArrays, used: np.ndarray, links: np.ndarray, inputs: int, outputs: np.ndarray
) -> np.ndarray:
    """Return the layer of each input and node, int64 (n,): 0 for inputs, the last for all outputs.

    Raises:
        ValueError: A link skips a layer.
    """
    source, target = genes.connection_source[links], genes.connection_target[links]
    depth = np.zeros(len(used), np.int64)
    depth[inputs:] = 1
    while (depth[target] <= depth[source]).any():
        np.maximum.at(depth, target, depth[source] + 1)
    depth[outputs] = depth[outputs].max()
    skipping = np.flatnonzero(depth[target] != depth[source] + 1)
    if len(skipping) > 0:
        first = skipping[0]
        ids = [*range(inputs), *genes.node_id.tolist()]
        begin, end = source[first], target[first]
        raise ValueError(
            f"connection {genes.connection_innovation[links[first]]}: expected one from a layer to the next, got one "
            f"from node {ids[begin]} in layer {depth[begin]} to node {ids[end]} in layer {depth[end]}"
        )
    return depth


def _read_layer(
    genes: GenomeArrays, links: np.ndarray, before: np.ndarray, members: np.ndarray, inputs: int
) -> Layer:
    """Return the layer of the nodes `members`, whose links come from `before`; both are ascending indices."""
    nodes = members - inputs
    functions = genes.node_activation[nodes]
    if (functions != functions[0]).any():
        wrong = nodes[np.flatnonzero(functions != functions[0])[0]]
        first, other = (activations.ACTIVATIONS[genes.node_activation[n]].name for n in (nodes[0], wrong))
        raise ValueError(
            f"node {genes.node_id[wrong]}: expected {first}, as node {genes.node_id[nodes[0]]} of the same layer has, "
            f"got {other}"
        )
    weight = np.zeros((len(before), len(members)), np.float32)
    row = np.searchsorted(before, genes.connection_source[links])
    column = np.searchsorted(members, genes.connection_target[links])
    weight[row, column] = genes.connection_weight[links]
    name = activations.ACTIVATIONS[functions[0]].name
    return Layer(weight * genes.node_response[nodes], genes.node_bias[nodes].copy(), name)
