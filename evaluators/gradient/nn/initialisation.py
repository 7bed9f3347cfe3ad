"""First values of weights.

With fan_in and fan_out the numbers of inputs and outputs that a weight's neuron is connected to, the variance of a
weight is

- `glorot`: 2 / (fan_in + fan_out) (Glorot and Bengio 2010, equation 12),
- `he`: 2 / fan_in (He et al. 2015, equation 10), for relu,
- `lecun`: 1 / fan_in (LeCun et al. 1998, equation 16), for selu and tanh.

`orthogonal` is for deep networks and for reinforcement learning. What these functions give can be pickled, with the
modules that have it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from evaluators.gradient import draws
from evaluators.gradient.checks import check_above
from neat.support.messages import shown

Initialiser = Callable[[tuple[int, ...], int, int, int], np.ndarray]
"""Gives values of a shape for a seed, a stream and an index."""

_VARIANCES: dict[str, Callable[[int, int], float]] = {
    "glorot": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he": lambda fan_in, fan_out: 2 / fan_in,
    "lecun": lambda fan_in, fan_out: 1 / fan_in,
}

NAMES = tuple(f"{name}_{shape}" for name in _VARIANCES for shape in ("uniform", "normal"))


def scaled(name: str, fan_in: int, fan_out: int) -> Initialiser:
    """One of NAMES for a weight with these connections; ValueError if there is none of that name."""
    if name not in NAMES:
        raise ValueError(f"initialisation: must be one of {', '.join(NAMES)}, got {shown(name)}")
    rule, _, distribution = name.partition("_")
    deviation = math.sqrt(_VARIANCES[rule](fan_in, fan_out))
    return functools.partial(_draw_normal if distribution == "normal" else _draw_uniform, deviation)


def _draw_normal(deviation: float, shape: tuple[int, ...], seed: int, stream: int, index: int) -> np.ndarray:
    return deviation * draws.normal(seed, draws.WEIGHT, stream, index, shape)


def _draw_uniform(deviation: float, shape: tuple[int, ...], seed: int, stream: int, index: int) -> np.ndarray:
    # A uniform number in (-a, a) has the variance a²/3.
    unit = 2 * draws.uniform(seed, draws.WEIGHT, stream, index, shape).astype(np.float64) - 1
    return math.sqrt(3) * deviation * unit


def orthogonal(gain: float = 1.0) -> Initialiser:
    """gain times a random matrix with orthonormal rows or columns (Saxe et al. 2014), for weights of two dimensions."""
    return functools.partial(_draw_orthogonal, check_above("gain", gain))


def _draw_orthogonal(gain: float, shape: tuple[int, ...], seed: int, stream: int, index: int) -> np.ndarray:
    rows, columns = shape
    tall = (max(shape), min(shape))
    q, r = np.linalg.qr(draws.normal(seed, draws.WEIGHT, stream, index, tall))
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # which makes all directions equally likely (Mezzadri 2007)
    return gain * (q if rows >= columns else q.T)


def filled(value: float) -> Initialiser:
    """The same value everywhere."""
    return functools.partial(_fill, value)


def _fill(value: float, shape: tuple[int, ...], seed: int, stream: int, index: int) -> np.ndarray:
    return np.full(shape, value)
