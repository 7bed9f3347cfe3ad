"""Processes that end with the process that started them."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

_PR_SET_PDEATHSIG = 1  # of Linux's prctl

# Idle threads of `call_in_permanent_thread`, by process: a fork has none of its parent's threads.
_idle_starters: dict[int, list[queue.SimpleQueue[Any]]] = {}


def call_in_permanent_thread(function: Callable[[], Any]) -> Any:
    """Return the result of `function`, called in a thread that lives as long as this process.

    Start worker processes in it: Linux kills a process that has called `end_with_parent` when the thread that started
    it ends. The main thread calls the function itself; a daemon thread does so for any other thread. An exception of
    the function passes through.
    """
    if threading.current_thread() is threading.main_thread():
        return function()
    idle = _idle_starters.setdefault(os.getpid(), [])
    try:
        requests = idle.pop()
    except IndexError:
        requests = queue.SimpleQueue()
        threading.Thread(
            target=_serve_requests, args=(requests,), name="process starter", daemon=True
        ).start()
    future: Future[Any] = Future()
    requests.put((future, function))
    try:
        return future.result()
    finally:
        idle.append(requests)


def _serve_requests(requests: queue.SimpleQueue[Any]) -> None:
    while True:
        # A separate function, so that no local variable keeps the request alive.
        _run_request(*requests.get())


def _run_request(future: Future[Any], function: Callable[[], Any]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:
        future.set_exception(error)


def end_with_parent() -> None:
    """Make this process end as soon as its parent process has ended, for whatever reason.

    On Linux this works even if this process is stopped or holds the GIL; the parent must have started it within
    `call_in_permanent_thread`, or from a thread that waits for it.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None and parent.pid is not None
    if sys.platform == "linux":
        # A sandbox may refuse the call; the thread below still works.
        with contextlib.suppress(OSError, AttributeError):
            arguments = map(ctypes.c_ulong, (signal.SIGKILL, 0, 0, 0))
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, *arguments)
        if os.getppid() != parent.pid:  # the parent ended before the call
            os._exit(1)

    def watch() -> None:
        # The sentinel alone fails if a fork of the parent keeps its pipe open; the id alone fails on Windows.
        while not multiprocessing.connection.wait([parent.sentinel], 1.0) and os.getppid() == parent.pid:
            pass
        os._exit(1)

    threading.Thread(target=watch, name="end_with_parent", daemon=True).start()
