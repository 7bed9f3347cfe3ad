"""Worker processes that end with the process that started them, and that are replaced when they die."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import multiprocessing
import multiprocessing.connection
import multiprocessing.util
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from evaluators.checks import concise
from neat.kernels import disk_cache

_log = logging.getLogger("evaluators")

RETRIES = 2  # times that work is done again after its worker process died or took too long
START_TIMEOUT = 300.0  # seconds that a worker process has to start, in which it imports what it needs
END_TIMEOUT = 5.0  # seconds that an idle worker process has to end by itself
_PR_SET_PDEATHSIG = 1  # of Linux's prctl


class WorkerLost(Exception):
    """A worker process died or took too long; the message goes on after "a worker process".

    Attributes:
        is_final: Whether trying again is of no use.
    """

    def __init__(self, reason: str, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class _Closed(Exception):
    """The work of a worker is no longer wanted."""


# Idle threads of `call_in_lasting_thread`, by process: a fork has none of its parent's threads.
_idle_starters: dict[int, list[queue.SimpleQueue[Any]]] = {}


def call_in_lasting_thread(function: Callable[[], Any]) -> Any:
    """The result of `function`, called in a thread that lives as long as this process.

    Start worker processes there: Linux kills a process that has called `end_with_parent` when the thread that started
    it ends. The main thread calls the function itself; a daemon thread does it for any other thread.

    Raises:
        BaseException: What `function` raised.
    """
    if threading.current_thread() is threading.main_thread():
        return function()
    idle = _idle_starters.setdefault(os.getpid(), [])
    try:
        requests = idle.pop()
    except IndexError:
        requests = queue.SimpleQueue()
        threading.Thread(
            target=_answer_requests, args=(requests,), name="process starter", daemon=True
        ).start()
    future: Future[Any] = Future()
    requests.put((future, function))
    try:
        return future.result()
    finally:
        idle.append(requests)


def _answer_requests(requests: queue.SimpleQueue[Any]) -> None:
    while True:
        _answer(*requests.get())  # a function of its own, so that no reference stays


def _answer(future: Future[Any], function: Callable[[], Any]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:
        future.set_exception(error)


def end_with_parent() -> None:
    """End this process as soon as the process that started it has ended, however that ended.

    On Linux this includes a process that is stopped or that holds the GIL. There it must have been started in
    `call_in_lasting_thread`, or by a thread that waits for it.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None and parent.pid is not None
    if sys.platform == "linux":
        with contextlib.suppress(
            OSError, AttributeError
        ):  # a sandbox may refuse it: then the thread below is left
            arguments = map(ctypes.c_ulong, (signal.SIGKILL, 0, 0, 0))
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, *arguments)
        if os.getppid() != parent.pid:  # it ended before
            os._exit(1)

    def watch() -> None:
        # Both, since a process that the parent forked keeps the sentinel's pipe open, and since on Windows the id of
        # the parent stays as it was.
        while not multiprocessing.connection.wait([parent.sentinel], 1.0) and os.getppid() == parent.pid:
            pass
        os._exit(1)

    threading.Thread(target=watch, name="end_with_parent", daemon=True).start()


def retry_lost_work(attempt: Callable[[], Any], work: str) -> Any:
    """The result of `attempt`, which is called again when it loses a worker process, `RETRIES` times at most.

    Args:
        attempt: Does the work. What it raises is passed on; a WorkerLost is the only reason to call it again.
        work: Names the work in the log and in the error.

    Raises:
        RuntimeError: A worker process was lost each time, or cannot start.
    """
    for lost in range(1, RETRIES + 2):
        try:
            return attempt()
        except WorkerLost as loss:
            if loss.is_final or lost > RETRIES:
                times = f", {lost} times in a row" if lost > 1 else ""
                raise RuntimeError(f"{work}: a worker process {loss}{times}") from None
            _log.warning(
                "%s: a worker process %s; its work is done again (%d of %d)", work, loss, lost, RETRIES
            )


def describe_end(status: int | None, was_ready: bool) -> WorkerLost:
    """Why a worker process ended.

    Args:
        status: As `multiprocessing.Process.exitcode`; None: it has closed its pipe, but has not ended.
        was_ready: Whether it had started.
    """
    if status is None:
        return WorkerLost("closed its connection")
    if status < 0:
        name = {each.value: each.name for each in signal.Signals}.get(-status, f"signal {-status}")
        memory = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return WorkerLost(f"was killed by {name}{memory}")
    if was_ready:
        return WorkerLost(f"ended with status {status} before its work was done")
    guard = (
        "; if the script ran again there, put its work under `if __name__ == '__main__':`"
        if can_import_main()
        else ""
    )
    return WorkerLost(f"ended with status {status} while it started, see its own error above{guard}", True)


def can_import_main() -> bool:
    """Whether worker processes can import what `__main__` defines; not in a notebook or an interactive session."""
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    return getattr(main, "__spec__", None) is not None or (path is not None and os.path.isfile(path))


