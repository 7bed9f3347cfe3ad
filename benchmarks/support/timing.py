"""The time of calls."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

Call = Callable[[], Any]


def timed(call: Call) -> float:
    """Return the seconds of a call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def median_seconds(call: Call, repeats: int) -> float:
    """Return the median seconds of a call, after one that is not counted."""
    call()
    return statistics.median(timed(call) for _ in range(repeats))


def time_in_turns(calls: Mapping[str, Call], rounds: int, repeats: int = 1) -> dict[str, list[float]]:
    """Return the seconds of each call; calls take turns of `repeats`, so that other load slows all of them.

    The first turn of each, which may compile, is not counted.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            spent = [timed(call) for _ in range(repeats)]
            if turn:
                taken[name] += spent
    return taken
