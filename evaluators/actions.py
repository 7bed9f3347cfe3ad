"""How a network's outputs become an action, for several episodes side by side.

Each decision has the signature `decide(values, slots, network, width, low, factor, lowest, span, choice, actions)`:

- values: float32 (slots, lanes), the network's.
- slots: int32 (networks, outputs), where its outputs are.
- low, factor: float32 (outputs,), which bring an output to [0, 1]: (output - low) * factor.
- lowest, span: float32 (dimensions,), the actions' bounds; of a discrete space, (1,) with `span` its count.
- choice: int64 (lanes,), written for discrete actions.
- actions: float32 (dimensions, lanes), written for continuous ones.
"""

from __future__ import annotations

import numpy as np

from neat.jit import inner_function

_0 = np.float32(0.0)
_1 = np.float32(1.0)


@inner_function
def argmax(values, slots, network, width, low, factor, lowest, span, choice, actions):
    """The output with the greatest value, the first of equals; one that is NaN is never chosen before another."""
    best = slots[network, 0]
    for lane in range(width):
        choice[lane] = 0
        actions[0, lane] = values[best, lane]
    for output in range(1, slots.shape[1]):
        row = slots[network, output]
        for lane in range(width):
            value, highest = values[row, lane], actions[0, lane]
            better = value > highest or highest != highest
            choice[lane] = output if better else choice[lane]
            actions[0, lane] = value if better else highest


@inner_function
def threshold(values, slots, network, width, low, factor, lowest, span, choice, actions):
    """One output, its range divided evenly among the choices."""
    row = slots[network, 0]
    for lane in range(width):
        share = _limited((values[row, lane] - low[0]) * factor[0])
        chosen = np.int64(share * span[0])
        choice[lane] = min(chosen, np.int64(span[0]) - 1)


@inner_function
def scaled(values, slots, network, width, low, factor, lowest, span, choice, actions):
    """An output for each dimension, its range stretched to the action's bounds."""
    for output in range(slots.shape[1]):
        row = slots[network, output]
        for lane in range(width):
            share = _limited((values[row, lane] - low[output]) * factor[output])
            actions[output, lane] = lowest[output] + span[output] * share


@inner_function
def _limited(share):
    """Within [0, 1]; NaN becomes 0."""
    share = share if share > _0 else _0
    return share if share < _1 else _1
