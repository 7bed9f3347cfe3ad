"""Kernels on all cores: each works on pieces of the genomes without Python's global lock, and threads share the pieces.

Threads of our own rather than numba's, whose OpenMP threads spin while they wait (milliseconds at every launch when
the machine is busy) and whose parallel kernels take twice as long to compile.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np

from neat.kernels.work_pieces import IS_COMPILED, all_done, await_done, pieces_of, withdraw
from neat.support.messages import shown

PAYS = 250  # genomes for each thread: with fewer, waking the thread costs more than it saves
_MOST = 1024
_PIECES_PER_THREAD = 16  # so that a thread that is held up does not hold up the rest
_POLLS = 800  # until the caller sleeps while another thread ends its piece: 20 to 40 µs

# Where other processes keep the cores busy, the system can suspend a thread for milliseconds in the midst of a piece.
# After the caller has had to wait for that, it does short work alone for a while.
_LONG = 10_000  # genomes, from which such a wait does not matter
_BUSY = 0.0005  # seconds, several times the longest wait for a piece on an idle machine
_REST = 1.0  # seconds


class Workers:
    """Threads that share the work of kernels. They start when they are first needed, and end with this object.

    Attributes:
        threads: How many work at once, the caller's thread among them. Results do not depend on it.

    Raises:
        ValueError: The number is not an integer from 1 to 1024.
    """

    def __init__(self, threads: int) -> None:
        if isinstance(threads, bool) or not isinstance(threads, int):
            raise ValueError(f"threads: must be an integer, got {shown(threads)}")
        if not 1 <= threads <= _MOST:
            raise ValueError(f"threads: must be from 1 to {_MOST}, got {shown(threads)}")
        self.threads = threads
        self._helpers = _Helpers()
        self._alone_until = 0.0

    def __repr__(self) -> str:
        return f"Workers({self.threads})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Workers, (self.threads,)

    def over(
        self,
        kernel: Callable[..., Any],
        count: int,
        *arguments: Any,
        scratch: Callable[[], tuple[Any, ...]] = tuple,
        cost: float = 1.0,
    ) -> None:
        """Call `kernel(pieces, *arguments, *scratch())` on as many threads as pay.

        Args:
            kernel: Loops over `claimed(pieces)`, and writes its results to arrays, each genome's to places of its own.
            count: Genomes.
            *arguments: What else the kernel takes.
            scratch: Makes the arguments of which each thread needs its own.
            cost: The work for one genome, where 1 is a generation's steps: some hundred nanoseconds.
        """
        work = int(count * cost)
        # Kernels that are not compiled hold the global lock, and nothing makes their counters atomic.
        threads = min(self.threads, work // PAYS) if IS_COMPILED else 1
        if threads <= 1 or (work < _LONG and time.perf_counter() < self._alone_until):
            kernel(pieces_of(count, count), *arguments, *scratch())
            return
        if self._helpers.process != os.getpid():  # a forked child has none of its parent's threads
            self._helpers = _Helpers()
        pieces = pieces_of(count, -(-count // (threads * _PIECES_PER_THREAD)))
        job = _Job(pieces, lambda: kernel(pieces, *arguments, *scratch()))
        waited = self._helpers.share(job, threads - 1)
        if work < _LONG and waited > _BUSY:
            self._alone_until = time.perf_counter() + _REST


class _Job:
    """A kernel's call, which several threads make."""

    def __init__(self, pieces: np.ndarray, call: Callable[[], None]) -> None:
        self._pieces = pieces
        self._call = call
        # Lists and queues, which threads may change at the same time.
        self._begun: list[None] = []
        self._ended: list[None] = []
        self._errors: list[BaseException] = []
        self._is_stopped = False
        self._changed: SimpleQueue[None] = SimpleQueue()

    def help(self) -> None:
        """Make the call on a thread beside the caller's."""
        self._begun.append(None)
        try:
            self._call()
        except BaseException as error:
            self._errors.append(error)
            self._stop()
        self._ended.append(None)
        self._changed.put(None)

    def work(self) -> float:
        """Make the call on the caller's thread, and return when all is done.

        Returns:
            Seconds that the caller waited for others.

        Raises:
            BaseException: What a call raised, or an interruption; no thread is at work then either.
        """
        try:
            self._call()
            begin = time.perf_counter()
            await_done(self._pieces, _POLLS)
            self._wait()
        except BaseException:
            self._stop()
            self._wait()
            raise
        if self._errors:
            raise self._errors[0]
        return time.perf_counter() - begin

    def _stop(self) -> None:
        withdraw(self._pieces)
        self._is_stopped = True

    def _wait(self) -> None:
        """Sleep until all is done or, after an error, no thread is at work."""
        while not (all_done(self._pieces) or (self._is_stopped and len(self._ended) == len(self._begun))):
            self._changed.get()


class _Helpers:
    """Threads that wait for jobs."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._jobs: list[_Job] = []
        self._bell: SimpleQueue[bool] = SimpleQueue()
        self._count = 0
        self._starting = threading.Lock()

    def share(self, job: _Job, helpers: int) -> float:
        """Do a job with the help of so many threads, as far as they are free; the seconds waited for them."""
        self._start(helpers)
        self._jobs.append(job)
        try:
            for _ in range(min(helpers, self._count) - self._bell.qsize()):
                self._bell.put(True)
            return job.work()
        finally:
            self._jobs.remove(job)

    def _start(self, count: int) -> None:
        if count <= self._count:
            return
        with self._starting:
            while self._count < count:
                try:
                    threading.Thread(
                        target=_help, args=(self._jobs, self._bell), name="neat", daemon=True
                    ).start()
                except RuntimeError:  # the system gives no more threads, or the interpreter is about to end
                    return
                self._count += 1

    def __del__(self) -> None:
        for _ in range(self._count):
            self._bell.put(False)


def _help(jobs: list[_Job], bell: SimpleQueue[bool]) -> None:
    """Help with all jobs whenever the bell rings, until it says that no more will come."""
    while bell.get():
        for job in tuple(jobs):
            job.help()


def _count_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_shared = Workers(min(_count_cores(), _MOST))


def get_threads() -> int:
    """The number of threads of the shared workers, which do the work where no others are given."""
    return _shared.threads


def set_threads(count: int) -> None:
    """Let the shared workers have so many threads (at first: one per core that this process may use).

    Results do not change. Calls in other threads go on with those that they began with.
    """
    global _shared
    _shared = Workers(count)


def over(
    kernel: Callable[..., Any], count: int, *arguments: Any, workers: Workers | None = None, **options: Any
) -> None:
    """`Workers.over` of these workers, or of the shared ones."""
    (workers or _shared).over(kernel, count, *arguments, **options)
