"""Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11).

A number depends only on the seed and on what it is for: (generation, genome, purpose, draw). No generator state
travels, so a run does not depend on the order of the work.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.kernels import elementary
from neat.kernels.jit import function, inner_function

# Purposes: the third word of the counter. Evaluators' begin at EVALUATION.
INITIAL_TOPOLOGY = 0
INITIAL_WEIGHT = 1
INITIAL_NODE = 2
INITIAL_FUNCTION = 4
REPRESENTATIVE = 5
PARENTS = 6
CROSSOVER = 7
STRUCTURE = 8
NEW_GENE = 9
MUTATE_WEIGHT = 10
MUTATE_BIAS = 11
MUTATE_RESPONSE = 12
FURTHER_ATTRIBUTES = 32  # and on, for `neat.genome.schema`
EVALUATION = 64

# Salmon et al., table 2 and section 4.3: multipliers, and the Weyl sequence that bumps the key.
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)

_TWO_TO_MINUS_24 = np.float32(2.0**-24)
_TAU = np.float32(6.2831855)
_MINUS_TWO = np.float32(-2.0)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


class Key(NamedTuple):
    """Whose random numbers are drawn."""

    seed: np.uint64  # the run's
    generation: int
    genome: int


# A stream's words: key (2), counter (4), the block last computed (4), how many of its words are used.
STREAM_WORDS = 11


@inner_function
def _round(c0, c1, c2, c3, k0, k1):
    p0, p1 = _M0 * c0, _M1 * c2
    return (
        (p1 >> _32) ^ c1 ^ k0,
        p1 & _LOW,
        (p0 >> _32) ^ c3 ^ k1,
        p0 & _LOW,
        (k0 + _W0) & _LOW,
        (k1 + _W1) & _LOW,
    )


@inner_function
def _philox(c0, c1, c2, c3, k0, k1):
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3


@function
def philox(c0, c1, c2, c3, k0, k1):
    """Four random 32-bit words (held in uint64) for a counter of four and a key of two 32-bit words (uint64)."""
    return _philox(c0, c1, c2, c3, k0, k1)


@inner_function(inline="early")
def inline_block(seed, generation, genome, purpose, draw):
    """As `block`, for loops over `draw`: they become vector code (1/6 of the time)."""
    return _philox(
        np.uint64(generation),
        np.uint64(genome),
        np.uint64(purpose),
        np.uint64(draw),
        np.uint64(seed) & _LOW,
        np.uint64(seed) >> _32,
    )


@function(inline="always")  # one build of `philox` then serves all types of integers
def block(seed, generation, genome, purpose, draw):
    """Four random words for one draw; `seed` is a uint64, the others are integers below 2^32."""
    return philox(
        np.uint64(generation),
        np.uint64(genome),
        np.uint64(purpose),
        np.uint64(draw),
        np.uint64(seed) & _LOW,
        np.uint64(seed) >> _32,
    )


@function
def to_uniform(word):
    """A float32 in [0, 1) on a grid of 2^-24, from a random word."""
    return np.float32(np.int32(word >> np.uint64(8))) * _TWO_TO_MINUS_24


@function
def to_index(word, count):
    """An integer in [0, count), from a random word; `count` below 2^32 (bias below count / 2^32)."""
    return np.int64((word * np.uint64(count)) >> _32)


@inner_function
def to_normal(word0, word1):
    """A standard normal float32 from two random words (Box and Muller 1958)."""
    radius = np.float32(np.sqrt(_MINUS_TWO * elementary.log(_ONE - to_uniform(word0))))
    return radius * elementary.cos(_TAU * to_uniform(word1))


@inner_function
def start(stream, key, purpose):
    """Begin a Key's sequence of draws 0, 1, … of a purpose in `stream`, uint64 of shape (STREAM_WORDS,)."""
    stream[0] = np.uint64(key.seed) & _LOW
    stream[1] = np.uint64(key.seed) >> _32
    stream[2] = np.uint64(key.generation)
    stream[3] = np.uint64(key.genome)
    stream[4] = np.uint64(purpose)
    stream[5] = np.uint64(0)
    stream[10] = np.uint64(4)


@inner_function(inline="never")
def next_word(stream):
    """The stream's next random 32-bit word, as uint64."""
    used = stream[10]
    if used == np.uint64(4):
        stream[6], stream[7], stream[8], stream[9] = philox(
            stream[2], stream[3], stream[4], stream[5], stream[0], stream[1]
        )
        stream[5] += np.uint64(1)
        used = np.uint64(0)
    stream[10] = used + np.uint64(1)
    return stream[np.int64(used) + 6]


@inner_function
def uniform(stream):
    """The stream's next number as a float32 in [0, 1)."""
    return to_uniform(next_word(stream))


@inner_function
def index(stream, count):
    """The stream's next number as an integer in [0, count)."""
    return to_index(next_word(stream), count)


@inner_function
def happens(stream, rate):
    """Whether something of this probability happens; takes a number from the stream unless that is 0 or 1."""
    return rate > _ZERO and (rate >= _ONE or uniform(stream) < rate)
