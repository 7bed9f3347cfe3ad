"""Worker processes that share tasks, and that are replaced when they die or take too long."""

from __future__ import annotations

import functools
import gc
import logging
import multiprocessing
import multiprocessing.util
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, NamedTuple

from neat.kernels import disk_cache, parallel
from neat.processes.process_lifetime import call_in_permanent_thread, end_with_parent
from neat.support.messages import quote, summarise_error

_log = logging.getLogger("neat")

RETRIES = 2  # repetitions of work whose worker process died or took too long
START_TIMEOUT = 300.0  # seconds that a worker process may take to start, including its imports
END_TIMEOUT = 5.0  # seconds that an idle worker process may take to end by itself


class WorkerLost(Exception):
    """A worker process died or took too long; the message continues "a worker process …".

    Attributes:
        is_final: Whether a retry is useless.
    """

    def __init__(self, reason: str, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class TaskLost(RuntimeError):
    """A task lost its worker process in every attempt."""


class _Cancelled(Exception):
    """The work of a worker was cancelled."""


def retry_lost_work(attempt: Callable[[], Any], work: str, retries: int | None = None) -> Any:
    """Return the result of `attempt`; call it again if it loses a worker process.

    Args:
        attempt: Does the work; called again only if it raises WorkerLost. Other exceptions pass through.
        work: Name of the work, for the log and the error.
        retries: The most further calls; None: `RETRIES`.

    Raises:
        TaskLost: A worker process was lost each time.
        RuntimeError: It cannot start.
    """
    most = RETRIES if retries is None else retries
    for lost in range(1, most + 2):
        try:
            return attempt()
        except WorkerLost as loss:
            if loss.is_final or lost > most:
                times = f", {lost} times in a row" if lost > 1 else ""
                kind = RuntimeError if loss.is_final else TaskLost
                raise kind(f"{work}: a worker process {loss}{times}") from None
            _log.warning("%s: a worker process %s; its work is repeated (%d of %d)", work, loss, lost, most)


def describe_end(status: int | None, was_ready: bool) -> WorkerLost:
    """Return the WorkerLost that says why a worker process ended.

    Args:
        status: Its `multiprocessing.Process.exitcode`; None: it has closed its pipe, but has not ended.
        was_ready: Whether it had finished starting.
    """
    if status is None:
        return WorkerLost("closed its connection")
    if status < 0:
        name = {each.value: each.name for each in signal.Signals}.get(-status, f"signal {-status}")
        memory = ", which the system does when memory runs out" if name == "SIGKILL" else ""
        return WorkerLost(f"was killed by {name}{memory}")
    if was_ready:
        return WorkerLost(f"ended with status {status} before its work was done")
    reason = f"ended with status {status} while it started, see its own error above"
    if can_import_main():
        reason += "; if the script ran again there, put its work under `if __name__ == '__main__':`"
    return WorkerLost(reason, is_final=True)


def can_import_main() -> bool:
    """Whether worker processes can import `__main__`: not in a notebook or an interactive session."""
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    return getattr(main, "__spec__", None) is not None or (path is not None and os.path.isfile(path))


def check_importable(name: str, function: Callable[..., Any], alternative: str = "") -> None:
    """Raise ValueError, whose message begins with `name`, unless worker processes can import a function."""
    try:
        pickled = pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{name}: workers need one that is defined at the top of a module, got {quote(function)} ({error})"
        ) from None
    if b"__main__" in pickled and not can_import_main():
        raise ValueError(
            f"{name}: workers cannot import {function!r}, which is defined in a notebook or an interactive session; "
            f"put it into a file and import it from there{alternative}"
        )


