"""The file run.json, which describes a run: experiment, arguments, data files, and each start."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, StringConstraints, create_model

from experiments.cli.flags import typed_fields
from experiments.cli.program_name import program_words
from experiments.tasks.experiment import Experiment, find_experiment
from neat.support.messages import quote
from neat.support.text_files import parse_json, read_regular
from neat.support.validation import Model

RUN = "run.json"
MOST_BYTES = 2**24
"""Largest allowed size of run.json and result.json; real ones have a few thousand bytes."""
FORMAT = 2
"""Format 1 lacks `format`, `written` and `digest`, and may lack `files`."""

_Digest = Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{64}$", to_lower=True)]

Class = TypeVar("Class")

Files = dict[str, dict[str, str | None]]
"""Path and digest of the files that define a task, by the field that names them."""


class _Strict(Model):
    """A model without type conversions, because JSON distinguishes numbers from strings."""

    model_config = ConfigDict(strict=True)


class Start(_Strict):
    """A start of a command."""

    command: str
    time: str
    versions: dict[str, str]
    platform: str


class _File(_Strict):
    path: str
    sha256: _Digest | None


class Description(_Strict):
    """The content of run.json."""

    format: int = 1
    experiment: str
    """Name of the experiment on the command line."""
    arguments: dict[str, Any]
    """Fields of the experiment, which define the task."""
    options: dict[str, Any]
    """Options of the command line that a resumed run keeps."""
    files: dict[str, _File] | None = None
    """Files that the arguments name, by field, at the start of the run; None in runs of old versions."""
    digest: _Digest | None = None
    """SHA-256 of `experiment`, `arguments` and `files`, which reveals edits; None in format 1."""
    settings: list[str] = []
    """Labels of a study's settings, which are the rows of its table; empty for a single run."""
    written: list[str] | None = None
    """Names of the files that the run has written or, until it ends, may write; None in format 1."""
    starts: list[Start]
    """Command, time and versions of the first start and of each resumption."""


def describe(
    name: str, experiment: Experiment, options: dict[str, Any], command: Sequence[str]
) -> dict[str, Any]:
    """Return the content of run.json for a new run. A study adds its settings.

    Call it before the experiment reads its files. Otherwise a file could change between reading and hashing.

    Raises:
        ValueError: A file cannot be read.
    """
    arguments = dataclasses.asdict(experiment.with_absolute_paths())
    return describe_task(name, arguments, file_digests(experiment), options, command)


def describe_task(
    name: str,
    arguments: dict[str, Any],
    files: Files,
    options: dict[str, Any],
    command: Sequence[str],
) -> dict[str, Any]:
    """Return the content of run.json for a new run with these arguments, and with paths and digests of these files."""
    task = _task_fields(name, arguments, files)
    return {"format": FORMAT, **task, "options": options, "starts": [start_entry(command)]}


def describe_resumed(
    description: Description,
    experiment: Experiment,
    files: Files,
    options: dict[str, Any],
    command: Sequence[str],
) -> dict[str, Any]:
    """Return the content of run.json for a resumed run.

    Args:
        description: Content of run.json so far.
        experiment: The run's experiment, with absolute paths.
        files: Path and digest of its files, from `check_files`.
        options: The options that the resumed run may change.
        command: Arguments of the command line.
    """
    content = description.model_dump(exclude_unset=True)
    content["options"] |= options
    content["starts"].append(start_entry(command))
    task = _task_fields(description.experiment, dataclasses.asdict(experiment), files)
    return {**content, "format": FORMAT, **task}


def read(folder: Path, field: str = "resume") -> Description:
    """Read the description of the run in a folder; `field` begins the messages.

    Raises:
        ValueError: The file is missing or damaged, or has a wrong field. The message names the file and the field.
    """
    path = folder / RUN
    try:
        data = read_regular(path, MOST_BYTES)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None
    try:
        content = parse_json(data.decode())
        if not isinstance(content, dict):
            raise ValueError("expected an object")
        description = Description(**content)
        _check_format(description)
        return description
    except ValueError as error:
        raise ValueError(f"{field}: {path}: no description of a run: {error}") from None
    except RecursionError:
        raise ValueError(f"{field}: {path}: no description of a run: nested too deeply") from None


