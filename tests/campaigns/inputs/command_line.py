"""Command lines with absurd options."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from experiments.__main__ import _dispatch as dispatch
from experiments.__main__ import _in_one_line as in_one_line
from experiments.experiment import NAMES, named
from experiments.flags import Options
from neat import Config
from tests.campaigns.inputs.values import NUMBERS, WORDS

# What a long run can be asked for in earnest: absurd values of these are small ones or none at all.
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
_UNKNOWN = "no-such-option"
_SMALL = ("1", "2", "3", "0", "-1", "x", "", "1.5", "1e3", "nan", str(10**30), "1_0", "٣")


def attempt(draw: random.Random, folder: Path) -> Callable[[], None]:
    """Run an experiment, most often a small one, with some options that make no sense."""
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


def told(error: Exception) -> str:
    """What the command says of an error."""
    return in_one_line(str(error))


def call(command: list[str]) -> None:
    """Do what the command line says; a mistake is the exception that the command would tell in one line."""
    try:
        dispatch(command)
    except SystemExit as stop:
        assert not stop.code, f"ended with status {stop.code}"  # 0: help was asked for


def _flags(name: str) -> Iterator[str]:
    fields = (*dataclasses.fields(Options), *dataclasses.fields(named(name)))
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
