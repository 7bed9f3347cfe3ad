"""The random numbers that an environment's functions draw, and their streams."""

from __future__ import annotations

import numpy as np

from neat.kernels import rng
from neat.kernels.jit import inner_function

# Episode k adds k times this number to the stream of training or of its trial. These streams differ modulo this number,
# so no two episodes share one.
EPISODES = np.uint64(2**8)

_BLOCKS = np.uint64(16)  # blocks of four random numbers for each call of an environment's function
_FOUR = np.uint64(4)


@inner_function
def uniform(random, number):
    """Return random number `number` (0 … 63) of this call of `reset` or `step`, a float32 in [0, 1)."""
    seed, generation, individual, stream, time = random
    draw = time * _BLOCKS + np.uint64(number) // _FOUR
    w0, w1, w2, w3 = rng.inline_block(seed, generation, individual, stream, draw)
    word = np.uint64(number) % _FOUR
    word = w0 if word == 0 else w1 if word == 1 else w2 if word == 2 else w3
    return rng.to_uniform(word)


@inner_function
def uniform_between(random, number, low, high):
    """Return random number `number` (0 … 63) of this call of `reset` or `step`, scaled to [low, high)."""
    return low + (high - low) * uniform(random, number)
