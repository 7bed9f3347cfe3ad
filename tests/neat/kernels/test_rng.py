"""Random numbers have the published values and distributions, however they are drawn."""

import numpy as np
import pytest

from neat.kernels import rng
from neat.kernels.jit import kernel

COUNT = 200_000

# Random123 1.14.0, tests/kat_vectors, philox4x32 10: counter, key, answer.
KNOWN = (
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
)


@kernel
def _draw(seed, count, limit, word, inline, streamed, uniform, index, normal):
    stream = np.empty(rng.STREAM_WORDS, np.uint64)
    rng.start(stream, rng.Key(seed, 3, 5), rng.STRUCTURE)
    for draw in range(count):
        word[draw, 0], word[draw, 1], word[draw, 2], word[draw, 3] = rng.block(seed, 3, 5, 8, draw)
        inline[draw, 0], inline[draw, 1], inline[draw, 2], inline[draw, 3] = rng.inline_block(
            seed, 3, 5, 8, draw
        )
        for place in range(4):
            streamed[draw, place] = rng.next_word(stream)
        uniform[draw] = rng.to_uniform(word[draw, 0])
        index[draw] = rng.to_index(word[draw, 1], limit)
        normal[draw] = rng.to_normal(word[draw, 2], word[draw, 3])


@kernel
def _normals(first, second, normal):
    for draw in range(len(first)):
        normal[draw] = rng.to_normal(first[draw], second[draw])


@kernel
def _happen(seed, rate, count):
    stream = np.empty(rng.STREAM_WORDS, np.uint64)
    rng.start(stream, rng.Key(seed, 0, 0), 0)
    happened = 0
    for _ in range(count):
        happened += rng.happens(stream, rate)
    return happened, rng.next_word(stream)


@pytest.fixture(scope="module")
def drawn():
    arrays = {name: np.empty((COUNT, 4), np.uint64) for name in ("word", "inline", "streamed")}
    arrays |= {"uniform": np.empty(COUNT, np.float32), "index": np.empty(COUNT, np.int64)}
    arrays["normal"] = np.empty(COUNT, np.float32)
    _draw(np.uint64(2**40 + 7), COUNT, 7, *arrays.values())
    return arrays


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_returns_the_published_answers(counter, key, answer):
    words = [np.uint64(int(word, 16)) for word in f"{counter} {key}".split()]
    assert [f"{word:08x}" for word in rng.philox(*words)] == answer.split()


def test_block_places_seed_generation_genome_purpose_and_draw():
    seed = 0x299F31D0_A4093822
    block = rng.block(np.uint64(seed), 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    assert [f"{word:08x}" for word in block] == KNOWN[2][2].split()


def test_inlined_called_and_streamed_words_are_the_same(drawn):
    assert (drawn["word"] == drawn["inline"]).all()
    assert (drawn["word"] == drawn["streamed"]).all()


def test_words_have_32_bits_and_none_repeats_too_often(drawn):
    words = drawn["word"].ravel()
    assert words.max() < 2**32
    collisions = len(words) - len(np.unique(words))
    expected = len(words) ** 2 / 2**33  # the birthday problem
    assert abs(collisions - expected) < 6 * expected**0.5


def test_uniform_has_the_right_moments_and_is_below_1(drawn):
    uniform = drawn["uniform"].astype(float)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 1 / 2) < 5 * (1 / 12 / COUNT) ** 0.5
    assert abs(uniform.var() - 1 / 12) < 5 * (1 / 180 / COUNT) ** 0.5
    assert (uniform * 2**24 % 1 == 0).all()


def test_uniform_reaches_both_ends_of_its_grid():
    assert rng.to_uniform(np.uint64(0)) == 0
    assert rng.to_uniform(np.uint64(2**32 - 1)) == np.float32(1 - 2.0**-24)


def test_index_is_uniform_and_in_bounds(drawn):
    share = np.bincount(drawn["index"], minlength=7) / COUNT
    assert len(share) == 7
    assert np.abs(share - 1 / 7).max() < 5 * (1 / 7 * 6 / 7 / COUNT) ** 0.5


@pytest.mark.parametrize("count", [1, 2, 3, 10, 2**20, 2**31 - 1])
def test_index_reaches_both_ends_of_its_range(count):
    assert rng.to_index(np.uint64(0), count) == 0
    assert rng.to_index(np.uint64(2**32 - 1), count) == count - 1


def test_normal_has_the_right_moments_and_quantiles(drawn):
    normal = drawn["normal"].astype(float)
    assert abs(normal.mean()) < 5 / COUNT**0.5
    assert abs(normal.var() - 1) < 5 * (2 / COUNT) ** 0.5
    assert abs((normal**3).mean()) < 5 * (15 / COUNT) ** 0.5
    assert abs((normal**4).mean() - 3) < 5 * (96 / COUNT) ** 0.5
    for limit, share in ((1, 0.682689), (2, 0.954500), (3, 0.997300)):
        assert abs((np.abs(normal) < limit).mean() - share) < 5 * (share * (1 - share) / COUNT) ** 0.5


def test_normal_is_finite_for_every_uniform_number():
    """At the ends, 1 - u is close to 1 or 0, and its logarithm must not be NaN or infinity."""
    ends = np.concatenate([np.arange(100_000), 2**24 - 1 - np.arange(100_000)]).astype(
        np.uint64
    ) << np.uint64(8)
    normal = np.empty(len(ends), np.float32)
    for angle in (0, 1 << 31, 2**32 - 1):
        _normals(ends, np.full(len(ends), angle, np.uint64), normal)
        assert np.isfinite(normal).all()
        assert np.abs(normal).max() < 5.8  # sqrt(2 · 24 · ln 2) = 5.77


@pytest.mark.parametrize("field", range(5))
def test_each_word_of_the_counter_and_the_key_matters(field):
    arguments = [np.uint64(1), 2, 3, 4, 5]
    changed = list(arguments)
    changed[field] = np.uint64(2**33 + 1) if field == 0 else changed[field] + 1
    assert rng.block(*arguments) != rng.block(*changed)


def test_certain_and_impossible_events_take_no_number():
    first = rng.block(np.uint64(9), 0, 0, 0, 0)[0]
    assert _happen(np.uint64(9), np.float32(0), 100) == (0, first)
    assert _happen(np.uint64(9), np.float32(1), 100) == (100, first)
    happened, _ = _happen(np.uint64(9), np.float32(0.3), COUNT)
    assert abs(happened / COUNT - 0.3) < 5 * (0.3 * 0.7 / COUNT) ** 0.5


def test_purposes_differ():
    purposes = [
        value
        for name, value in vars(rng).items()
        if name.isupper() and name[0] != "_" and name != "STREAM_WORDS"
    ]
    assert len(set(purposes)) == len(purposes) > 10
