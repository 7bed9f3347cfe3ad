"""The folder of a run: its path, the names of its files, and the lock that lets one process write at a time."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.runs.description import MOST_BYTES, RUN
from neat.support.files import Lock, is_auxiliary, write_atomically
from neat.support.text_files import read_regular, shorten_path

if TYPE_CHECKING:
    from experiments.tasks.experiment import Experiment
    from neat import Genome
    from neat.config.config import Config

CHECKPOINT = "checkpoint.npz"
CONFIG = "config.toml"
CHAMPION = "champion.json"
MODEL = "model.json"
RESULT = "result.json"
REPORT = "report.html"
_GENERATOR = b'<meta name="generator" content="batchneat">'  # in the first lines of a report
_RUN_FILES = {
    *(RUN, CONFIG, CHECKPOINT, "metrics.csv", "species.csv", "timings.csv", RESULT),
    *(CHAMPION, "champion.svg", MODEL, "fitness.svg", "species.svg"),
}
_LINEAGE_FILES = {
    *("lineage.npy", "champions.csv", "champions.npz"),
    *("innovations.csv", "phylogeny.csv", "species_origins.csv"),
}
COMPARISON_FILES = {RUN, "plan.json", "curves.csv", "summary.json", "compare.svg"}
"""Names of the files that `compare` may write."""


def run_files(pictures: Iterable[str], lineage: bool) -> set[str]:
    """Return the names of the files that a run may write, except TensorBoard logs, which are never deleted.

    Args:
        pictures: Names of the pictures that its experiment may draw.
        lineage: Whether the run keeps its lineage.
    """
    return _RUN_FILES | set(pictures) | (_LINEAGE_FILES if lineage else set())


def study_files(pictures: Iterable[str], labels: Sequence[str]) -> set[str]:
    """Return the names of the files that a study may write.

    Args:
        pictures: Names of the pictures that its experiment may draw.
        labels: Labels of its settings.
    """
    names = {RUN, CONFIG, "summary.csv", "summary.json"} | set(pictures)
    for label in labels:
        end = setting_suffix(label, labels)
        names |= {f"config{end}.toml", f"runs{end}.svg", f"champion{end}.json", f"champion{end}.svg"}
        names.add(f"model{end}.json")
        names |= {add_suffix(Path(picture), end).name for picture in pictures}
    return names


def setting_suffix(label: str, labels: Sequence[str]) -> str:
    """Return the end of the names of a setting's files: empty if the study has one setting, else from its label."""
    slug = "".join(c if c.isalnum() else "-" for c in label).replace("--", "-")
    return f"-{slug}" if len(labels) > 1 else ""


def add_suffix(picture: Path, end: str) -> Path:
    """Return the path of a picture with a setting's suffix in its name."""
    return picture.with_stem(picture.stem + end)


@contextlib.contextmanager
def create(experiment: str, output: Path | None, overwrite: bool, names: set[str]) -> Iterator[Path]:
    """Create and lock an output folder: `output` or, by default, runs/<experiment>, with a number if that exists.

    Args:
        experiment: Name of the experiment.
        output: The folder to write.
        overwrite: Delete the files of an earlier run in the folder.
        names: Names of the files that will be written.

    Raises:
        ValueError: The folder is not empty and `overwrite` is false, or it holds a file of these names that no earlier
            run wrote.
        LockedError: Another process is writing to the folder.
    """
    if output is None:
        folder = _next_free(experiment)
    elif output.exists() and not output.is_dir():
        raise ValueError(f"output: must be a folder, got the file {output}")
    else:
        folder = output
        folder.mkdir(parents=True, exist_ok=True)
    with Lock(folder / RUN):
        _check_idle(folder)
        _delete_earlier_files(folder, overwrite, names)
        yield folder


@contextlib.contextmanager
def reopen(folder: Path) -> Iterator[Path]:
    """Lock the folder of a run to resume.

    Raises:
        ValueError: There is no such folder.
        LockedError: Another process is writing to the folder.
    """
    if not folder.is_dir():
        raise ValueError(f"resume: there is no folder {folder}")
    with Lock(folder / RUN):
        _check_idle(folder)
        yield folder


