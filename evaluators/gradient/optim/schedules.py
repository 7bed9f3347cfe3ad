"""Schedules: functions of the number of steps so far, which optimisers take as learning rate or as momentum.

`by_epoch` makes a schedule count epochs. Schedules can be pickled, and so can the optimisers that hold them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from evaluators.checks import check_count
from evaluators.gradient.checks import check_non_negative
from neat.support.messages import quote

Schedule = Callable[[int], float]


def check_rate(rate: Any, where: str = "") -> float:
    """Return a rate as Python's float; ValueError, whose message ends with `where`, unless it is finite and >= 0."""
    return check_non_negative("learning_rate", rate, where)


def _check_schedule(schedule: Any) -> None:
    if not callable(schedule):
        raise ValueError(f"schedule: expected one such as schedules.constant(0.1), got {quote(schedule)}")


def constant(rate: float) -> Schedule:
    """Return a schedule that is always `rate`."""
    return functools.partial(_constant, check_rate(rate))


def _constant(rate: float, t: int) -> float:
    return rate


def step(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """Return the schedule rate · factor^floor(t / every)."""
    rate = check_rate(rate)
    check_count("every", every)
    return functools.partial(_step, rate, every, check_non_negative("factor", factor))


def _step(rate: float, every: int, factor: float, t: int) -> float:
    return rate * factor ** (t // every)


def cosine(rate: float, length: int, final: float = 0.0) -> Schedule:
    """Return half a period of a cosine from `rate` down to `final` (Loshchilov and Hutter 2017, equation 5)."""
    rate, final = check_rate(rate), check_rate(final)
    check_count("length", length)
    return functools.partial(_cosine, rate, length, final)


def _cosine(rate: float, length: int, final: float, t: int) -> float:
    return final + (rate - final) * (1 + math.cos(math.pi * min(t, length) / length)) / 2


def warm_up(schedule: Schedule, length: int, base: float) -> Schedule:
    """Return `schedule` with a linear rise from `base` as its first `length` steps (Goyal et al. 2017, 2.2)."""
    _check_schedule(schedule)
    base = check_rate(base)
    check_count("length", length)
    return functools.partial(_warm_up, schedule, length, base, check_rate(schedule(length)))


def _warm_up(schedule: Schedule, length: int, base: float, target: float, t: int) -> float:
    return base + (target - base) * t / length if t < length else schedule(t)


def by_epoch(schedule: Schedule, steps_per_epoch: int) -> Schedule:
    """Return a schedule of steps from a schedule of epochs."""
    _check_schedule(schedule)
    check_count("steps_per_epoch", steps_per_epoch)
    return functools.partial(_by_epoch, schedule, steps_per_epoch)


def _by_epoch(schedule: Schedule, steps_per_epoch: int, t: int) -> float:
    return schedule(t // steps_per_epoch)


def linear_scaling(base: float, batch: int, base_batch: int = 256) -> float:
    """Return the rate for SGD with another batch size: base · batch / base_batch (Goyal et al. 2017, section 2.1)."""
    check_count("batch", batch)
    check_count("base_batch", base_batch)
    return check_rate(base) * batch / base_batch