def share_threads(workers: int) -> Callable[[], Any]:
    """Return what each of so many worker processes calls first, so that they share the threads of this process."""
    return functools.partial(parallel.set_threads, max(1, parallel.get_threads() // workers))


class WorkerProcesses:
    """Processes that share tasks: each calls a function with one task after the other.

    They start with the first tasks and end with `close`, with the `with` block, or with this process. A process that
    dies or takes too long is replaced, and its task is repeated, at most `retries` times. Any object with `map` and
    `close` can replace this class, for instance to distribute tasks over machines.

    Args:
        function: Called with a task; must be importable by its name.
        count: Number of processes.
        timeout: Seconds that a task may take; None: no limit.
        prepare: Called in each process when it has started.
        retries: The most repetitions of a task; None: `RETRIES`.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        count: int,
        timeout: float | None = None,
        prepare: Callable[[], Any] | None = None,
        retries: int | None = None,
    ) -> None:
        self._retries = retries
        self._workers = [_Worker(function, prepare, timeout) for _ in range(count)]
        self._open()

    def map(self, tasks: Sequence[Any], names: Sequence[str]) -> Iterator[Any]:
        """Yield the function's results in the order of the tasks, each as soon as it and those before it are known.

        Args:
            tasks: Arguments for the function; sent by pickle.
            names: Names of the tasks, for error messages.

        Raises:
            RuntimeError: A task lost its worker process in every attempt, or no process can start.
            Exception: The exception of the first task, in their order, whose function raised.
        """
        return self._results(tasks, names, iter)

    def map_with_errors(self, tasks: Sequence[Any], names: Sequence[str]) -> Iterator[Any]:
        """Yield as `map`, with the exception in place of the result of a task that raised or lost all its processes."""
        return self._results(tasks, names, iter, keeps_errors=True)

    def map_unordered(self, tasks: Sequence[Any], names: Sequence[str]) -> Iterator[Any]:
        """Yield the function's results in the order in which they become known; otherwise as `map`."""
        return self._results(tasks, names, as_completed)

    def _results(
        self,
        tasks: Sequence[Any],
        names: Sequence[str],
        in_order: Callable[[list[Any]], Iterator[Any]],
        keeps_errors: bool = False,
    ) -> Iterator[Any]:
        if os.getpid() != self._owner:  # a fork owns neither the processes nor the locks
            for worker in self._workers:
                worker.drop_process()
            self._open()
        halt = threading.Event()
        with ThreadPoolExecutor(min(len(self._workers), max(1, len(tasks))), "workers") as threads:
            jobs = [
                threads.submit(self._run_task, task, name, halt)
                for task, name in zip(tasks, names, strict=True)
            ]
            try:
                for job in in_order(jobs):
                    try:
                        succeeded, result, unsaved_reason = job.result()
                    except TaskLost as loss:
                        succeeded, result, unsaved_reason = False, loss, None
                    if unsaved_reason is not None:
                        disk_cache.warn_once(unsaved_reason)
                    if not succeeded and not keeps_errors:
                        raise result
                    yield result
            except BaseException:
                halt.set()
                for job in jobs:
                    job.cancel()
                self.close()
                raise

    def close(self) -> None:
        """End the processes; those at work are killed. `map` starts new ones."""
        if os.getpid() == self._owner:
            _end_all(self._workers)

    def __enter__(self) -> WorkerProcesses:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> None:
        self._owner = os.getpid()
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        # Runs when this object is collected, and at exit before multiprocessing waits for the processes.
        multiprocessing.util.Finalize(self, _end_all, (self._workers,), exitpriority=10)

    def _run_task(self, task: Any, name: str, halt: threading.Event) -> _Answer:
        """Run a task; called in a thread, which waits for one worker."""
        message = pickle.dumps(task)
        worker = self._idle.get()
        try:
            return retry_lost_work(lambda: worker.call(message, halt), name, self._retries)
        finally:
            self._idle.put(worker)


class _Answer(NamedTuple):
    """A worker process's answer to a task."""

    succeeded: bool
    result: Any  # the exception if the function failed
    unsaved_reason: str | None  # why compiled code could not be saved


class _Worker:
    """One process, which starts when it gets its first task."""

    def __init__(
        self, function: Callable[[Any], Any], prepare: Callable[[], Any] | None, timeout: float | None
    ) -> None:
        self._function, self._prepare, self._timeout = function, prepare, timeout
        self.drop_process()

    def drop_process(self) -> None:
        """Forget the process without ending it."""
        self.busy = threading.Lock()
        self._process: Any = None
        self._connection: Any = None

    def call(self, message: bytes, halt: threading.Event) -> _Answer:
        """Send a task to the process and return its answer.

        Args:
            message: The pickled task.
            halt: Set when the result is no longer needed; the thread that sets it ends the process.
        """
        with self.busy:
            try:
                if self._process is None:
                    self._start(halt)
                return self._exchange(message)
            except WorkerLost:
                self.reap()
                if halt.is_set():
                    raise _Cancelled from None
                raise

    def close_if_idle(self) -> bool:
        """Ask the process to end if it is idle, or kill it; True: it was idle, and the caller reaps and releases it."""
        process = self._process
        if not self.busy.acquire(blocking=False):
            if process is not None:
                process.kill()  # the thread that waits for it reaps it
            return False
        if process is not None:
            self._connection.close()
        return True

    def reap(self) -> None:
        """Wait for the process to end, or kill it."""
        if self._process is not None:
            self._connection.close()
            self._process.join(END_TIMEOUT)
            self._process.kill()
            self._process.join()
            self._process = self._connection = None

    def _start(self, halt: threading.Event) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads can hang
        self._connection, theirs = context.Pipe()
        arguments = (theirs, pickle.dumps(self._function), self._prepare)
        process = context.Process(target=_serve, args=arguments, name="worker")
        call_in_permanent_thread(process.start)
        self._process = process
        theirs.close()
        if halt.is_set():  # the thread that set it may have done so before the process existed
            process.kill()
        try:
            if not self._connection.poll(START_TIMEOUT):
                raise WorkerLost(f"did not start within {START_TIMEOUT:g} s")
            problem = self._connection.recv()
        except (EOFError, OSError):
            raise self._describe_loss(was_ready=False) from None
        if problem is not None:
            raise WorkerLost(problem, is_final=True)

    def _exchange(self, message: bytes) -> _Answer:
        process, too_long = self._process, threading.Event()

        def expire() -> None:
            too_long.set()
            process.kill()

        # A timer, since sending can block too: a stopped process does not empty its pipe.
        timer = threading.Timer(self._timeout, expire) if self._timeout is not None else None
        if timer is not None:
            timer.start()
        try:
            self._connection.send_bytes(message)
            return _Answer(*pickle.loads(self._connection.recv_bytes()))
        except (EOFError, OSError):
            if too_long.is_set():
                raise WorkerLost(f"took more than {self._timeout:g} s (timeout)") from None
            raise self._describe_loss(was_ready=True) from None
        finally:
            if timer is not None:
                timer.cancel()

    def _describe_loss(self, was_ready: bool) -> WorkerLost:
        self._process.join(END_TIMEOUT)  # the pipe closes a moment before the process ends
        return describe_end(self._process.exitcode, was_ready)


def _end_all(workers: Sequence[_Worker]) -> None:
    idle = [worker for worker in workers if worker.close_if_idle()]
    for worker in idle:
        worker.reap()
        worker.busy.release()


def _serve(connection: Any, function: bytes, prepare: Callable[[], Any] | None) -> None:
    """Run a worker process: call the function with one task after the other."""
    end_with_parent()
    gc.freeze()  # Python never searches the objects of our modules for garbage, which takes long at the end
    disk_cache.defer_warning()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted parent ends its workers
    try:
        work = pickle.loads(function)
    except Exception as error:
        reason = summarise_error(error)
        connection.send(
            f"cannot import its function ({reason}): define that at the top of a module or a script"
        )
        return
    if prepare is not None:
        prepare()
    connection.send(None)
    while True:
        try:
            task = connection.recv_bytes()
        except EOFError:
            return
        try:
            result = work(pickle.loads(task))
            answer = pickle.dumps((True, result, disk_cache.deferred_reason()))
        except BaseException as error:
            answer = pickle.dumps((False, sendable_error(error), disk_cache.deferred_reason()))
        connection.send_bytes(answer)


def sendable_error(error: BaseException) -> BaseException:
    """Return an exception with its traceback as a note; a RuntimeError with its message if it cannot be pickled."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(summarise_error(error))
    error.add_note(trace)
    return error