@contextlib.contextmanager
def write_description(folder: Path, content: dict[str, Any], names: set[str]) -> Iterator[None]:
    """Write run.json twice: first with the files that may be written, at the end with those that were written.

    A later run that overwrites the folder deletes these files and no others.

    Args:
        folder: The locked folder.
        content: Content of run.json.
        names: Names of the files that may be written.
    """
    write_json(folder / RUN, {**content, "written": sorted(names)})
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # if the disk is full, the longer list stays
            write_json(
                folder / RUN, {**content, "written": sorted(n for n in names if (folder / n).exists())}
            )


def find_file(folder: Path, name: str, command: str) -> Path:
    """Return the path of a JSON file in the folder of a run; a study has one for each setting instead.

    Raises:
        ValueError: There is none; the message begins with the command.
    """
    path = folder / name
    if not path.exists():
        others = sorted(file.name for file in folder.glob(f"{path.stem}*.json"))
        hint = f"; name one of its files: {', '.join(others)}" if others else ""
        raise ValueError(f"{command}: {shorten_path(folder)} has no {name}{hint}")
    return path


def write_config(folder: Path, config: Config, end: str = "") -> None:
    """Write config.toml, which `Config.load` reads."""
    write_atomically(folder / f"config{end}.toml", config.to_toml())


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON. NaN and infinities become null."""
    text = json.dumps(_replace_non_finite(content), indent=1, ensure_ascii=False, allow_nan=False)
    # Bytes of a file name that are not UTF-8 are surrogates, which cannot be encoded. JSON can escape them.
    write_atomically(path, (text + "\n").encode("utf-8", "backslashreplace"))


def write_champion(folder: Path, champion: Genome, experiment: Experiment, end: str = "") -> None:
    """Write champion.json, which `Genome.load` reads, and champion.svg, with the names of the experiment."""
    from neat import plot

    champion.save(folder / f"champion{end}.json")
    plot.topology(
        champion,
        folder / f"champion{end}.svg",
        input_names=experiment.input_names,
        output_names=experiment.output_names,
    )


def _next_free(experiment: str) -> Path:
    number = 1
    while True:
        folder = Path("runs") / (experiment if number == 1 else f"{experiment}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1


def _check_idle(folder: Path) -> None:
    """Raise LockedError if a run is writing to the folder, even if somebody deleted the lock of run.json."""
    with Lock(folder / CHECKPOINT):
        pass


def _delete_earlier_files(folder: Path, overwrite: bool, names: set[str]) -> None:
    there = {path.name for path in folder.iterdir() if not is_auxiliary(path.name)}
    if there and not overwrite:
        raise ValueError(f"output: {folder} is not empty; --overwrite writes into it anyway")
    earlier = _find_earlier_files(folder)
    refuse_foreign_files("output", folder, names - earlier)
    # run.json stays until it is replaced, because it lists the other files.
    for name in earlier & there - {RUN}:
        (folder / name).unlink()
    if REPORT in there and _is_report(folder / REPORT):
        (folder / REPORT).unlink()


def refuse_foreign_files(field: str, folder: Path, names: set[str]) -> None:
    """Raise ValueError if one of these files, which no earlier run wrote, is in the folder."""
    foreign = sorted(name for name in names if (folder / name).exists())
    if foreign:
        raise ValueError(
            f"{field}: {folder / foreign[0]} was not written by an earlier run and would be overwritten; "
            "move it away or choose another folder"
        )


def check_report(field: str, folder: Path) -> None:
    """Raise ValueError if the folder has a report.html that is not the report of a run."""
    path = folder / REPORT
    if path.exists() and not _is_report(path):
        raise ValueError(
            f"{field}: {path} is not the report of a run and would be overwritten; move it away or name another file "
            "with --output"
        )


def _is_report(path: Path) -> bool:
    if not path.is_file():  # reading a pipe could block forever
        return False
    with path.open("rb") as file:
        return _GENERATOR in file.read(500)


def _find_earlier_files(folder: Path) -> set[str]:
    """Return the names of the files that the run in a folder wrote; empty if run.json describes no run."""
    try:
        content = json.loads(read_regular(folder / RUN, MOST_BYTES).decode())
    except (ValueError, RecursionError):
        return set()
    if not isinstance(content, dict) or not {"experiment", "options", "starts"} <= content.keys():
        return set()
    written = content.get("written")
    return {name for name in written if isinstance(name, str)} if isinstance(written, list) else set()


def _replace_non_finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _replace_non_finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_replace_non_finite(value) for value in content]
    if isinstance(content, Path):
        return str(content)
    return None if isinstance(content, float) and not math.isfinite(content) else content
