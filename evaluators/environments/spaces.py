"""The spaces of an environment's observations and actions."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    """Real vectors between bounds, one pair for each dimension; a bound may be infinite."""

    low: tuple[float, ...]
    high: tuple[float, ...]


class Discrete(NamedTuple):
    """The integers 0 … count - 1, with optional names, which pictures show."""

    count: int  # type: ignore[assignment]  # tuples have a method of that name
    names: tuple[str, ...] = ()
