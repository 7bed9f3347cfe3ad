"""The gradient of a network's loss: the backward pass through the nodes (see `evaluators.program.node`).

With a the aggregate of a node, x = bias + response · a, y = activation(x), and δ = ∂L/∂y · activation'(x):
∂L/∂bias = Σ δ, ∂L/∂response = Σ δ a, and ∂L/∂a = δ · response, from which follow the gradients of the link weights and
of the source values (Rumelhart, Hinton and Williams 1986; through time: Werbos 1990). The functions work on rows, one
float32 for each sample of a tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from evaluators.program.forward import aggregate_function, switch
from evaluators.program.loss import Outputs, tile_loss, tile_slopes
from evaluators.program.node import Links, Row, node_at, slope_with
from evaluators.program.passes import clear_nodes, load_inputs
from neat.activations import Activation, Aggregation
from neat.kernels.jit import Inline, bind_globals, inner_function

_0 = np.float32(0.0)

# Names that copies of the templates below are bound to (see `neat.kernels.jit.bind_globals`).
fold: Any = None  # fold(aggregate, value), the function of an Aggregation
collect: Any = None  # see `forward.aggregate_function`
differentiate: Any = None  # differentiate(index, node, aggregate, values, row): `row` times the nodes' slopes
spread: Any = None  # spread(index, read, links, row, factor, sources): see `_spread_nothing`
forward: Any = None  # see `forward.forward_function`
backward: Any = None  # see `_backward`


class Gradient(NamedTuple):
    """The gradient with respect to each number of programs."""

    link_weight: np.ndarray  # float32 (links,)
    node_bias: np.ndarray  # float32 (nodes,)
    node_response: np.ndarray  # float32 (nodes,)


class GradientScratch(NamedTuple):
    """A thread's scratch for the gradient over a tile of samples."""

    values: np.ndarray  # float32 (1, slots, samples of a tile); of recurrent networks (steps + 1, …)
    adjoints: np.ndarray  # float32 (1, …), of recurrent networks (2, …): zeros before and after a pass
    aggregate: np.ndarray  # float32 (1, samples of a tile)
    gathered: np.ndarray  # float32 (links,), for the links of a node
    samples: Any  # int64, the most samples of a tile


class Step(NamedTuple):
    """The rows of one evaluation of all nodes; float32 (slots, samples) each."""

    read: np.ndarray  # the values that the evaluation read
    write: np.ndarray  # the values that the evaluation wrote
    adjoint: np.ndarray  # ∂L/∂write, set to 0 by the backward pass
    before: np.ndarray  # ∂L/∂read, added to; the same array as `adjoint` if the network is feed-forward


class Sources(NamedTuple):
    """The arrays that receive the gradient through a node's links."""

    adjoint: np.ndarray  # float32 (slots, samples), gradient of the source values, added to
    inputs: Any  # int64, the number of leading slots that are inputs, which need no gradient
    link_weight: np.ndarray  # float32 (links,), gradient of the weights, added to


@inner_function(inline="early")
def clear_gradient(gradient):
    """Set all elements of a Gradient to 0."""
    for numbers in gradient:
        for k in range(len(numbers)):
            numbers[k] = _0


@inner_function(contract=True, reassociate=True)
def _dot(a, row, b, other, width):
    """Return the dot product of two rows; the compiler may reorder the sum to use vectors."""
    total = _0
    for sample in range(width):
        total += a[row, sample] * b[other, sample]
    return total


@inner_function(contract=True, reassociate=True)
def _sum(a, row, width):
    total = _0
    for sample in range(width):
        total += a[row, sample]
    return total


@inner_function(contract=True)
def _no_slope(x, y):
    return _0


# Each aggregation has a function `spread(read, links, row, factor, sources)`, which adds the gradient through a node's
# links (a Links) to `sources` (a Sources). `row` is a Row with the gradient of the activation's input. `factor` times
# that is the gradient of the aggregate.


@inner_function(inline="never", contract=True)
def _spread_nothing(read, links, row, factor, sources):
    pass


@inner_function
def _spread_evenly(read, links, row, factor, sources):
    source, weight, begin, end = links
    adjoint, index, width = row
    before, inputs, gradient = sources
    for link in range(begin, end):
        slot = np.uint32(source[link])
        gradient[link] += factor * _dot(adjoint, index, read, slot, width)
        if slot >= inputs:
            scale = factor * weight[link]
            for sample in range(width):
                before[slot, sample] += scale * adjoint[index, sample]


@inner_function(inline="never", contract=True)
def _spread_sum(read, links, row, factor, sources):
    _spread_evenly(read, links, row, factor, sources)


@inner_function(inline="never", contract=True)
def _spread_mean(read, links, row, factor, sources):
    _spread_evenly(read, links, row, factor / np.float32(links.end - links.begin), sources)


@inner_function
def _spread_one(read, links, link, change, sources, sample):
    """Add the gradient through one link; `change` is the gradient of its weighted value."""
    slot = np.uint32(links.source[link])
    sources.link_weight[link] += change * read[slot, sample]
    if slot >= sources.inputs:
        sources.adjoint[slot, sample] += change * links.weight[link]


@inner_function(inline="never", contract=True)
def _spread_product(read, links, row, factor, sources):
    source, weight, begin, end = links
    for sample in range(row.width):
        for link in range(begin, end):
            change = factor * row.values[row.place, sample]
            for other in range(begin, end):
                if other != link:
                    change *= weight[other] * read[np.uint32(source[other]), sample]
            _spread_one(read, links, link, change, sources, sample)


