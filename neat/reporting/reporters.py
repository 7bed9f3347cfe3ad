"""Define reporters, which write a run to files.

When a run is resumed, its files are cut back to the generation of its checkpoint. In the end, they are the same as if
it had never stopped.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neat.evolution.history import GENERATION
from neat.evolution.result import Result
from neat.population import Population
from neat.support.files import CsvFile, Lock, name_in_errors, resolve_path, write_atomically
from neat.support.tensorboard import log_opener

_TIMED = ("evaluate", "reproduce")


class Reporter:
    """Base class: a run calls these methods, which do nothing until a subclass overrides them."""

    def start(self, population: Population, generations: int) -> None:
        """Handle the start of a run, or of a resumed one, that ends after generation number `generations`."""

    def generation(self, population: Population, timings: Mapping[str, float]) -> None:
        """Handle a finished generation: `population.history.last` is its row, `timings` has seconds by activity."""

    def finish(self, population: Population, result: Result) -> None:
        """Handle the result after the last generation."""

    def close(self) -> None:
        """Release resources when the run ends, also by an exception, and even if `start` was not called."""


class Metrics(Reporter):
    """Writes metrics.csv and timings.csv, a row per generation, and species.csv, a row per species and generation.

    Timings are in seconds. The same run writes the same bytes to the other two files, resumed or not. The files are
    locked during the run.

    Args:
        folder: An existing folder to write in.

    Raises:
        LockedError: Another process is writing the files; raised at the start of a run.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = resolve_path(folder, "folder")
        self._files: list[CsvFile] = []

    def start(self, population: Population, generations: int) -> None:
        """Write the rows of earlier generations."""
        self.close()
        for name, rows in (
            ("metrics", population.history.generations),
            ("species", population.history.species),
        ):
            self._open(name, rows.dtype.names or (), rows.tolist())
        self._open("timings", ("generation", *_TIMED), self._read_timings(population.generation))

    def generation(self, population: Population, timings: Mapping[str, float]) -> None:
        """Append the generation's rows."""
        row, species = population.history.last, population.history.last_species
        seconds = [f"{timings.get(name, 0.0):.6f}" for name in _TIMED]
        rows = ([row.item()], species.tolist(), [[int(row["generation"]), *seconds]])
        for file, added in zip(self._files, rows, strict=True):
            file.append(added)

    def close(self) -> None:
        """Close and unlock the files."""
        for file in self._files:
            file.close()
        self._files.clear()

    def _open(self, name: str, header: Iterable[str], rows: Iterable[Any]) -> None:
        self._files.append(CsvFile(self._folder / f"{name}.csv", [header, *rows]))

    def _read_timings(self, generation: int) -> list[list[str]]:
        """Return the rows of earlier generations from the file of an earlier start."""
        path = self._folder / "timings.csv"
        if generation == 0 or not path.is_file():  # reading a pipe could block forever
            return []
        rows = [line.split(",") for line in path.read_text("utf-8", "replace").splitlines()]
        kept = [row for row in rows if len(row) == 1 + len(_TIMED) and re.fullmatch("[0-9]{1,18}", row[0])]
        return [row for row in kept if int(row[0]) < generation]


class Lineage(Reporter):
    """Writes lineage.npy, the parents of all genomes: an int64 array of shape (generations, genomes, 2).

    Row g holds, for each genome of generation g, the indices of its parents in generation g - 1, or -1 for none or not
    recorded, such as in generations that `Population.resume_at` skipped. The file grows by 16 bytes per genome and
    generation. It is locked during the run, but can be read.

    Args:
        folder: An existing folder to write in.

    Raises:
        LockedError: Another process is writing the file; raised at the start of a run.
    """

    def __init__(self, folder: str | Path) -> None:
        self._path = resolve_path(folder, "folder") / "lineage.npy"
        self._lock: Lock | None = None

    def start(self, population: Population, generations: int) -> None:
        """Cut back the file of an earlier start, or create the file."""
        self.close()
        self._lock = Lock(self._path)
        done = population.generation
        self._shape = population.parents.shape
        kept = min(_count_lineage_rows(self._path, self._shape), done)
        if kept:
            with name_in_errors(self._path), self._path.open("r+b") as file:
                file.write(self._header(kept))
                file.truncate(file.tell() + kept * population.parents.nbytes)
        else:
            write_atomically(self._path, self._header(0))
        for missing in range(kept, done):
            self._append(np.full(self._shape, -1, np.int64), missing)
        self._current = population.parents

    def generation(self, population: Population, timings: Mapping[str, float]) -> None:
        """Append the parents of the finished generation."""
        self._append(self._current, int(population.history.last["generation"]))
        self._current = population.parents

    def close(self) -> None:
        """Unlock the file."""
        if self._lock is not None:
            self._lock.release()

    def _append(self, parents: np.ndarray, count: int) -> None:
        # Write rows before the header that counts them: after a kill between the two, the file is still readable.
        with name_in_errors(self._path), self._path.open("r+b") as file:
            file.seek(0, 2)
            file.write(np.ascontiguousarray(parents, np.int64).data)
            file.seek(0)
            file.write(self._header(count + 1))

    def _header(self, count: int) -> bytes:
        # NumPy pads headers so that the first axis can grow in place.
        content = io.BytesIO()
        header = {"descr": "<i8", "fortran_order": False, "shape": (count, *self._shape)}
        np.lib.format.write_array_header_1_0(content, header)
        return content.getvalue()


def _count_lineage_rows(path: Path, shape: tuple[int, ...]) -> int:
    """Return the number of generations in a lineage of this shape; 0 for any other file."""
    if not path.is_file():  # reading a pipe could block forever
        return 0
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return 0
    return len(array) if array.dtype == np.int64 and array.shape[1:] == shape else 0


class TensorBoard(Reporter):
    """Writes the columns of metrics.csv and timings in seconds as scalars for TensorBoard.

    Args:
        folder: The folder of the log.

    Raises:
        ImportError: tensorboardX is not installed; it comes with `batchneat[tensorboard]`.
    """

    def __init__(self, folder: str | Path) -> None:
        self._writer: Any = None
        self._open = log_opener(folder)

    def start(self, population: Population, generations: int) -> None:
        """Open the log."""
        self.close()
        self._writer = self._open(population.generation)

    def generation(self, population: Population, timings: Mapping[str, float]) -> None:
        """Write the generation's scalars."""
        row = population.history.last
        step = int(row["generation"])
        for name in GENERATION.fields or ():
            self._writer.add_scalar(f"population/{name}", float(row[name]), step)
        for name, seconds in timings.items():
            self._writer.add_scalar(f"seconds/{name}", seconds, step)

    def close(self) -> None:
        """Close the log."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
