"""The child process of `fuzz`. It reads a try from each line, `kind number`, and answers with its verdict.

Each kind is a module of `tests.campaigns.inputs` with `attempt(draw, folder)`. It gives the input to the library and
returns a function that uses the accepted result. `attempt` may raise a refusal; the function may not raise anything.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import random
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.campaigns.refusals import flaw_of_refusal


def perform(kind: str, number: int) -> dict[str, str]:
    """Do a try and return its verdict, accepted, refused or error, with a message."""
    module = importlib.import_module(f"tests.campaigns.inputs.{kind}")
    draw = random.Random(number)
    with (
        tempfile.TemporaryDirectory() as outside,
        _working_in(Path(outside, "a", "b", "c")) as folder,
        _quiet(),
    ):
        try:
            use = module.attempt(draw, folder)
        except Exception as error:
            problem = flaw_of_refusal(error)
            if problem:
                return _failed(f"{problem}\n{_trace(error)}")
            return {"verdict": "refused", "message": str(error)}
        try:
            use()
        except Exception as error:
            return _failed(f"accepted, and then failed\n{_trace(error)}")
    return {"verdict": "accepted", "message": ""}


def _failed(message: str) -> dict[str, str]:
    return {"verdict": "error", "message": message}


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception(error))[-4000:]


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[Path]:
    before = Path.cwd()
    folder.mkdir(parents=True)
    os.chdir(folder)
    try:
        yield folder
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
    """Answer tries until the input ends."""
    answers = os.fdopen(os.dup(1), "w")  # output of the library or of C code must not mix with the answers
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    for line in sys.stdin:
        kind, _, number = line.strip().partition(" ")
        say({"verdict": "ready"} if kind == "ready" else perform(kind, int(number)))


if __name__ == "__main__":
    main()
