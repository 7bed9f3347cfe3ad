"""What a node computes, and the records with which passes over networks describe a node.

Only `node_update` and `node_slope` define the value of a node and its slope. Both get all numbers of a node that reach
programs (see `neat.genome.schema`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neat.genome import schema
from neat.genome.schema import generate, repeat
from neat.kernels.jit import bind_globals, inner_function

# Names that copies of the templates below are bound to (see `neat.kernels.jit.bind_globals`).
activation: Any = None  # activation(x), float32
slope: Any = None  # slope(x, y), float32 (see `neat.activations.Activation`)


_NUMBERS = schema.in_programs(schema.NODE_NUMBERS)

if TYPE_CHECKING:

    class NodeNumbers(NamedTuple):
        """The fields of the class below for type checkers, which cannot read the schema."""

        bias: Any
        response: Any

else:
    NodeNumbers = NamedTuple("NodeNumbers", [(row.name, Any) for row in _NUMBERS])
    NodeNumbers.__doc__ = """The numbers of a node, float32 each."""

# Return the NodeNumbers at a position in programs.
node_at = inner_function(
    generate(
        "node_at(programs, position)",
        f"return NodeNumbers({repeat('programs.{row.program_field}[position]', _NUMBERS, ', ')})",
        {"NodeNumbers": NodeNumbers},
    ),
    inline="early",
)


class Links(NamedTuple):
    """The links of a node: links `begin` to `end` of all programs."""

    source: np.ndarray  # int32 (links,), rows
    weight: np.ndarray  # float32 (links,)
    begin: Any  # int64
    end: Any  # int64


class Row(NamedTuple):
    """A row of an array: the values of one node for a tile of samples."""

    values: np.ndarray  # float32 (slots, samples)
    # Unsigned, because numba checks whether a signed index counts from the end. Not named `index`, because numba-cuda
    # takes that for the method of tuples.
    place: Any  # uint32
    width: Any  # int64, samples


def node_update(node, aggregate, previous, dt):
    """Return the value of a node for one sample.

    Args:
        node: A NodeNumbers.
        aggregate: float32, the aggregate of its links.
        previous: float32, its value one step before, in a recurrent network. No node reads it yet.
        dt: float32, the time that a step takes. No node reads it yet.
    """
    return activation(node.bias + node.response * aggregate)


def node_slope(node, aggregate, value):
    """Return the derivative of `node_update` with respect to `bias`; `value` is what it returned."""
    return slope(node.bias + node.response * aggregate, value)


def update_with(activation: Callable[..., Any]) -> Callable[..., Any]:
    """Return a jitted `node_update` for nodes with this activation."""
    return inner_function(inline="early")(bind_globals(node_update, activation=activation))


def slope_with(slope: Callable[..., Any]) -> Callable[..., Any]:
    """Return a jitted `node_slope` for nodes whose activation has this slope."""
    return inner_function(inline="early")(bind_globals(node_slope, slope=slope))