def build_instance(
    cls: type[Class],
    folder: Path,
    part: str,
    values: dict[str, Any],
    names: Collection[str] | None = None,
    field: str = "resume",
) -> Class:
    """Return an instance of the dataclass that a part of run.json describes. Missing fields have their defaults.

    Args:
        cls: The dataclass.
        folder: The run's folder.
        part: "arguments" or "options".
        values: Content of the part.
        names: Fields that the part may have; default: all.
        field: The beginning of messages.

    Raises:
        ValueError: A field is unknown, or its value has the wrong type or is not allowed.
    """
    known: dict[str, Any] = {
        name: (kind, default) for name, kind, default in typed_fields(cls) if names is None or name in names
    }
    model = create_model(cls.__name__, __base__=_Strict, **known)
    former = getattr(cls, "former_names", {})
    try:
        plain = {
            former.get(name, name): tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        for name, value in plain.items():
            if isinstance(value, str) and "\0" in value:
                raise ValueError(f"{name}: must hold no NUL, got {quote(value)}")
        return cls(**model(**plain).model_dump())
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{field}: {folder / RUN}: {part}.{error}") from None


def build_experiment(description: Description, folder: Path, field: str = "resume") -> Experiment:
    """Return the experiment of the run in a folder; `field` begins the messages.

    Fields that did not exist when the run began have their defaults, which keep its behaviour.

    Raises:
        ValueError: There is no such experiment, or an argument is unknown or not allowed.
    """
    cls = find_experiment(description.experiment)
    return build_instance(cls, folder, "arguments", description.arguments, field=field)


def check_files(
    description: Description, experiment: Experiment, folder: Path, field: str = "resume"
) -> Files:
    """Check that the files which the experiment names have not changed since the run began.

    Call it before the experiment reads them. `field` begins the messages about the description.

    Returns:
        Current path and digest of each file, by field.

    Raises:
        ValueError: A file has changed or cannot be read, or the run's description was edited.
    """
    path, now = folder / RUN, file_digests(experiment)
    check_digest(description, folder, field)
    then = description.model_dump(include={"files"})["files"]
    if then is not None and then.keys() != now.keys():
        raise ValueError(f"{field}: {path}: files: must name {list(now)}, got {quote(list(then))}")
    for name, file in now.items():
        digest = None if then is None else then[name]["sha256"]
        if digest is None and (then is None or file["sha256"] is None):
            warnings.warn(
                f"{name}: {path} has no digest of {file['path']} from when the run began; its current content is used",
                stacklevel=2,
            )
        elif digest != file["sha256"]:
            raise ValueError(
                f"{name}: {file['path']} has changed since the run began: its SHA-256 is {file['sha256']}, "
                f"{path} has {digest}"
            )
    return now


def check_digest(description: Description, folder: Path, field: str = "resume") -> None:
    """Raise ValueError, which begins with `field`, if what defines the task was edited after the run wrote it."""
    kept = description.model_dump(include={"arguments", "files"})
    if description.digest not in (None, _digest_of_task(description.experiment, **kept)):
        raise ValueError(
            f"{field}: {folder / RUN}: digest: does not match experiment, arguments and files, which were edited after "
            "the run wrote them; a run keeps its task"
        )


def _check_format(description: Description) -> None:
    """Raise ValueError if the format is unknown or a field does not belong to it."""
    if description.format not in (1, FORMAT):
        raise ValueError(f"format: must be 1 or {FORMAT}, got {quote(description.format)}")
    for name in ("digest", "written", "files"):
        is_given = getattr(description, name) is not None
        if description.format == FORMAT and not is_given:
            raise ValueError(f"{name}: must be given")
        if description.format == 1 and is_given and name != "files":
            raise ValueError(f"format: must be {FORMAT} where {name} is given")


def _task_fields(name: str, arguments: dict[str, Any], files: Files) -> dict[str, Any]:
    """Return the fields of run.json that define the task, and their digest."""
    task: dict[str, Any] = {"experiment": name, "arguments": arguments, "files": files}
    return {**task, "digest": _digest_of_task(**task)}


def _digest_of_task(experiment: str, arguments: dict[str, Any], files: Any) -> str:
    """Return the SHA-256 of the task's JSON, which is the same before writing and after reading."""
    text = json.dumps([experiment, arguments, files], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digests(experiment: Experiment) -> Files:
    """Return path and digest of the files that define the task, by field."""
    return {
        field: {"path": str(path.absolute()), "sha256": _digest(path)}
        for field, path in experiment.files.items()
    }


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of a file or of a package's Python files; None for a pipe, which can be read only once."""
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


def read_versions() -> dict[str, str]:
    """Return the versions of batchneat, of Python and of the packages on which the results depend."""
    versions = {"python": platform.python_version()}
    for name in ("batchneat", "numpy", "numba", "pydantic", "matplotlib"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def start_entry(command: Sequence[str]) -> dict[str, Any]:
    """Return the entry of `starts` for this process: command, time, versions and machine."""
    return {
        "command": shlex.join([*program_words(), *command]),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": read_versions(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores",
    }
