"""A run's folder: where it lies, what describes the run, what is left at its end."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import math
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neat import Genome
    from neat.config import Config

CHECKPOINT = "checkpoint.npz"
CONFIG = "config.toml"
RUN = "run.json"
_LEFT_BY_RUNS = (
    *(
        CHECKPOINT,
        RUN,
        "result.json",
        "lineage.npy",
        "metrics.csv",
        "species.csv",
        "timings.csv",
        "summary.*",
    ),
    *("config*.toml", "champion*.json", "champion*.svg", "runs*.svg", "fitness.svg", "species.svg"),
    *("behaviour*.svg", "behaviour*.gif", "curves.csv", "compare.svg"),
)


def create(experiment: str, output: Path | None, overwrite: bool) -> Path:
    """The folder to write: `output`, or runs/<experiment>, or the next of that name that is free.

    Raises:
        ValueError: `output` exists, something is in it, and it is not to be overwritten.
    """
    if output is None:
        number = 1
        while True:
            folder = Path("runs") / (experiment if number == 1 else f"{experiment}-{number}")
            try:
                folder.mkdir(parents=True)
                return folder
            except FileExistsError:
                number += 1
    if output.exists() and not output.is_dir():
        raise ValueError(f"output: must be a folder, got the file {output}")
    if output.exists() and any(output.iterdir()):
        if not overwrite:
            raise ValueError(f"output: {output} is not empty; --overwrite writes into it all the same")
        for pattern in _LEFT_BY_RUNS:  # or an earlier run's checkpoint would be taken for this one's
            for file in output.glob(pattern):
                file.unlink()
    output.mkdir(parents=True, exist_ok=True)
    return output


def describe(folder: Path, config: Config, content: dict[str, Any], command: Sequence[str]) -> None:
    """Write config.toml, and run.json with `content`, the command line, the versions and the platform."""
    (folder / CONFIG).write_text(config.to_toml(), "utf-8")
    write_json(folder / RUN, {**content, **started(command)})


def started(command: Sequence[str]) -> dict[str, Any]:
    """What run.json says of the first start."""
    return {"starts": [_start(command)]}


def describe_resumed(folder: Path, generations: int, command: Sequence[str]) -> None:
    """Add another start to run.json."""
    content = read_description(folder)
    content["options"]["generations"] = generations
    content["starts"].append(_start(command))
    write_json(folder / RUN, content)


def read_description(folder: Path) -> dict[str, Any]:
    """What run.json holds.

    Raises:
        ValueError: It is missing or damaged.
    """
    path = folder / RUN
    if not folder.is_dir():
        raise ValueError(f"resume: there is no folder {folder}")
    try:
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("expected an object")
        missing = {"experiment", "arguments", "options", "starts"} - content.keys()
    except OSError as error:
        raise ValueError(f"resume: {path}: cannot be read: {error.strerror}") from None
    except (ValueError, AttributeError) as error:
        raise ValueError(f"resume: {path}: no description of a run: {error}") from None
    if missing:
        raise ValueError(f"resume: {path}: no description of a run: {min(missing)} is missing")
    return content


def write_json(path: Path, content: Any) -> None:
    """Write `content`; numbers that JSON has no word for become null."""
    text = json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", "utf-8")


def write_champion(folder: Path, champion: Genome, suffix: str = "") -> None:
    """champion.json, which `Genome.from_dict` reads, and champion.svg."""
    from neat import plot

    write_json(folder / f"champion{suffix}.json", champion.to_dict())
    plot.topology(champion, folder / f"champion{suffix}.svg")


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, Path):
        return str(content)
    return None if isinstance(content, float) and not math.isfinite(content) else content


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
