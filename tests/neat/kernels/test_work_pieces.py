"""Pieces of work are claimed once, and done when their last genome is."""

import pytest

from neat.kernels.work_pieces import all_done, claimed, pieces_of, withdraw


@pytest.mark.parametrize("size", [1, 3, 10, 11, 100])
def test_pieces_cover_the_range(size):
    pieces = pieces_of(10, size)
    assert list(claimed(pieces)) == list(range(10))
    assert all_done(pieces)
    assert not list(claimed(pieces))


def test_a_claimed_piece_is_done_only_after_its_last_genome():
    pieces = pieces_of(10, 4)
    first = claimed(pieces)
    assert next(first) == 0
    assert list(claimed(pieces)) == [4, 5, 6, 7, 8, 9]
    assert not all_done(pieces)
    assert list(first) == [1, 2, 3]
    assert all_done(pieces)


def test_withdrawn_pieces_cannot_be_claimed():
    pieces = pieces_of(10, 4)
    first = claimed(pieces)
    next(first)
    withdraw(pieces)
    assert list(first) == [1, 2, 3]
    assert not list(claimed(pieces))
