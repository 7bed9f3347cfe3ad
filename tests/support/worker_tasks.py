"""Tasks for the worker processes of tests."""

import ctypes
import os
import signal
import time
from pathlib import Path

from neat.kernels import disk_cache


def double(task):
    return 2 * task


def fail_to_save(task):
    """Report that a build cannot be saved, as a kernel does."""
    disk_cache._report("OSError: the disk is full")
    if task == "raises":
        raise ValueError("no such thing")
    return task


def process_id(task):
    return os.getpid()


def end_once(task):
    """Send a signal to this process if the task's file exists; the file is deleted first."""
    flag, sent, result = task
    if Path(flag).exists():
        Path(flag).unlink()
        os.kill(os.getpid(), sent)
    return result


def end_always(task):
    os.kill(os.getpid(), signal.SIGKILL)


def stop_always(task):
    os.kill(os.getpid(), signal.SIGSTOP)


class Stubborn(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, first, second):
        super().__init__(f"{first}\n{second}")


def fail(task):
    """Record the call in a file; then end the process or raise an exception."""
    calls, leaves = task
    with Path(calls).open("a") as file:
        file.write("called\n")
    if leaves:
        raise SystemExit(3)
    raise Stubborn("a line", "x" * 5000)


def unready():
    raise OSError("there is no such device")


def note_and_wait(network):
    """A fitness function that writes a file named after this process and never ends."""
    (Path(os.environ["NOTES"]) / str(os.getpid())).touch()
    time.sleep(10_000)


def note_and_stop(network):
    """A fitness function that writes a file named after this process and stops the process."""
    (Path(os.environ["NOTES"]) / str(os.getpid())).touch()
    os.kill(os.getpid(), signal.SIGSTOP)


def note_and_hold(network):
    """A fitness function that writes a file named after this process and keeps the GIL forever."""
    (Path(os.environ["NOTES"]) / str(os.getpid())).touch()
    ctypes.PyDLL(None).sleep(10_000)