def _spread_to_the_chosen(read, links, row, factor, sources):
    """Give the whole gradient of a fold that selects a value to the first value that it selects."""
    source, weight, begin, end = links
    for sample in range(row.width):
        chosen, best = begin, weight[begin] * read[np.uint32(source[begin]), sample]
        for link in range(begin + 1, end):
            value = weight[link] * read[np.uint32(source[link]), sample]
            better = fold(best, value)
            chosen = link if better != best else chosen
            best = better
        change = factor * row.values[row.place, sample]
        _spread_one(read, links, chosen, change, sources, sample)


_CHOOSING = ("max", "min", "maxabs")
_SPREADS = {"sum": _spread_sum, "mean": _spread_mean, "product": _spread_product}
AGGREGATIONS_WITH_SLOPES = (*_SPREADS, *_CHOOSING)


def _spread_of(entry: Aggregation) -> Callable[..., Any]:
    if entry.name in _CHOOSING:
        template = bind_globals(_spread_to_the_chosen, fold=entry.function)
        return inner_function(template, inline="never", contract=True)
    return _SPREADS.get(entry.name, _spread_nothing)


def backward_function(
    activation_table: Sequence[Activation], aggregation_table: Sequence[Aggregation]
) -> Callable[..., Any]:
    """Return a jitted `_backward` over the tables.

    An activation or an aggregation without a slope is treated as a constant.
    """
    differentiate = switch(
        "differentiate",
        "index, node, aggregate, values, row",
        """
    {keyword} index == {index}:
        for sample in range(width):
            adjoint[place, sample] *= case_{index}(node, aggregate[0, sample], values[place, sample])""",
        [slope_with(entry.slope or _no_slope) for entry in activation_table],
        before="\n    adjoint, place, width = row",
    )
    parameters = "read, links, row, factor, sources"
    spread = switch(
        "spread",
        f"index, {parameters}",
        f"""
    {{keyword}} index == {{index}}:
        case_{{index}}({parameters})""",
        [_spread_of(entry) for entry in aggregation_table],
    )
    template = bind_globals(
        _backward, collect=aggregate_function(aggregation_table), differentiate=differentiate, spread=spread
    )
    return inner_function(template, inline="early")


def _backward(programs, network, input_count, step, scratch, gradient, width):
    """Add the gradient of one evaluation of all nodes.

    Args:
        programs: A Programs.
        network: The index of the network in `programs`.
        input_count: The number of its inputs, with the bias input.
        step: A Step.
        scratch: A GradientScratch.
        gradient: A Gradient, added to.
        width: Samples of the tile.
    """
    read, write, adjoint, before = step
    aggregates = scratch.aggregate
    sources = Sources(before, input_count, gradient.link_weight)
    first_node, first_link = programs.node_start[network], programs.link_start[network]
    for k in range(programs.node_count[network] - 1, -1, -1):
        place = np.uint32(first_node + k)
        row = Row(adjoint, np.uint32(input_count + k), width)
        begin = programs.link_end[place - 1] if k > 0 else first_link
        links = Links(programs.link_source, programs.link_weight, begin, programs.link_end[place])
        node = node_at(programs, place)
        if links.begin < links.end:
            aggregate = Row(aggregates, np.uint32(0), width)
            collect(programs.node_aggregation[place], read, links, aggregate, scratch.gathered)
        else:
            for sample in range(width):
                aggregates[0, sample] = _0
        differentiate(programs.node_activation[place], node, aggregates, write, row)
        gradient.node_bias[place] += _sum(adjoint, row.place, width)
        if links.begin < links.end:
            gradient.node_response[place] += _dot(adjoint, row.place, aggregates, 0, width)
            spread(programs.node_aggregation[place], read, links, row, node.response, sources)
        for sample in range(width):
            adjoint[row.place, sample] = _0


def gradient_pass(
    forward: Callable[..., Any], backward: Callable[..., Any], inline: Inline = "late"
) -> Callable[..., Any]:
    """Return a jitted `_differentiate_network` around a forward and a backward pass."""
    return inner_function(inline=inline)(
        bind_globals(_differentiate_network, forward=forward, backward=backward)
    )


def _differentiate_network(programs, network, input_count, objective, scale, scratch, gradient):
    """Add the gradient of `scale` times a loss over all samples, and return the sum of the loss, float64.

    Args:
        programs: A Programs.
        network: The index of the network in `programs`.
        input_count: The number of its inputs, with the bias input.
        objective: An Objective.
        scale: float32.
        scratch: A GradientScratch.
        gradient: A Gradient, added to.
    """
    inputs, targets, loss, steps = objective
    values, adjoints = scratch.values, scratch.adjoints
    samples, recurrent = inputs.shape[3], len(values) > 1
    total = 0.0
    for begin in range(0, samples, scratch.samples):
        width = min(scratch.samples, samples - begin)
        for step in range(len(values)):
            load_inputs(inputs, 0, 0, begin, width, input_count, values[step])
        if recurrent:
            clear_nodes(values[0], input_count, programs.node_count[network], width)
        for step in range(steps):
            read, write = (step, step + 1) if recurrent else (0, 0)
            forward(programs, network, input_count, values[read], values[write], width, scratch.gathered)
        last = steps if recurrent else 0
        outputs = Outputs(values[last], programs.output_slot, network)
        total += tile_loss(loss, outputs, targets, begin, width)
        tile_slopes(loss, outputs, targets, begin, width, scale, adjoints[last & 1])
        for step in range(steps - 1, -1, -1):
            read, write = (step, step + 1) if recurrent else (0, 0)
            rows = Step(values[read], values[write], adjoints[write & 1], adjoints[read & 1])
            backward(programs, network, input_count, rows, scratch, gradient, width)
        if recurrent:  # gradients of the state before the first step
            clear_nodes(adjoints[0], input_count, programs.node_count[network], width)
    return total
