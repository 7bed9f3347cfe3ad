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
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, StringConstraints, create_model

from experiments.cli.flags import typed_fields
from experiments.tasks.experiment import COMPARE, Experiment
from neat.support.messages import shown
from neat.support.validation import Model

RUN = "run.json"
FORMAT = 2
"""Format 1 has neither this number nor `written` and `digest`, and may lack `files`."""

_Digest = Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{64}$", to_lower=True)]

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
    sha256: _Digest | None


class Description(_Strict):
    """What run.json holds."""

    format: int = 1
    experiment: str
    """Name of the experiment, as on the command line."""
    arguments: dict[str, Any]
    """The experiment's fields, which make the task."""
    options: dict[str, Any]
    """Options of the command line that a resumed run keeps."""
    files: dict[str, _File] | None = None
    """Files that the arguments name, by field, as they were when the run began; None in runs of old versions."""
    digest: _Digest | None = None
    """SHA-256 of `experiment`, `arguments` and `files`, by which an edit is noticed; None in format 1."""
    settings: list[str] = []
    """Labels of a study's settings, the rows of its table; empty for a single run."""
    written: list[str] | None = None
    """Names of the files that the run has written, or, until it ends, may write; None in format 1."""
    starts: list[_Start]
    """Command, time and versions of the first start, and of each time that the run was resumed."""


def describe(
    name: str, experiment: Experiment, options: dict[str, Any], command: Sequence[str]
) -> dict[str, Any]:
    """The content of run.json for a run that begins; a study adds its settings.

    Call it before the experiment reads its files, or the digests could be of other content.

    Raises:
        ValueError: A file cannot be read.
    """
    task = _task(name, experiment.located(), _identify(experiment))
    return {"format": FORMAT, **task, "options": options, "starts": [start_entry(command)]}


def resumed(
    description: Description,
    experiment: Experiment,
    files: dict[str, dict[str, str | None]],
    generations: int,
    command: Sequence[str],
) -> dict[str, Any]:
    """The content of run.json for a run that goes on.

    Args:
        description: What run.json has held.
        experiment: The run's, with absolute paths.
        files: Path and digest of its files, from `check_files`.
        generations: In all, as the command line or the run has it.
        command: The arguments of the command line.
    """
    content = description.model_dump(exclude_unset=True)
    content["options"]["generations"] = generations
    content["starts"].append(start_entry(command))
    return {**content, "format": FORMAT, **_task(description.experiment, experiment, files)}


def read(folder: Path) -> Description:
    """The description of the run in a folder.

    Raises:
        ValueError: It is missing, damaged, of a comparison, or not as a run writes it; the message names the file and
            the field.
    """
    path = folder / RUN
    try:
        content = json.loads(path.read_text("utf-8"), parse_constant=_refuse_constant)
        if not isinstance(content, dict):
            raise ValueError("expected an object")
        if content.get("experiment") != COMPARE:
            description = Description(**content)
            _check_format(description)
            return description
    except OSError as error:
        raise ValueError(f"resume: {path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"resume: {path}: no description of a run: {error}") from None
    except RecursionError:
        raise ValueError(f"resume: {path}: no description of a run: nested too deeply") from None
    raise ValueError(f"resume: {folder} holds a comparison, which cannot go on")


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
        for name, value in plain.items():
            if isinstance(value, str) and "\0" in value:
                raise ValueError(f"{name}: must hold no NUL, got {shown(value)}")
        return cls(**model(**plain).model_dump())
    except (ValueError, OverflowError) as error:
        raise ValueError(f"resume: {folder / RUN}: {part}.{error}") from None


def check_files(
    description: Description, experiment: Experiment, folder: Path
) -> dict[str, dict[str, str | None]]:
    """Compare the files that the experiment names with those with which the run began.

    Call it before the experiment reads them.

    Returns:
        Path and digest of each file as it is now, by field.

    Raises:
        ValueError: A file's content is another, or it cannot be read; or the run's description was edited.
    """
    path, now = folder / RUN, _identify(experiment)
    kept = description.model_dump(include={"arguments", "files"})
    if description.digest not in (None, _digest_of_task(description.experiment, **kept)):
        raise ValueError(
            f"resume: {path}: digest: does not fit experiment, arguments and files, which have been edited since the "
            "run wrote them; a run keeps its task"
        )
    then = kept["files"]
    if then is not None and then.keys() != now.keys():
        raise ValueError(f"resume: {path}: files: must name {list(now)}, got {shown(list(then))}")
    for field, file in now.items():
        digest = None if then is None else then[field]["sha256"]
        if digest is None and (then is None or file["sha256"] is None):
            warnings.warn(
                f"{field}: {path} does not say what {file['path']} held when the run began; the run goes on with what "
                "it holds now",
                stacklevel=2,
            )
        elif digest != file["sha256"]:
            raise ValueError(
                f"{field}: {file['path']} has changed since the run began: its SHA-256 is {file['sha256']}, "
                f"{path} has {digest}"
            )
    return now


def _check_format(description: Description) -> None:
    """Raise ValueError where a description has no format that we know, or not the fields of its format."""
    if description.format not in (1, FORMAT):
        raise ValueError(f"format: must be 1 or {FORMAT}, got {shown(description.format)}")
    for name in ("digest", "written", "files"):
        is_given = getattr(description, name) is not None
        if description.format == FORMAT and not is_given:
            raise ValueError(f"{name}: must be given")
        if description.format == 1 and is_given and name != "files":
            raise ValueError(f"format: must be {FORMAT} where {name} is given")


def _task(name: str, experiment: Experiment, files: dict[str, dict[str, str | None]]) -> dict[str, Any]:
    """The fields of run.json that make the task, and their digest."""
    task: dict[str, Any] = {"experiment": name, "arguments": dataclasses.asdict(experiment), "files": files}
    return {**task, "digest": _digest_of_task(**task)}


def _digest_of_task(experiment: str, arguments: dict[str, Any], files: Any) -> str:
    """SHA-256 of their JSON, which is the same before they are written and after they are read."""
    text = json.dumps([experiment, arguments, files], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _identify(experiment: Experiment) -> dict[str, dict[str, str | None]]:
    """Path and digest of the files that make the task, by field."""
    return {
        field: {"path": str(path.absolute()), "sha256": _digest(path)}
        for field, path in experiment.files.items()
    }


def _digest(path: Path) -> str | None:
    """SHA-256 of a file, or of the Python files of a package; none of a pipe, which can be read only once."""
    try:
        if (path / "__init__.py").is_file():
            names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*.py") if file.is_file())
            return hashlib.sha256(
                json.dumps([(name, _digest(path / name)) for name in names]).encode()
            ).hexdigest()
        if path.exists() and not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def start_entry(command: Sequence[str]) -> dict[str, Any]:
    """The entry of `starts` for this process: its command, the time, the versions and the machine."""
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
