"""Run kernels on all cores by threads that share pieces of the genomes and work without Python's global lock.

numba's own threads would be slower: its OpenMP threads spin while they wait, which costs milliseconds at every launch
on a busy machine, and its parallel kernels take twice as long to compile.
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
from neat.support.messages import quote

MIN_GENOMES_PER_THREAD = 250  # with fewer, waking the thread costs more than it saves
_MAX_THREADS = 1024
_PIECES_PER_THREAD = 16  # so that a delayed thread does not delay the others
_POLLS = 800  # before the caller sleeps while another thread finishes its piece: 20 to 40 µs

# If other processes keep the cores busy, the system can suspend a thread for milliseconds in the middle of a piece.
# After such a wait, the caller does short work alone for a multiple of the wait, so that waits take a small share of
# the time. A short wait, such as that for a thread that starts, costs a short run little.
_LONG_WORK = 10_000  # genomes; in longer work such a wait does not matter
_LONG_WAIT = 0.0005  # seconds; several times the longest wait for a piece on an idle machine
_TIMES_ALONE = 40  # the time alone, as a multiple of the wait
_MOST_ALONE = 1.0  # seconds; a wait can also come from a genome that takes long


class Workers:
    """Threads that share the work of kernels. They start when they are first needed, and end with this object.

    Attributes:
        threads: The number of threads that work at once, including the caller's. Results do not depend on it.

    Raises:
        ValueError: `threads` is not an integer from 1 to 1024.
    """

    def __init__(self, threads: int) -> None:
        if isinstance(threads, bool) or not isinstance(threads, int):
            raise ValueError(f"threads: must be an integer, got {quote(threads)}")
        if not 1 <= threads <= _MAX_THREADS:
            raise ValueError(f"threads: must be from 1 to {_MAX_THREADS}, got {quote(threads)}")
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
        """Call `kernel(pieces, *arguments, *scratch())` on as many threads as save time.

        Args:
            kernel: A function that loops over `claimed(pieces)`, or over what it gets from `claim`, and writes the
                results of each genome to separate elements of arrays. Unless it raises, it must claim pieces until none
                is left; otherwise, the caller waits forever.
            count: The number of genomes.
            *arguments: The kernel's other arguments.
            scratch: Returns the arguments of which each thread needs its own.
            cost: The work for one genome, relative to the steps of a generation, which take some hundred nanoseconds.
        """
        work = int(count * cost)
        # Kernels that are not compiled hold the global lock, and their counters are not atomic.
        threads = min(self.threads, work // MIN_GENOMES_PER_THREAD) if IS_COMPILED else 1
        if threads <= 1 or (work < _LONG_WORK and time.perf_counter() < self._alone_until):
            kernel(pieces_of(count, count), *arguments, *scratch())
            return
        if self._helpers.process != os.getpid():  # a forked child has none of its parent's threads
            self._helpers = _Helpers()
        pieces = pieces_of(count, -(-count // (threads * _PIECES_PER_THREAD)))
        job = _Job(pieces, lambda: kernel(pieces, *arguments, *scratch()))
        waited = self._helpers.share(job, threads - 1)
        if work < _LONG_WORK and waited > _LONG_WAIT:
            self._alone_until = time.perf_counter() + min(_TIMES_ALONE * waited, _MOST_ALONE)


class _Job:
    """A call of a kernel that several threads make at once."""

    def __init__(self, pieces: np.ndarray, call: Callable[[], None]) -> None:
        self._pieces = pieces
        self._call = call
        # Several threads can safely change lists and queues at once.
        self._begun: list[None] = []
        self._ended: list[None] = []
        self._errors: list[BaseException] = []
        self._is_stopped = False
        self._changed: SimpleQueue[None] = SimpleQueue()

    def help(self) -> None:
        """Make the call on another thread than the caller's."""
        self._begun.append(None)
        try:
            self._call()
        except BaseException as error:
            self._errors.append(error)
            self._stop()
        self._ended.append(None)
        self._changed.put(None)

    def work(self) -> float:
        """Make the call on the caller's thread, and return when all genomes are done.

        Returns:
            The seconds for which the caller waited for other threads.

        Raises:
            BaseException: A call raised it, or it is an interruption. No thread works on a genome when it is raised.
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
        """Sleep until all genomes are done or, after an error, no other thread is at work."""
        while not (all_done(self._pieces) or (self._is_stopped and len(self._ended) == len(self._begun))):
            self._changed.get()


class _Helpers:
    """Threads that wait for jobs."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._jobs: list[_Job] = []
        self._requests: SimpleQueue[bool] = SimpleQueue()  # True to help with all jobs, False to end
        self._count = 0
        self._start_lock = threading.Lock()

    def share(self, job: _Job, helpers: int) -> float:
        """Do a job with at most this number of other threads; return the seconds for which the caller waited."""
        self._start(helpers)
        self._jobs.append(job)
        try:
            for _ in range(min(helpers, self._count) - self._requests.qsize()):
                self._requests.put(True)
            return job.work()
        finally:
            self._jobs.remove(job)

    def _start(self, count: int) -> None:
        if count <= self._count:
            return
        with self._start_lock:
            while self._count < count:
                try:
                    threading.Thread(
                        target=_help, args=(self._jobs, self._requests), name="neat", daemon=True
                    ).start()
                except RuntimeError:  # the system has no more threads, or the interpreter is about to end
                    return
                self._count += 1

    def __del__(self) -> None:
        for _ in range(self._count):
            self._requests.put(False)


def _help(jobs: list[_Job], requests: SimpleQueue[bool]) -> None:
    """Help with all jobs at each request, until a request is False."""
    while requests.get():
        _help_with_all(jobs)


def _help_with_all(jobs: list[_Job]) -> None:
    # A function of its own, so that a sleeping thread does not keep the last job and its arrays.
    for job in tuple(jobs):
        job.help()


def _count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_shared = Workers(min(_count_cores(), _MAX_THREADS))


def check_workers(workers: Any) -> None:
    """Raise a ValueError unless `workers` is a Workers or None."""
    if not isinstance(workers, Workers | None):
        raise ValueError(f"workers: expected neat.parallel.Workers or None, got {quote(workers)}")


def get_threads() -> int:
    """Return the number of threads of the shared workers, which work where no others are given."""
    return _shared.threads


def set_threads(count: int) -> None:
    """Set the number of threads of the shared workers (by default, one per core that this process may use).

    Results do not change. Calls in progress keep their threads.
    """
    global _shared
    _shared = Workers(count)


def over(
    kernel: Callable[..., Any], count: int, *arguments: Any, workers: Workers | None = None, **options: Any
) -> None:
    """Call `Workers.over` of `workers`, or of the shared workers if that is None."""
    (workers or _shared).over(kernel, count, *arguments, **options)
