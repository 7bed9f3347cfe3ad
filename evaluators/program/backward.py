"""The gradient of a network's loss: backward through what `evaluators.program.forward` says that a node computes.

With a the aggregate of a node, x = bias + response · a, y = activation(x), and δ = ∂L/∂y · activation'(x):
∂L/∂bias = Σ δ, ∂L/∂response = Σ δ a, and δ · response goes on through a to the weights of the node's links and to the
values of their sources (Rumelhart, Hinton and Williams 1986; through time: Werbos 1990). The functions work on rows,
one float32 for each sample of a tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from evaluators.program.derivatives import SLOPES
from evaluators.program.forward import aggregate_function, switch
from evaluators.program.loss import tile_loss, tile_slopes
from evaluators.program.tiles import clear_nodes, load_inputs
from neat.activations import Activation, Aggregation
from neat.kernels.jit import inner_function

_0 = np.float32(0.0)
_1 = np.float32(1.0)


class Gradient(NamedTuple):
    """∂L/∂ of each number of programs."""

    link_weight: np.ndarray  # float32 (links,)
    node_bias: np.ndarray  # float32 (nodes,)
    node_response: np.ndarray  # float32 (nodes,)


@inner_function(inline="early")
def clear_gradient(gradient):
    """Set all of a Gradient to 0."""
    for numbers in gradient:
        for k in range(len(numbers)):
            numbers[k] = _0


@inner_function(contract=True, reassociate=True)
def _dot(a, row, b, other, width):
    """The sum of products of two rows, in the order that vectors like best."""
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


@inner_function(inline="never", contract=True)
def _spread_nothing(
    read, source, weight, begin, end, adjoint, row, response, before, inputs, gradient, width
):
    pass


@inner_function
def _spread_evenly(read, source, weight, begin, end, adjoint, row, factor, before, inputs, gradient, width):
    for link in range(begin, end):
        slot = np.uint32(source[link])
        gradient[link] += factor * _dot(adjoint, row, read, slot, width)
        if slot >= inputs:
            scale = factor * weight[link]
            for sample in range(width):
                before[slot, sample] += scale * adjoint[row, sample]


@inner_function(inline="never", contract=True)
def _spread_sum(read, source, weight, begin, end, adjoint, row, response, before, inputs, gradient, width):
    _spread_evenly(read, source, weight, begin, end, adjoint, row, response, before, inputs, gradient, width)


@inner_function(inline="never", contract=True)
def _spread_mean(read, source, weight, begin, end, adjoint, row, response, before, inputs, gradient, width):
    factor = response / np.float32(end - begin)
    _spread_evenly(read, source, weight, begin, end, adjoint, row, factor, before, inputs, gradient, width)


@inner_function
def _spread_one(read, source, weight, link, change, before, inputs, gradient, sample):
    """`change`: ∂L/∂ of a link's weighted value."""
    slot = np.uint32(source[link])
    gradient[link] += change * read[slot, sample]
    if slot >= inputs:
        before[slot, sample] += change * weight[link]


@inner_function(inline="never", contract=True)
def _spread_product(
    read, source, weight, begin, end, adjoint, row, response, before, inputs, gradient, width
):
    for sample in range(width):
        for link in range(begin, end):
            change = response * adjoint[row, sample]
            for other in range(begin, end):
                if other != link:
                    change *= weight[other] * read[np.uint32(source[other]), sample]
            _spread_one(read, source, weight, link, change, before, inputs, gradient, sample)


def _spread_to_the_chosen(fold: Callable[..., Any]) -> Callable[..., Any]:
    """Of a fold that takes one of the values: the first that it takes gets everything."""

    @inner_function(inline="never", contract=True)
    def spread_chosen(
        read, source, weight, begin, end, adjoint, row, response, before, inputs, gradient, width
    ):
        for sample in range(width):
            chosen, best = begin, weight[begin] * read[np.uint32(source[begin]), sample]
            for link in range(begin + 1, end):
                value = weight[link] * read[np.uint32(source[link]), sample]
                better = fold(best, value)
                chosen = link if better != best else chosen
                best = better
            change = response * adjoint[row, sample]
            _spread_one(read, source, weight, chosen, change, before, inputs, gradient, sample)

    return spread_chosen


_CHOOSING = ("max", "min", "maxabs")
_SPREADS = {"sum": _spread_sum, "mean": _spread_mean, "product": _spread_product}
AGGREGATIONS_WITH_SLOPES = (*_SPREADS, *_CHOOSING)


def _spread_of(entry: Aggregation) -> Callable[..., Any]:
    if entry.name in _CHOOSING:
        return _spread_to_the_chosen(entry.function)
    return _SPREADS.get(entry.name, _spread_nothing)


