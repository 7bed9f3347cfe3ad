"""Random numbers for training, from `neat.kernels.rng`: each depends only on the seed and on its purpose.

They are drawn on the CPU, so that a GPU uses the same numbers.
"""

from __future__ import annotations

import math

import numpy as np

from neat.kernels import rng
from neat.kernels.jit import kernel
from neat.support.messages import quote

# Purposes. They cannot collide with those of neat.kernels.rng and of trials, which count up from EVALUATION.
WEIGHT = 2**31
DROPOUT = 2**31 + 1
ORDER = 2**31 + 2
ACTION = 2**31 + 3
TRIAL_ACTION = 2**31 + 4
AUGMENTATION = 2**31 + 5


@kernel(allocates=False)
def _fill(seed, generation, genome, purpose, words):
    for draw in range((len(words) + 3) // 4):
        block = rng.inline_block(seed, generation, genome, purpose, draw)
        for k in range(min(4, len(words) - 4 * draw)):
            words[4 * draw + k] = block[k]


def words(seed: int, purpose: int, stream: int, index: int, count: int) -> np.ndarray:
    """Return random words, uint32 of shape (count,).

    Args:
        seed: Integer in [0, 2^64).
        purpose: One of this module's constants.
        stream: Number of the user of that purpose, such as a layer; below 2^32.
        index: Number of the draw, below 2^32.
        count: Number of words.
    """
    result = np.empty(count, np.uint32)
    _fill(np.uint64(seed), index, stream, purpose, result)
    return result


def uniform(seed: int, purpose: int, stream: int, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return uniform float32 numbers in [0, 1), multiples of 2^-24."""
    drawn = words(seed, purpose, stream, index, math.prod(shape))
    return ((drawn >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)


def normal(seed: int, purpose: int, stream: int, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return standard normal float64 numbers (Box and Muller 1958)."""
    pair = uniform(seed, purpose, stream, index, (2, *shape)).astype(np.float64)
    return np.sqrt(-2 * np.log1p(-pair[0])) * np.cos(2 * np.pi * pair[1])


def permutation(seed: int, index: int, count: int) -> np.ndarray:
    """Return the integers below `count` in random order, int64 of shape (count,)."""
    return _order(words(seed, ORDER, 0, index, 2 * count))


def _order(drawn: np.ndarray) -> np.ndarray:
    """Return a random order from two words for each element."""
    high, low = drawn.reshape(2, -1).astype(np.uint64)
    return np.argsort((high << np.uint64(32)) | low, kind="stable")


class Key:
    """Random numbers for one use, such as a batch. Each call draws further numbers; equal keys draw the same ones.

    Args:
        seed: Integer in [0, 2^64).
        purpose: One of this module's constants.
        stream: Number of the use, below 2^32.
    """

    def __init__(self, seed: int, purpose: int, stream: int) -> None:
        self._key = seed, purpose, stream
        self._calls = 0

    def _next(self) -> tuple[int, int, int, int]:
        self._calls += 1
        return *self._key, self._calls - 1

    def uniform(self, shape: int | tuple[int, ...]) -> np.ndarray:
        """Return uniform float32 numbers in [0, 1), multiples of 2^-24."""
        return uniform(*self._next(), _as_shape(shape))

    def normal(self, shape: int | tuple[int, ...]) -> np.ndarray:
        """Return standard normal float64 numbers."""
        return normal(*self._next(), _as_shape(shape))

    def integers(self, low: int, high: int, shape: int | tuple[int, ...]) -> np.ndarray:
        """Return int64 numbers from `low` to `high` − 1, of which there are at most 2^32."""
        size = _as_shape(shape)
        drawn = words(*self._next(), math.prod(size)).astype(np.uint64)
        return low + ((drawn * np.uint64(high - low)) >> np.uint64(32)).astype(np.int64).reshape(size)

    def permutation(self, count: int) -> np.ndarray:
        """Return the integers below `count` in random order, int64 of shape (count,)."""
        return _order(words(*self._next(), 2 * count))


def _as_shape(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    return shape if isinstance(shape, tuple) else (shape,)


def check_seed(seed: int) -> None:
    """Raise ValueError unless the seed is an integer in [0, 2^64)."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
        raise ValueError(f"seed: expected an integer from 0 to 2^64 - 1, got {quote(seed)}")
