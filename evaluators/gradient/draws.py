"""Random numbers for training, from neat.kernels.rng: each depends on the seed and on what it is for alone.

They are drawn on the host, so that a GPU has the same.
"""

from __future__ import annotations

import math

import numpy as np

from neat.kernels import rng
from neat.kernels.jit import kernel
from neat.support.messages import shown

# Purposes, far from those of neat.kernels.rng and of the evaluators' trials, which count up from EVALUATION.
WEIGHT = 2**31
DROPOUT = 2**31 + 1
ORDER = 2**31 + 2
ACTION = 2**31 + 3
TRIAL_ACTION = 2**31 + 4


@kernel
def _fill(seed, generation, genome, purpose, words):
    for draw in range((len(words) + 3) // 4):
        block = rng.inline_block(seed, generation, genome, purpose, draw)
        for k in range(min(4, len(words) - 4 * draw)):
            words[4 * draw + k] = block[k]


def words(seed: int, purpose: int, stream: int, index: int, count: int) -> np.ndarray:
    """Random words, uint32 of shape (count,).

    Args:
        seed: Integer in [0, 2^64).
        purpose: One of this module's.
        stream: Which of the things with that purpose, below 2^32.
        index: Which time, below 2^32.
        count: How many.
    """
    result = np.empty(count, np.uint32)
    _fill(np.uint64(seed), index, stream, purpose, result)
    return result


def uniform(seed: int, purpose: int, stream: int, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """float32 in [0, 1), on a grid of 2^-24."""
    drawn = words(seed, purpose, stream, index, math.prod(shape))
    return ((drawn >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)


def normal(seed: int, purpose: int, stream: int, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal float64 (Box and Muller 1958)."""
    pair = uniform(seed, purpose, stream, index, (2, *shape)).astype(np.float64)
    return np.sqrt(-2 * np.log1p(-pair[0])) * np.cos(2 * np.pi * pair[1])


def permutation(seed: int, index: int, count: int) -> np.ndarray:
    """The integers below `count` in random order, int64 of shape (count,)."""
    high, low = words(seed, ORDER, 0, index, 2 * count).reshape(2, count).astype(np.uint64)
    return np.argsort((high << np.uint64(32)) | low, kind="stable")


def check_seed(seed: int) -> None:
    """ValueError unless it is an integer in [0, 2^64)."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
        raise ValueError(f"seed: expected an integer from 0 to 2^64 - 1, got {shown(seed)}")