def backward_function(
    activation_table: Sequence[Activation], aggregation_table: Sequence[Aggregation]
) -> Callable[..., Any]:
    """A jitted `backward(programs, network, input_count, read, write, adjoint, before, …)`, for a network and a tile.

    It goes backward through one evaluation of all nodes, whose values are as `forward.forward_function` left them in
    `read` and `write`. `adjoint`: ∂L/∂ of the values of `write`, used up: 0 afterwards. `before`: ∂L/∂ of those of
    `read`, added to; the same array if the network is feed-forward. `aggregate`: scratch, float32 (1, samples);
    `gathered`: scratch for a node's links. `gradient`: a Gradient, added to. An activation or an aggregation without a
    slope counts as a constant.
    """
    differentiate = switch(
        "differentiate",
        "index, bias, response, aggregate, values, adjoint, row, width",
        """
    {keyword} index == {index}:
        for sample in range(width):
            x = bias + response * aggregate[0, sample]
            adjoint[row, sample] *= case_{index}(x, values[row, sample])""",
        [SLOPES.get(entry.name, _no_slope) for entry in activation_table],
    )
    parameters = "read, source, weight, begin, end, adjoint, row, response, before, inputs, gradient, width"
    spread = switch(
        "spread",
        f"index, {parameters}",
        f"""
    {{keyword}} index == {{index}}:
        case_{{index}}({parameters})""",
        [_spread_of(entry) for entry in aggregation_table],
    )
    collect = aggregate_function(aggregation_table)

    @inner_function(inline="early")
    def backward(
        programs, network, input_count, read, write, adjoint, before, aggregate, gathered, gradient, width
    ):
        first_node, first_link = programs.node_start[network], programs.link_start[network]
        for k in range(programs.node_count[network] - 1, -1, -1):
            node = np.uint32(first_node + k)
            row = np.uint32(input_count + k)
            begin = programs.link_end[node - 1] if k > 0 else first_link
            end = programs.link_end[node]
            bias, response = programs.node_bias[node], programs.node_response[node]
            if begin < end:
                collect(
                    programs.node_aggregation[node],
                    read,
                    programs.link_source,
                    programs.link_weight,
                    begin,
                    end,
                    aggregate,
                    0,
                    width,
                    gathered,
                )
            else:
                for sample in range(width):
                    aggregate[0, sample] = _0
            differentiate(
                programs.node_activation[node], bias, response, aggregate, write, adjoint, row, width
            )
            gradient.node_bias[node] += _sum(adjoint, row, width)
            if begin < end:
                gradient.node_response[node] += _dot(adjoint, row, aggregate, 0, width)
                spread(
                    programs.node_aggregation[node],
                    read,
                    programs.link_source,
                    programs.link_weight,
                    begin,
                    end,
                    adjoint,
                    row,
                    response,
                    before,
                    input_count,
                    gradient.link_weight,
                    width,
                )
            for sample in range(width):
                adjoint[row, sample] = _0

    return backward


def gradient_pass(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """A jitted `differentiate_network(programs, network, inputs, input_count, targets, loss, scale, steps, …)`.

    It adds the gradient of `scale` times a loss over all samples to `gradient`, a Gradient, and gives the sum of the
    loss, float64, as `passes.score_pass` does. `values`: scratch, float32 (1, slots, samples of a tile), for recurrent
    networks (steps + 1, …). `adjoints`: (1, …), for recurrent ones (2, …), zeros, and left so.
    """

    @inner_function
    def differentiate_network(
        programs,
        network,
        inputs,
        input_count,
        targets,
        loss,
        scale,
        steps,
        values,
        adjoints,
        aggregate,
        gathered,
        gradient,
        tile,
    ):
        samples, recurrent = inputs.shape[3], len(values) > 1
        total = 0.0
        for begin in range(0, samples, tile):
            width = min(tile, samples - begin)
            for step in range(len(values)):
                load_inputs(inputs, 0, 0, begin, width, input_count, values[step])
            if recurrent:
                clear_nodes(values[0], input_count, programs.node_count[network], width)
            for step in range(steps):
                read, write = (step, step + 1) if recurrent else (0, 0)
                forward(programs, network, input_count, values[read], values[write], width, gathered)
            last = steps if recurrent else 0
            total += tile_loss(loss, values[last], programs.output_slot, network, targets, begin, width)
            tile_slopes(
                loss,
                values[last],
                programs.output_slot,
                network,
                targets,
                begin,
                width,
                scale,
                adjoints[last & 1],
            )
            for step in range(steps - 1, -1, -1):
                read, write = (step, step + 1) if recurrent else (0, 0)
                backward(
                    programs,
                    network,
                    input_count,
                    values[read],
                    values[write],
                    adjoints[write & 1],
                    adjoints[read & 1],
                    aggregate,
                    gathered,
                    gradient,
                    width,
                )
            if recurrent:  # what came before the first step
                clear_nodes(adjoints[0], input_count, programs.node_count[network], width)
        return total

    return differentiate_network
