"""Lend the evaluators of a process to the populations that it evolves in turn."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from neat.evaluation import Restorable, Stateful

_MOST_RUNS = 4  # whose evaluators a process of an executor keeps

State = dict[str, np.ndarray]


class _Evaluator(NamedTuple):
    """An evaluator that nobody uses now."""

    evaluator: Any
    initial: State
    """The state that it was made with."""


_idle: dict[str, list[_Evaluator]] = {}  # of this process, by the token of their run
_lock = threading.Lock()


@contextlib.contextmanager
def borrow_evaluator(token: str, make_evaluator: Callable[[], Any], state: State) -> Iterator[Any]:
    """Yield an evaluator of a run for one population; it is made if the process has none to spare.

    Args:
        token: Names the run.
        make_evaluator: Makes the run's evaluators.
        state: The state that the population's last evaluator had; empty for that of a new evaluator.
    """
    with _lock:
        known = _idle.get(token)
        lent = known.pop() if known else None
    if lent is None:
        evaluator = make_evaluator()
        lent = _Evaluator(evaluator, evaluator.state() if isinstance(evaluator, Stateful) else {})
    try:
        wanted = state or lent.initial
        if wanted and isinstance(lent.evaluator, Restorable):
            lent.evaluator.restore(wanted)
        yield lent.evaluator
    except BaseException:
        close_evaluator(lent.evaluator)
        raise
    with _lock:
        _idle.setdefault(token, []).append(lent)
        former = list(_idle)[:-_MOST_RUNS]
    for each in former:
        close_evaluators(each)


def close_evaluators(token: str) -> None:
    """Close the evaluators of a run that this process keeps."""
    with _lock:
        left = _idle.pop(token, [])
    for each in left:
        close_evaluator(each.evaluator)


def close_evaluator(evaluator: Any) -> None:
    """End the processes of an evaluator, if it has any."""
    getattr(evaluator, "close", lambda: None)()