class Workers:
    """Processes that share tasks: each calls a function with one task after the other.

    They start with the first tasks and end with `close`, with the `with` block, or with this process. A worker process
    that dies or takes too long is replaced, and its task done again, `RETRIES` times at most. Whatever has `map` and
    `close` can stand in for this class, for instance to spread tasks over machines.

    Args:
        function: Called with a task; must be importable by its name.
        count: Processes.
        timeout: Seconds that a task may take; None: any time.
        prepare: Called in each process when it has started.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        count: int,
        timeout: float | None = None,
        prepare: Callable[[], Any] | None = None,
    ) -> None:
        self._workers = [_Worker(function, prepare, timeout) for _ in range(count)]
        self._open()

    def map(self, tasks: Sequence[Any], names: Sequence[str]) -> Iterator[Any]:
        """The function's results in the order of the tasks; each comes as soon as it and those before it are there.

        Args:
            tasks: What the function is called with; they are sent by pickle.
            names: The tasks' names for error messages.

        Raises:
            RuntimeError: The worker process of a task was lost each time that it was tried, or none can start.
            Exception: What the function raised first, in the order of the tasks.
        """
        if os.getpid() != self._owner:  # a fork, to which neither the processes nor the locks belong
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
                for job in jobs:
                    succeeded, result, unsaved_reason = job.result()
                    if unsaved_reason is not None:
                        disk_cache.warn_once(unsaved_reason)
                    if not succeeded:
                        raise result
                    yield result
            except BaseException:
                halt.set()
                for job in jobs:
                    job.cancel()
                self.close()
                raise

    def close(self) -> None:
        """End the processes, those that are at work at once; `map` starts new ones."""
        if os.getpid() == self._owner:
            _end_all(self._workers)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> None:
        self._owner = os.getpid()
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        # Runs before multiprocessing waits for the processes at exit, and when nobody refers to this object.
        multiprocessing.util.Finalize(self, _end_all, (self._workers,), exitpriority=10)

    def _run_task(self, task: Any, name: str, halt: threading.Event) -> _Answer:
        """In a thread, which waits for one worker."""
        message = pickle.dumps(task)
        worker = self._idle.get()
        try:
            return retry_lost_work(lambda: worker.call(message, halt), name)
        finally:
            self._idle.put(worker)


class _Answer(NamedTuple):
    """A worker process's answer to a task; the result of a function that failed is its exception."""

    succeeded: bool
    result: Any
    unsaved_reason: str | None  # why compiled code could not be saved


class _Worker:
    """One process, which is started when there is work for it."""

    def __init__(
        self, function: Callable[[Any], Any], prepare: Callable[[], Any] | None, timeout: float | None
    ) -> None:
        self._function, self._prepare, self._timeout = function, prepare, timeout
        self.drop_process()

    def drop_process(self) -> None:
        """Have no process, without ending the one that there was."""
        self.busy = threading.Lock()
        self._process: Any = None
        self._connection: Any = None

    def call(self, message: bytes, halt: threading.Event) -> _Answer:
        """What the worker process answers to a task.

        Args:
            message: The task, pickled.
            halt: Once this is set, the result is no longer wanted; who sets it ends the process.
        """
        with self.busy:
            try:
                if self._process is None:
                    self._start(halt)
                return self._exchange(message)
            except WorkerLost:
                self.reap()
                if halt.is_set():
                    raise _Closed from None
                raise

    def close_if_idle(self) -> bool:
        """Ask the process to end if it is idle, or kill it; True: it was idle, and is to be reaped and released."""
        process = self._process
        if not self.busy.acquire(blocking=False):
            if process is not None:
                process.kill()  # the thread that waits for it does the rest
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
        call_in_lasting_thread(process.start)
        self._process = process
        theirs.close()
        if halt.is_set():  # whoever set it may not have seen the process
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

        # A timer, since a stopped process does not empty its pipe: sending can take for ever too.
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
        self._process.join(END_TIMEOUT)  # the pipe ends a moment before the process
        return describe_end(self._process.exitcode, was_ready)


def _end_all(workers: Sequence[_Worker]) -> None:
    idle = [worker for worker in workers if worker.close_if_idle()]
    for worker in idle:
        worker.reap()
        worker.busy.release()


def _serve(connection: Any, function: bytes, prepare: Callable[[], Any] | None) -> None:
    """In a worker process: call the function with one task after the other."""
    end_with_parent()
    disk_cache.defer_warning()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted parent ends its workers
    try:
        work = pickle.loads(function)
    except Exception as error:
        problem = f"cannot import what it shall call ({concise(error)}): define that at the top of a module or a script"
        connection.send(problem)
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
            answer = pickle.dumps((False, _sendable_error(error), disk_cache.deferred_reason()))
        connection.send_bytes(answer)


def _sendable_error(error: BaseException) -> BaseException:
    """The exception with its traceback as a note, or one with the same message if it cannot be sent."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(concise(error))
    error.add_note(trace)
    return error
