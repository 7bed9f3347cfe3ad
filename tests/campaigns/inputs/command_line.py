"""Command lines with absurd options."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from pydantic import BaseModel

from experiments import __main__ as command_line
from experiments.cli.flags import Options
from experiments.tasks.experiment import NAMES, find_experiment
from neat import Config
from tests.campaigns.inputs.values import NUMBERS, WORDS
from tests.campaigns.refusals import Refused

# Large values of these options are valid and take long, so their absurd values are small.
_AMOUNTS = {
    *(
        "generations",
        "population-size",
        "runs",
        "workers",
        "threads",
        "episodes",
        "slots",
        "samples",
        "bits",
        "time-limit",
    ),
    *(
        "learn-steps",
        "genome.hidden-layers",
        "checkpoint-every",
        "mutation.add-connection-tries",
        "steps",
        "trials",
        "env",
    ),
}
dispatch = command_line._dispatch
_UNKNOWN = "no-such-option"
_SMALL = ("1", "2", "3", "0", "-1", "x", "", "1.5", "1e3", "nan", str(10**30), "1_0", "٣")


def attempt(draw: random.Random, folder: Path) -> Callable[[], None]:
    """Run a small experiment with some absurd options."""
    (folder / "data.csv").write_text("a,b,kind\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n", "utf-8")
    name = draw.choice((*NAMES, "compare", draw.choice(WORDS)))
    if name == "compare":
        command = [name, "--share", "0.01", "--seeds", "1", "--task", draw.choice(("xor", "parity", "x", ""))]
    else:
        command = [name, "--generations", "1", "--population-size", "10", "--output", "run", "--quiet"]
    flags = list(_flags(name)) if name in NAMES else [_UNKNOWN]
    for flag in draw.sample(flags, min(len(flags), draw.choice((0, 1, 1, 2, 3)))):
        command += [f"--{flag}", *([] if draw.random() < 0.1 else [_word(draw, flag)])]
    if draw.random() < 0.1:
        command.insert(draw.randrange(len(command)), draw.choice(WORDS))
    call(command)
    return lambda: None


def call(command: list[str]) -> None:
    """Run a command line.

    Raises:
        Refused: The command ended with status 2 and one line, which is the message. The cause is the exception.
        AssertionError: It ended neither with success nor with a refusal.
    """
    caught: list[Exception] = []

    def recording(line: list[str]) -> None:
        try:
            dispatch(line)
        except Exception as error:
            caught.append(error)
            raise

    errors = io.StringIO()
    try:
        with mock.patch.object(command_line, "_dispatch", recording), contextlib.redirect_stderr(errors):
            status = command_line.main(command)
    except SystemExit as stop:
        status = stop.code or 0  # help was printed
    except Exception as error:
        raise AssertionError("the command ends with a traceback") from error
    assert status in (0, 2), f"the command ended with status {status}"
    if status:
        lines = [line for line in errors.getvalue().splitlines() if not line.startswith("warning: ")]
        assert len(lines) == 1 and lines[0].startswith("error: "), f"the command says {lines}"
        raise Refused(lines[0]) from caught[-1]


def _flags(name: str) -> Iterator[str]:
    fields = (*dataclasses.fields(Options), *dataclasses.fields(find_experiment(name)))
    yield from (field.name.replace("_", "-") for field in fields)
    yield from _settings(Config, "")
    yield _UNKNOWN


def _settings(model: Any, prefix: str) -> Iterator[str]:
    for name, info in model.model_fields.items():
        flag = prefix + name.replace("_", "-")
        kind: Any = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, f"{flag}.")
        else:
            yield flag


def _word(draw: random.Random, flag: str) -> str:
    if flag in _AMOUNTS:
        return draw.choice(_SMALL)
    if draw.random() < 0.4:
        return draw.choice(("0.5", "1", "2", "0.1", "tanh", "global", "pairing", "data.csv", "kind", "cpu"))
    return draw.choice((*WORDS, *map(str, NUMBERS), "run", "/dev/null", "cuda"))
