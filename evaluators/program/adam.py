"""Adam in kernels: the steps of `evaluators.gradient.optim.Adam`, with the same bits, on the numbers of one network.

In Python, a step on a few small networks takes longer than their gradients. A kernel takes all steps in one call.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.kernels.jit import inner_function


class Descent(NamedTuple):
    """Steps of Adam: m ← β1 m + (1 − β1) g, v ← β2 v + (1 − β2) g², w ← w − rate · m / (sqrt(v) + epsilon).

    This is the formulation just before Section 2.1 of Kingma and Ba (2015). After each step, numbers outside their
    bounds are set to the nearest bound.
    """

    rate: np.ndarray  # float32 (steps,)
    epsilon: np.ndarray  # float32 (steps,)
    keep: np.ndarray  # float32 (2,), β1 and β2
    take: np.ndarray  # float32 (2,), 1 − β1 and 1 − β2
    trained: np.ndarray  # bool (3,), whether each array of numbers of a `backward.Gradient` changes
    low: np.ndarray  # float32 (3,), the bounds of each
    high: np.ndarray  # float32 (3,)


_NONE, _TWO, _THREE = (np.zeros(size, np.float32) for size in (0, 2, 3))
NO_DESCENT = Descent(_NONE, _NONE, _TWO, _TWO, np.zeros(3, bool), _THREE, _THREE)


@inner_function
def descend(descent, step, kind, values, gradient, moments):
    """Take one step on one array of numbers.

    Args:
        descent: A Descent.
        step: The number of the step, from 0.
        kind: Which numbers they are: the position in a Gradient.
        values: float32 (n,), changed.
        gradient: float32 (n,).
        moments: float32 (3, 2, at least n): m and v of each kind, changed.
    """
    if not descent.trained[kind]:
        return
    rate, epsilon = descent.rate[step], descent.epsilon[step]
    low, high = descent.low[kind], descent.high[kind]
    for k in range(len(values)):
        g = gradient[k]
        m = moments[kind, 0, k] * descent.keep[0] + descent.take[0] * g
        v = moments[kind, 1, k] * descent.keep[1] + g * g * descent.take[1]
        moments[kind, 0, k] = m
        moments[kind, 1, k] = v
        value = values[k] - m / (np.sqrt(v) + epsilon) * rate
        values[k] = low if value < low else high if value > high else value
