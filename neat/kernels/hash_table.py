"""Map pairs of int64 to int64 in compiled code by a hash table with open addressing and linear probing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.kernels.jit import inner_function, kernel

# A checkpoint with more occupied places in a row is refused. In a half-full table, the longest run by chance is a few
# dozen.
LONGEST_RUN = 1_000


class Table(NamedTuple):
    """A hash table. The number of places is a power of two, and at most half of them are taken."""

    first: np.ndarray  # int64 (places,)
    second: np.ndarray  # int64 (places,)
    value: np.ndarray  # int64 (places,), -1 where a place is free


def empty_table(places: int) -> Table:
    """Return a table without entries; `places` must be a power of two."""
    return Table(np.zeros(places, np.int64), np.zeros(places, np.int64), np.full(places, -1, np.int64))


def with_room(table: Table, entries: int) -> Table:
    """Return the table, or a larger copy if this number of entries would fill more than half of it."""
    places = len(table.value)
    if 2 * entries <= places:
        return table
    while places < 2 * entries:
        places *= 2
    larger = empty_table(places)
    _rehash(table, larger)
    return larger


def check_table(name: str, table: Table, entries: int, least: int, limit: int) -> None:
    """Raise ValueError unless lookups in a checkpoint's table find its entries, and their values are valid.

    Args:
        name: "node" or "link", for the message.
        table: Three arrays of the same length.
        entries: The number of entries that the table must have, with different values.
        least: The least value allowed.
        limit: The least integer above the values allowed.
    """
    places = len(table.value)
    free = np.flatnonzero(table.value < 0)
    if places == 0 or places & (places - 1):
        raise ValueError(f"innovations.{name}_value: expected a power of two of places, got {places}")
    if places - len(free) != entries or 2 * entries > places:
        raise ValueError(
            f"innovations.{name}_value: expected {entries} entries, at most half of {places} places, "
            f"got {places - len(free)}"
        )
    value = np.sort(np.delete(table.value, free))
    if entries and (value[0] < least or value[-1] >= limit or (value[1:] == value[:-1]).any()):
        raise ValueError(f"innovations.{name}_value: expected different ids from {least} to {limit - 1}")
    longest = max(int(np.diff(free).max(initial=0)), int(free[0]) + places - int(free[-1]))
    if longest > LONGEST_RUN or _first_misplaced(table) >= 0:
        raise ValueError(f"innovations.{name}_first: an entry is not where its hash belongs")


@inner_function
def find_place(table, first, second):
    """Return the place of a key, or else the free place where it belongs. Never ends in a table without free places."""
    mask = np.uint64(len(table.value) - 1)
    mixed = np.uint64(first) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(second)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    place = (mixed ^ (mixed >> np.uint64(32))) & mask
    while table.value[np.int64(place)] >= 0 and not (
        table.first[np.int64(place)] == first and table.second[np.int64(place)] == second
    ):
        place = (place + np.uint64(1)) & mask
    return np.int64(place)


@inner_function
def put(table, place, first, second, value):
    """Store a key and its value at the place that `find_place` returned for the key."""
    table.first[place] = first
    table.second[place] = second
    table.value[place] = value


@kernel(allocates=False)
def _rehash(table, larger):
    for place in range(len(table.value)):
        if table.value[place] >= 0:
            first, second = table.first[place], table.second[place]
            put(larger, find_place(larger, first, second), first, second, table.value[place])


@kernel(allocates=False)
def _first_misplaced(table):
    """Return the first place whose entry `find_place` would not find; -1 if there is none."""
    for place in range(len(table.value)):
        if table.value[place] >= 0 and find_place(table, table.first[place], table.second[place]) != place:
            return place
    return -1
