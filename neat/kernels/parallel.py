"""Kernels on all cores: each works on a range of genomes without Python's global lock, threads share the ranges.

Threads of our own rather than numba's, whose OpenMP threads spin while they wait (milliseconds at every launch when
the machine is busy) and whose parallel kernels take twice as long to compile.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from neat.support.messages import shown

SMALL = 2_000  # genomes; below this, waking a second thread costs more than it saves
_MOST = 1024
_RANGES_PER_THREAD = 4  # so that a thread that is held up does not hold up the rest

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def get_threads() -> int:
    """The number of threads that kernels may use."""
    return _threads


def set_threads(count: int) -> None:
    """Let kernels use so many threads (at first: one per core that this process may use). Results do not change."""
    global _threads
    if isinstance(count, bool) or not isinstance(count, int):
        raise ValueError(f"threads: must be an integer, got {shown(count)}")
    if not 1 <= count <= _MOST:
        raise ValueError(f"threads: must be from 1 to {_MOST}, got {shown(count)}")
    _threads = count
    _helpers.cache_clear()


@functools.lru_cache(maxsize=1)
def _helpers(count: int) -> ThreadPoolExecutor:
    """The threads beside the caller's. They end by themselves once neither this cache nor a call of `over` has them."""
    return ThreadPoolExecutor(count, "neat")


if hasattr(os, "register_at_fork"):  # a forked child has the pool, but none of its threads
    os.register_at_fork(after_in_child=_helpers.cache_clear)


def over(
    kernel: Callable[..., Any],
    count: int,
    *arguments: Any,
    scratch: Callable[[], tuple[Any, ...]] = tuple,
    cost: float = 1.0,
) -> None:
    """Call `kernel(first, last, *arguments, *scratch())` for ranges that make up 0 … count, on all threads if it pays.

    Args:
        kernel: Writes its results to arrays, each range to places of its own.
        count: Genomes.
        *arguments: What else the kernel takes.
        scratch: Makes the arguments of which each thread needs its own.
        cost: The work for one genome, where 1 is a generation's steps: some hundred nanoseconds.
    """
    threads = _threads  # another thread may call `set_threads` at any time
    if count * cost < SMALL or threads == 1:
        kernel(0, count, *arguments, *scratch())
        return
    pieces = threads * _RANGES_PER_THREAD
    ranges = iter([(count * piece // pieces, count * (piece + 1) // pieces) for piece in range(pieces)])

    def work() -> None:
        own = scratch()
        for first, last in ranges:  # the threads take from one iterator
            kernel(first, last, *arguments, *own)

    others = _submit(work, threads - 1)
    work()
    for other in others:
        other.result()


def _submit(work: Callable[[], None], times: int) -> list[Future[None]]:
    helpers = _helpers(times)
    submitted: list[Future[None]] = []
    try:
        for _ in range(times):
            submitted.append(helpers.submit(work))
    except RuntimeError as error:
        # The main thread has ended, and the caller's goes on alone.
        if "cannot schedule new futures" not in str(error):
            raise
    return submitted
