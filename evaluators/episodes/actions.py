"""How a network's outputs become an action, for several episodes side by side.

Each decision has the signature `decide(values, programs, program, input_count, width, reach, choice, actions)`:

- values: float32 (slots, lanes), the values of the network.
- programs: a Programs; `program` is the index of the network in it.
- reach: an ActionScaling.
- choice: int64 (lanes,), written for discrete actions.
- actions: float32 (dimensions, lanes), written for continuous ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.kernels.jit import inner_function

_0 = np.float32(0.0)
_1 = np.float32(1.0)


class ActionScaling(NamedTuple):
    """How outputs become actions: an output of activation a, (output - low[a]) * factor[a], is within [0, 1]."""

    low: np.ndarray  # float32 (activations,)
    factor: np.ndarray  # float32 (activations,)
    lowest: np.ndarray  # float32 (dimensions,), the actions' bounds; of a discrete space (1,)
    span: np.ndarray  # float32 (dimensions,); of a discrete space (1,), its count


@inner_function
def argmax(values, programs, program, input_count, width, reach, choice, actions):
    """Choose the output with the greatest value, the first of equal ones; choose a NaN only if all are NaN."""
    slots = programs.output_slot
    best = slots[program, 0]
    for lane in range(width):
        choice[lane] = 0
        actions[0, lane] = values[best, lane]
    for output in range(1, slots.shape[1]):
        row = slots[program, output]
        for lane in range(width):
            value, highest = values[row, lane], actions[0, lane]
            better = value > highest or highest != highest
            choice[lane] = output if better else choice[lane]
            actions[0, lane] = value if better else highest


@inner_function
def threshold(values, programs, program, input_count, width, reach, choice, actions):
    """Divide the range of the one output evenly among the choices."""
    row = programs.output_slot[program, 0]
    low, factor = _range(programs, program, row - input_count, reach)
    for lane in range(width):
        chosen = np.int64(_limited((values[row, lane] - low) * factor) * reach.span[0])
        choice[lane] = min(chosen, np.int64(reach.span[0]) - 1)


@inner_function
def scaled(values, programs, program, input_count, width, reach, choice, actions):
    """Scale the range of each output to the bounds of its action."""
    for output in range(programs.output_slot.shape[1]):
        row = programs.output_slot[program, output]
        low, factor = _range(programs, program, row - input_count, reach)
        for lane in range(width):
            share = _limited((values[row, lane] - low) * factor)
            actions[output, lane] = reach.lowest[output] + reach.span[output] * share


@inner_function
def _range(programs, program, node, reach):
    """Return the lower bound of a node's range, and the inverse of the range's width."""
    activation = programs.node_activation[programs.node_start[program] + node]
    return reach.low[activation], reach.factor[activation]


@inner_function
def _limited(share):
    """Limit to [0, 1]; NaN becomes 0."""
    share = share if share > _0 else _0
    return share if share < _1 else _1
