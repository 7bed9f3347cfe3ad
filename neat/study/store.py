"""Keep the runs of a study in a folder, so that it goes on after an interruption.

`journal.jsonl` gets a line for each run when it ends. The other files are made from it, in the order of the plan, so
that they do not depend on the order in which runs end.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from neat.study.plan import Plan
from neat.study.runs import Key, RunRecord
from neat.support.files import Lock, append_whole, name_in_errors, open_unbuffered, write_atomically
from neat.support.messages import quote
from neat.support.text_files import read_regular

JOURNAL, PLAN = "journal.jsonl", "plan.json"
FORMAT = 1


class Store:
    """The folder of a study, locked while it is open.

    Args:
        folder: The folder, made if it does not exist.
        plan: The plan of the study.

    Raises:
        ValueError: The folder holds another study, or files of something else, or its journal is damaged.
        LockedError: Another process is writing to the folder.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"folder: must be a folder, got the file {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._path = folder / JOURNAL
        self._places: dict[Key, tuple[int, int]] = {}
        with contextlib.ExitStack() as stack:
            stack.callback(Lock(folder / PLAN).release)
            self._write_plan(plan)
            self._journal = stack.enter_context(open_unbuffered(self._path, "a"))
            self._read_journal()
            self._held = stack.pop_all()

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def add(self, record: RunRecord) -> None:
        """Append a run to the journal.

        Raises:
            OSError: The disk is full, for example; the journal is then as before.
        """
        line = (json.dumps(record._asdict(), separators=(",", ":"), ensure_ascii=False) + "\n").encode()
        with name_in_errors(self._path):
            start = append_whole(self._journal, line)
        self._places[record.key] = start, len(line)

    def records(self, keys: Iterable[Key]) -> Iterator[RunRecord]:
        """Yield those of the runs with these keys that are there, in the order of the keys."""
        with self._path.open("rb") as journal:
            for key in keys:
                if key in self._places:
                    start, length = self._places[key]
                    journal.seek(start)
                    yield RunRecord(**json.loads(journal.read(length)))

    def write_tables(self, keys: list[Key]) -> None:
        """Write runs.csv, times.csv, curves.csv.gz and champions.jsonl.gz from the runs with these keys."""
        names = list(dict.fromkeys(name for record in self.records(keys) for name in record.row))
        columns = list(dict.fromkeys(name for record in self.records(keys) for name in record.curves))
        runs, times, curves, champions = (io.StringIO() for _ in range(4))
        write_run, write_time, write_generation = (
            csv.writer(file, lineterminator="\n").writerow for file in (runs, times, curves)
        )
        write_run([*Key._fields, *names])
        write_time([*Key._fields, "seconds"])
        write_generation([*Key._fields, "generation", *columns])
        for record in self.records(keys):
            write_run([*record.key, *(_cell(record.row.get(name)) for name in names)])
            write_time([*record.key, f"{record.seconds:.3f}"])
            for generation in range(len(record.curves["mean"])):
                values = (
                    record.curves[name][generation] if name in record.curves else None for name in columns
                )
                write_generation([*record.key, generation, *map(_cell, values)])
            named = {**record.key._asdict(), "genome": record.champion}
            champions.write(json.dumps(named, separators=(",", ":"), ensure_ascii=False) + "\n")
        write_atomically(self.folder / "times.csv", times.getvalue())
        write_atomically(self.folder / "curves.csv.gz", _compress(curves.getvalue()))
        write_atomically(self.folder / "champions.jsonl.gz", _compress(champions.getvalue()))
        write_atomically(self.folder / "runs.csv", runs.getvalue())

    def close(self) -> None:
        """Close the journal and release the lock."""
        self._held.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_plan(self, plan: Plan) -> None:
        """Write plan.json, or check that the folder's has the same arms and tasks, or fewer."""
        content = describe(plan)
        path = self.folder / PLAN
        if path.exists():
            _check_same(path, content)
        elif any(not name.startswith(".") for name in os.listdir(self.folder)):
            raise ValueError(f"folder: {self.folder} is not empty and holds no study")
        write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def _read_journal(self) -> None:
        """Find the place of each run, and cut off a last line that was not written to its end."""
        place = 0
        with self._path.open("rb") as journal:
            for number, line in enumerate(journal, 1):
                if not line.endswith(b"\n"):
                    self._journal.truncate(place)
                    break
                try:
                    record = RunRecord(**json.loads(line))
                    self._places[Key(str(record.task), str(record.arm), int(record.seed))] = place, len(line)
                except (ValueError, TypeError) as error:
                    raise ValueError(f"{self._path}: line {number} is damaged: {error}") from None
                place += len(line)


def describe(plan: Plan) -> dict[str, Any]:
    """Return the content of plan.json.

    Raises:
        ValueError: A setting cannot be written as JSON.
    """
    content = {
        "format": FORMAT,
        "arms": plan.arms,
        "tasks": {name: task.describe() for name, task in plan.tasks.items()},
        "recorder": None
        if plan.recorder is None
        else getattr(plan.recorder, "__qualname__", repr(plan.recorder)),
        "seeds": plan.seeds,
        "pairs": plan.pairs,
        "margins": {name: task.margin for name, task in plan.tasks.items()},
    }
    try:
        return json.loads(json.dumps(content, allow_nan=False))  # lists for tuples, as in the file
    except (TypeError, ValueError) as error:
        raise ValueError(f"arms, tasks: must hold only what JSON can hold: {error}") from None


def _check_same(path: Path, content: dict[str, Any]) -> None:
    """Raise ValueError if the study in the folder had other settings for an arm or a task, or more of them."""
    try:
        earlier = json.loads(read_regular(path))
        kept = {part: dict(earlier[part]) for part in ("arms", "tasks")}
        seeds, recorder = set(earlier["seeds"]), earlier["recorder"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: does not describe a study: {error}") from None
    if earlier.get("format") != FORMAT:
        raise ValueError(f"{path}: format: must be {FORMAT}, got {quote(earlier.get('format'))}")
    for part, entries in kept.items():
        for name, entry in entries.items():
            if name not in content[part]:
                raise ValueError(f"{part}: {path} has {name!r}, which is missing here; choose another folder")
            if content[part][name] != entry:
                changed = _first_difference(entry, content[part][name])
                raise ValueError(f"{part}.{name}: {path} has another {changed}; choose another folder")
    if recorder != content["recorder"]:
        raise ValueError(
            f"recorder: {path} has {recorder!r}, got {content['recorder']!r}; choose another folder"
        )
    if not seeds <= set(content["seeds"]):
        content["seeds"] = [*content["seeds"], *sorted(seeds - set(content["seeds"]))]


def _first_difference(old: Any, new: Any) -> str:
    """Return the path of the first entry that differs, with both values."""
    for name in {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else ():
        if old.get(name) != new.get(name):
            inner = old.get(name), new.get(name)
            if all(isinstance(each, dict) for each in inner):
                return f"{name}.{_first_difference(*inner)}"
            return f"{name}: {quote(inner[0])}, got {quote(inner[1])}"
    return f"value: {quote(old)}, got {quote(new)}"


def _cell(value: Any) -> Any:
    """Return a value as a cell of a table: 0 or 1 for a truth, nothing for what is unknown."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _compress(text: str) -> bytes:
    """Return text compressed by gzip, without a date."""
    return gzip.compress(text.encode(), mtime=0)
