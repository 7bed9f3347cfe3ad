"""Draw random numbers by Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11).

A number depends only on the seed, the generation, the genome, the purpose and the draw. No generator state is passed
on, so a run does not depend on the order of the work.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.kernels import elementary
from neat.kernels.jit import function, inner_function

# Purposes, the third word of the counter. A purpose never changes its number: a config and a seed mean the same run for
# ever. A further mutation operator gets the number after the last one below. Those of evaluators begin at EVALUATION.
INITIAL_TOPOLOGY = 0
INITIAL_WEIGHT = 1
INITIAL_NODE = 2
INITIAL_FUNCTION = 4
REPRESENTATIVE = 5
PARENTS = 6
CROSSOVER = 7
STRUCTURE = 8  # which structural mutation happens, if at most one can
NEW_GENE = 9
MUTATE_WEIGHT = 10
MUTATE_BIAS = 11
MUTATE_RESPONSE = 12
ADD_NODE = 13
ADD_CONNECTION = 14
DELETE_NODE = 15
DELETE_CONNECTION = 16
SWITCH_CONNECTIONS = 17
MUTATE_ACTIVATION = 18
MUTATE_AGGREGATION = 19
FURTHER_ATTRIBUTES = 32  # and the following numbers, for `neat.genome.schema`
EVALUATION = 64

# Salmon et al., table 2 and section 4.3: the multipliers, and the steps of the Weyl sequence of keys.
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
    """The owner of random numbers: a genome of a generation of a run."""

    seed: np.uint64  # of the run
    generation: int
    genome: int


# The words of a stream: key (2), counter (4), the last block (4), the number of words of that block that are used (1).
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
    """Return four random 32-bit words for a counter of four and a key of two 32-bit words, all as uint64."""
    return _philox(c0, c1, c2, c3, k0, k1)


@inner_function(inline="early")
def _counter_and_key(seed, generation, genome, purpose, draw):
    return (
        np.uint64(generation),
        np.uint64(genome),
        np.uint64(purpose),
        np.uint64(draw),
        np.uint64(seed) & _LOW,
        np.uint64(seed) >> _32,
    )


@inner_function(inline="early")
def inline_block(seed, generation, genome, purpose, draw):
    """Return what `block` returns; loops over `draw` are vectorised and take 1/6 of the time."""
    return _philox(*_counter_and_key(seed, generation, genome, purpose, draw))


@function(inline="always")  # one build of `philox` then serves all types of integers
def block(seed, generation, genome, purpose, draw):
    """Return four random words for one draw; `seed` is a uint64, the others are integers below 2^32."""
    return philox(*_counter_and_key(seed, generation, genome, purpose, draw))


@function
def to_uniform(word):
    """Return a float32 in [0, 1), a multiple of 2^-24, for a random word."""
    return np.float32(np.int32(word >> np.uint64(8))) * _TWO_TO_MINUS_24


@function
def to_index(word, count):
    """Return an integer in [0, count) for a random word; `count` is below 2^32, and the bias below count / 2^32."""
    return np.int64((word * np.uint64(count)) >> _32)


@inner_function
def to_normal(word0, word1):
    """Return a standard normal float32 for two random words (Box and Muller 1958)."""
    radius = np.float32(np.sqrt(_MINUS_TWO * elementary.log(_ONE - to_uniform(word0))))
    return radius * elementary.cos(_TAU * to_uniform(word1))


@inner_function
def start(stream, key, purpose):
    """Set `stream`, uint64 (STREAM_WORDS,), to the beginning of the draws 0, 1, … of a Key for a purpose."""
    stream[0] = np.uint64(key.seed) & _LOW
    stream[1] = np.uint64(key.seed) >> _32
    stream[2] = np.uint64(key.generation)
    stream[3] = np.uint64(key.genome)
    stream[4] = np.uint64(purpose)
    stream[5] = np.uint64(0)
    stream[10] = np.uint64(4)


@inner_function(inline="never")
def next_word(stream):
    """Return the stream's next random 32-bit word as uint64, and advance the stream."""
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
    """Return the stream's next number as a float32 in [0, 1)."""
    return to_uniform(next_word(stream))


@inner_function
def index(stream, count):
    """Return the stream's next number as an integer in [0, count)."""
    return to_index(next_word(stream), count)


@inner_function
def happens(stream, rate):
    """Return whether an event of probability `rate` happens; takes a number from the stream unless `rate` is 0 or 1."""
    return rate > _ZERO and (rate >= _ONE or uniform(stream) < rate)
