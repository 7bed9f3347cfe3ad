"""Initial values of weights.

Let fan_in and fan_out be the numbers of inputs and outputs that a weight's neuron is connected to. The variance of a
weight is

- `glorot`: 2 / (fan_in + fan_out) (Glorot and Bengio 2010, equation 12),
- `he`: 2 / fan_in (He et al. 2015, equation 10), for relu,
- `lecun`: 1 / fan_in (LeCun et al. 1998, equation 16), for selu and tanh.

`orthogonal` is for deep networks and for reinforcement learning. Initialisers can be pickled, and so can the modules
that hold them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from evaluators.gradient import random_numbers
from evaluators.gradient.checks import check_positive
from neat.support.messages import quote

Initialiser = Callable[[tuple[int, ...], int, int, int], np.ndarray]
"""Takes a shape, a seed, a stream and an index; returns values of that shape."""

_VARIANCES: dict[str, Callable[[int, int], float]] = {
    "glorot": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he": lambda fan_in, fan_out: 2 / fan_in,
    "lecun": lambda fan_in, fan_out: 1 / fan_in,
}

NAMES = tuple(f"{name}_{shape}" for name in _VARIANCES for shape in ("uniform", "normal"))


def scaled(name: str, fan_in: int, fan_out: int) -> Initialiser:
    """Return the initialiser of this name, for a weight with these connections; ValueError if it is not in NAMES."""
    if name not in NAMES:
        raise ValueError(f"initialisation: must be one of {', '.join(NAMES)}, got {quote(name)}")
    rule, _, distribution = name.partition("_")
    deviation = math.sqrt(_VARIANCES[rule](fan_in, fan_out))
    return functools.partial(_draw_normal if distribution == "normal" else _draw_uniform, deviation)


def _draw_normal(deviation: float, shape: tuple[int, ...], seed: int, stream: int, index: int) -> np.ndarray:
    return deviation * random_numbers.normal(seed, random_numbers.WEIGHT, stream, index, shape)


def _draw_uniform(deviation: float, shape: tuple[int, ...], seed: int, stream: int, index: int) -> np.ndarray:
    # A uniform number in (-a, a) has the variance a²/3.
    unit = (
        2 * random_numbers.uniform(seed, random_numbers.WEIGHT, stream, index, shape).astype(np.float64) - 1
    )
    return math.sqrt(3) * deviation * unit


def orthogonal(gain: float = 1.0) -> Initialiser:
    """Return an initialiser for matrices: `gain` times orthonormal rows or columns, random (Saxe et al. 2014)."""
    return functools.partial(_draw_orthogonal, check_positive("gain", gain))


def _draw_orthogonal(gain: float, shape: tuple[int, ...], seed: int, stream: int, index: int) -> np.ndarray:
    rows, columns = shape
    tall = (max(shape), min(shape))
    q, r = np.linalg.qr(random_numbers.normal(seed, random_numbers.WEIGHT, stream, index, tall))
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # makes all directions equally likely (Mezzadri 2007)
    return gain * (q if rows >= columns else q.T)


def filled(value: float) -> Initialiser:
    """Return an initialiser that sets every element to `value`."""
    return functools.partial(_fill, value)


def _fill(value: float, shape: tuple[int, ...], seed: int, stream: int, index: int) -> np.ndarray:
    return np.full(shape, value)
