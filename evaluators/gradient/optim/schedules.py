"""Learning rates that change: functions of the number of steps made so far, which optimisers take for a rate.

`by_epoch` makes one of epochs out of any of them. They can be pickled, with the optimisers that have them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from evaluators.checks import check_count
from evaluators.gradient.checks import check_least

Schedule = Callable[[int], float]


def check_rate(rate: Any, where: str = "") -> float:
    """As Python's float; ValueError unless it is a finite number of at least 0. `where` ends the message."""
    return check_least("learning_rate", rate, where)


def constant(rate: float) -> Schedule:
    """Always the same."""
    return functools.partial(_constant, check_rate(rate))


def _constant(rate: float, t: int) -> float:
    return rate


def step(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """rate · factor^floor(t / every)."""
    rate = check_rate(rate)
    check_count("every", every)
    return functools.partial(_step, rate, every, factor)


def _step(rate: float, every: int, factor: float, t: int) -> float:
    return rate * factor ** (t // every)


def cosine(rate: float, length: int, final: float = 0.0) -> Schedule:
    """From `rate` down to `final` in half a period of the cosine (Loshchilov and Hutter 2017, equation 5)."""
    rate, final = check_rate(rate), check_rate(final)
    check_count("length", length)
    return functools.partial(_cosine, rate, length, final)


def _cosine(rate: float, length: int, final: float, t: int) -> float:
    return final + (rate - final) * (1 + math.cos(math.pi * min(t, length) / length)) / 2


def warm_up(schedule: Schedule, length: int, base: float) -> Schedule:
    """Linearly from the base rate to that of `schedule` after `length`, then as it says (Goyal et al. 2017, 2.2)."""
    base = check_rate(base)
    check_count("length", length)
    return functools.partial(_warm_up, schedule, length, base, check_rate(schedule(length)))


def _warm_up(schedule: Schedule, length: int, base: float, target: float, t: int) -> float:
    return base + (target - base) * t / length if t < length else schedule(t)


def by_epoch(schedule: Schedule, steps_per_epoch: int) -> Schedule:
    """A schedule of steps out of one of epochs."""
    check_count("steps_per_epoch", steps_per_epoch)
    return functools.partial(_by_epoch, schedule, steps_per_epoch)


def _by_epoch(schedule: Schedule, steps_per_epoch: int, t: int) -> float:
    return schedule(t // steps_per_epoch)


def linear_scaling(base: float, batch: int, base_batch: int = 256) -> float:
    """The rate for SGD with another batch size: base · batch / base_batch (Goyal et al. 2017, section 2.1)."""
    check_count("batch", batch)
    check_count("base_batch", base_batch)
    return check_rate(base) * batch / base_batch
