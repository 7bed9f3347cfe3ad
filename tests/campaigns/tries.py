"""The child of `fuzz`: reads a try a line, `kind number`, and answers with what came of it.

Each kind is a module of `tests.campaigns.inputs` with `attempt(draw, folder)`, and `told(error)` where the library
says something else of an error than its text. `attempt` gives the input to the library and
returns a function that uses what was accepted. `attempt` may raise a refusal; the function may not raise anything.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import linecache
import os
import random
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / package}{os.sep}" for package in ("neat", "evaluators", "experiments"))
REFUSALS = (ValueError, TypeError, IndexError, OverflowError, ImportError, AttributeError, RuntimeError)
LONGEST = 2000  # characters of a message


def perform(kind: str, number: int) -> dict[str, str]:
    """A try and its verdict: accepted, refused, or error, with a message."""
    module = importlib.import_module(f"tests.campaigns.inputs.{kind}")
    draw = random.Random(number)
    with tempfile.TemporaryDirectory() as folder, _working_in(Path(folder)), _quiet():
        try:
            use = module.attempt(draw, Path(folder))
        except Exception as error:
            problem = flaw_of_refusal(error, getattr(module, "told", str)(error))
            if problem:
                return _failed(f"{problem}\n{_trace(error)}")
            return {"verdict": "refused", "message": str(error)}
        try:
            use()
        except Exception as error:
            return _failed(f"accepted, and then failed\n{_trace(error)}")
    return {"verdict": "accepted", "message": ""}


def flaw_of_refusal(error: Exception, message: str) -> str | None:
    """Why an exception with this message is no proper refusal; None if it is one."""
    if isinstance(error, OSError):  # the system's own, which names the file
        return None if error.filename or type(error) is not OSError else "a system error that names no file"
    if not isinstance(error, REFUSALS):
        return f"{type(error).__name__} is no refusal"
    if not message.strip() or "\n" in message or len(message) > LONGEST:
        return f"the message has {len(message)} characters and {message.count(chr(10)) + 1} lines"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(frame.filename, frame.lineno or 0).strip()
    if not frame.filename.startswith(OURS) or not line.startswith("raise"):
        return f"{type(error).__name__} was raised from inside"
    return None


def _failed(message: str) -> dict[str, str]:
    return {"verdict": "error", "message": message}


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception(error))[-4000:]


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def main() -> None:
    """Answer until the questions end."""
    answers = os.fdopen(os.dup(1), "w")  # what the library or C code prints must not mix with the answers
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    for line in sys.stdin:
        kind, _, number = line.strip().partition(" ")
        say({"verdict": "ready"} if kind == "ready" else perform(kind, int(number)))


if __name__ == "__main__":
    main()
