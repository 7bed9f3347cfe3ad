"""A run's folder: where it lies, which files are a run's own, and that one process writes it at a time."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.runs.description import RUN
from neat.support.files import Lock, is_auxiliary, write_whole

if TYPE_CHECKING:
    from neat import Genome
    from neat.config.config import Config

CHECKPOINT = "checkpoint.npz"
CONFIG = "config.toml"
_OF_EVERY_RUN = {
    *(RUN, CONFIG, CHECKPOINT, "metrics.csv", "species.csv", "timings.csv", "result.json"),
    *("champion.json", "champion.svg", "fitness.svg", "species.svg"),
}
OF_A_COMPARISON = {RUN, "curves.csv", "summary.json", "compare.svg"}
"""Names of the files that `compare` writes."""


def of_a_run(pictures: Iterable[str], lineage: bool) -> set[str]:
    """Names of the files that a run may write; those of a TensorBoard log stay when another run takes the folder.

    Args:
        pictures: Names of those that its experiment may draw.
        lineage: Whether it keeps each genome's parents.
    """
    return _OF_EVERY_RUN | set(pictures) | ({"lineage.npy"} if lineage else set())


def of_a_study(pictures: Iterable[str], labels: Sequence[str]) -> set[str]:
    """Names of the files that a study may write.

    Args:
        pictures: Names of those that its experiment may draw.
        labels: Of its settings.
    """
    names = {RUN, CONFIG, "summary.csv", "summary.json"} | set(pictures)
    for label in labels:
        end = suffix(label, labels)
        names |= {f"config{end}.toml", f"runs{end}.svg", f"champion{end}.json", f"champion{end}.svg"}
        names |= {add_suffix(Path(picture), end).name for picture in pictures}
    return names


def suffix(label: str, labels: Sequence[str]) -> str:
    """What the names of a setting's files end in: nothing where a study has one setting, else its label."""
    slug = "".join(c if c.isalnum() else "-" for c in label).replace("--", "-")
    return f"-{slug}" if len(labels) > 1 else ""


def add_suffix(picture: Path, end: str) -> Path:
    """The path of a setting's picture, from that which its experiment draws."""
    return picture.with_stem(picture.stem + end)


@contextlib.contextmanager
def create(experiment: str, output: Path | None, overwrite: bool, names: set[str]) -> Iterator[Path]:
    """The folder to write, locked: `output`, or runs/<experiment>, or the next of that name that is free.

    Args:
        experiment: Names the folder.
        output: The folder to write, if it is given.
        overwrite: Delete what an earlier run has written there.
        names: Of the files that will be written.

    Raises:
        ValueError: `output` exists, something is in it, and it is not to be overwritten; or one of the files is there
            and is not an earlier run's.
        LockedError: Another process is writing it.
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
        _make_room(folder, overwrite, names)
        yield folder


@contextlib.contextmanager
def reopen(folder: Path) -> Iterator[Path]:
    """The folder of a run that goes on, locked.

    Raises:
        ValueError: There is no such folder.
        LockedError: Another process is writing it.
    """
    if not folder.is_dir():
        raise ValueError(f"resume: there is no folder {folder}")
    with Lock(folder / RUN):
        _check_idle(folder)
        yield folder


@contextlib.contextmanager
def described(folder: Path, content: dict[str, Any], names: set[str]) -> Iterator[None]:
    """Write run.json, with the files that work of this kind may write, and at the end with those that it has written.

    Only these are an earlier run's when another run takes the folder.

    Args:
        folder: The folder, locked.
        content: What run.json holds.
        names: Of the files that may be written.
    """
    write_json(folder / RUN, {**content, "written": sorted(names)})
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a full disk; the longer list stays
            write_json(
                folder / RUN, {**content, "written": sorted(n for n in names if (folder / n).exists())}
            )


def write_config(folder: Path, config: Config, end: str = "") -> None:
    """Write config.toml, which `Config.load` reads."""
    write_whole(folder / f"config{end}.toml", config.to_toml())


def write_json(path: Path, content: Any) -> None:
    """Write `content`; numbers that JSON has no word for become null."""
    text = json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False)
    # JSON can escape what no encoding has: bytes of a file's name that are not UTF-8.
    write_whole(path, (text + "\n").encode("utf-8", "backslashreplace"))


def write_champion(folder: Path, champion: Genome, end: str = "") -> None:
    """champion.json, which `Genome.from_dict` reads, and champion.svg."""
    from neat import plot

    write_json(folder / f"champion{end}.json", champion.to_dict())
    plot.topology(champion, folder / f"champion{end}.svg")


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
    """Raise LockedError where a run goes on in the folder although somebody has deleted the lock of its run.json."""
    with Lock(folder / CHECKPOINT):
        pass


def _make_room(folder: Path, overwrite: bool, names: set[str]) -> None:
    there = {path.name for path in folder.iterdir() if not is_auxiliary(path.name)}
    if there and not overwrite:
        raise ValueError(f"output: {folder} is not empty; --overwrite writes into it all the same")
    earlier = _written_before(folder)
    refuse_foreign("output", folder, names - earlier)
    for name in earlier & there - {RUN}:  # which is replaced, and says until then whose the other files are
        (folder / name).unlink()


def refuse_foreign(field: str, folder: Path, names: set[str]) -> None:
    """Raise ValueError where one of these files, which no earlier run has written, is in the folder."""
    foreign = sorted(name for name in names if (folder / name).exists())
    if foreign:
        raise ValueError(
            f"{field}: {folder / foreign[0]} is no earlier run's, and would be overwritten; move it away or choose "
            "another folder"
        )


def _written_before(folder: Path) -> set[str]:
    """Names of the files that the run in a folder has written; none if run.json does not tell of one."""
    try:
        content = json.loads((folder / RUN).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return set()
    if not isinstance(content, dict) or not {"experiment", "options", "starts"} <= content.keys():
        return set()
    written = content.get("written")
    return {name for name in written if isinstance(name, str)} if isinstance(written, list) else set()


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, Path):
        return str(content)
    return None if isinstance(content, float) and not math.isfinite(content) else content
