"""run.json: which experiment a run is of, its arguments and data, and when it was started."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
import sys
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, create_model

from experiments.experiment import Experiment
from experiments.flags import typed_fields
from neat.validation import Model

RUN = "run.json"

Class = TypeVar("Class")


class _Strict(Model):
    """JSON says what is a number and what is a text."""

    model_config = ConfigDict(strict=True)


class _Start(_Strict):
    command: str
    time: str
    versions: dict[str, str]
    platform: str


class _File(_Strict):
    path: str
    sha256: str | None


class Description(_Strict):
    """What run.json holds."""

    experiment: str
    """Its name."""
    arguments: dict[str, Any]
    """Its fields."""
    options: dict[str, Any]
    """Those of the command line that a resumed run keeps."""
    files: dict[str, _File] = {}
    """Files that the arguments name, by field, as they were when the run began."""
    settings: list[str] = []
    """The rows of a study's table."""
    written: list[str] | None = None
    """Names of the files that the run has written, or, while it goes on or after a kill, may have written."""
    starts: list[_Start]
    """When and how the run was started and resumed."""


def describe(
    name: str, experiment: Experiment, options: dict[str, Any], command: Sequence[str]
) -> dict[str, Any]:
    """What run.json says of a run that begins; a study adds its settings."""
    return {
        "experiment": name,
        "arguments": dataclasses.asdict(experiment.located()),
        "options": options,
        "files": _identify(experiment),
        **started(command),
    }


def started(command: Sequence[str]) -> dict[str, Any]:
    """What it says of the first start."""
    return {"starts": [_start(command)]}


def resumed(
    description: Description, experiment: Experiment, generations: int, command: Sequence[str]
) -> dict[str, Any]:
    """What it says once the run has been resumed, up to so many generations."""
    content = description.model_dump(exclude_unset=True)
    content["options"]["generations"] = generations
    content["starts"].append(_start(command))
    return {**content, "arguments": dataclasses.asdict(experiment), "files": _identify(experiment)}


def read(folder: Path) -> Description:
    """The description of the run in a folder.

    Raises:
        ValueError: It is missing, damaged, or not as a run writes it; the message names the file and the field.
    """
    path = folder / RUN
    try:
        content = json.loads(path.read_text("utf-8"), parse_constant=_refuse_constant)
        if not isinstance(content, dict):
            raise ValueError("expected an object")
        return Description(**content)
    except OSError as error:
        raise ValueError(f"resume: {path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"resume: {path}: no description of a run: {error}") from None
    except RecursionError:
        raise ValueError(f"resume: {path}: no description of a run: nested too deeply") from None


def instance(
    cls: type[Class], folder: Path, part: str, values: dict[str, Any], names: Collection[str] | None = None
) -> Class:
    """The dataclass that a part of run.json describes. What it does not hold has its default.

    Args:
        cls: The class.
        folder: The run's folder.
        part: "arguments" or "options".
        values: What the part holds.
        names: The fields that it may have; default: all.

    Raises:
        ValueError: A field is unknown, or its value is not of its type or not allowed.
    """
    known: dict[str, Any] = {
        name: (kind, default) for name, kind, default in typed_fields(cls) if names is None or name in names
    }
    model = create_model(cls.__name__, __base__=_Strict, **known)
    try:
        plain = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**model(**plain).model_dump())
    except (ValueError, OverflowError) as error:
        raise ValueError(f"resume: {folder / RUN}: {part}.{error}") from None


def check_files(description: Description, experiment: Experiment, folder: Path) -> None:
    """Compare the files that the experiment names with those with which the run began.

    Raises:
        ValueError: A file's content is another, or it cannot be read.
    """
    for field, now in _identify(experiment).items():
        then = description.files.get(field)
        if then is None or then.sha256 is None:
            warnings.warn(
                f"{field}: {folder / RUN} does not say what {now['path']} held when the run began; the run goes on "
                "with what it holds now",
                stacklevel=2,
            )
        elif then.sha256 != now["sha256"]:
            raise ValueError(
                f"{field}: {now['path']} has changed since the run began: its SHA-256 is {now['sha256']}, "
                f"{folder / RUN} has {then.sha256}"
            )


def _identify(experiment: Experiment) -> dict[str, dict[str, str | None]]:
    return {
        field: {"path": str(path.absolute()), "sha256": _digest(path)}
        for field, path in experiment.files.items()
    }


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; none of a pipe, which can be read only once."""
    if path.exists() and not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _start(command: Sequence[str]) -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for name in ("batchneat", "numpy", "numba", "pydantic", "matplotlib"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "command": shlex.join([Path(sys.executable).name, "-m", "experiments", *command]),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores",
    }
