"""Define reporters, which write the progress of a run to a terminal or to files.

When a run is resumed, its files are cut back to the generation of its checkpoint. In the end, they are the same as if
it had never stopped.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.evolution.history import GENERATION, History
from neat.support.files import CsvFile, Lock, name_in_errors, resolve_path, write_atomically

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

from neat.evolution.result import Result
from neat.population import Population

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


class Terminal(Reporter):
    """Shows progress and, at the end, the species: a bar on a terminal, about ten lines elsewhere.

    Args:
        verbose: Also show the species after each tenth of the run.
        species: Show the species at the end.
        console: The output; None for standard output.
    """

    def __init__(self, verbose: bool = False, species: bool = True, console: Console | None = None) -> None:
        self._verbose = verbose
        self._species = species
        self._console = console
        self._progress: Progress | None = None

    def start(self, population: Population, generations: int) -> None:
        """Show the progress bar."""
        from rich.console import Console

        self._console = self._console or Console(highlight=False, soft_wrap=True)
        self._generations = generations
        self._every = max(1, generations // 10)
        self._evaluations = int(population.history.last["evaluations"]) if len(population.history) else 0
        self._started = time.perf_counter()
        if self._console.is_terminal:
            self._progress = _make_bar(self._console)
            self._task = self._progress.add_task("", total=generations, completed=population.generation)
            self._progress.start()

    def generation(self, population: Population, timings: Mapping[str, float]) -> None:
        """Show the progress of the run."""
        row = population.history.last
        text = self._describe(row)
        done = int(row["generation"]) + 1
        milestone = done % self._every == 0
        assert self._console is not None
        if self._progress is not None:
            self._progress.update(self._task, completed=done, description=text)
        elif milestone or done == 1:
            self._console.print(
                f"generation {done:>{len(str(self._generations))}}/{self._generations}  {text}"
            )
        if self._verbose and milestone:
            self._console.print(species_table(population.history))

    def finish(self, population: Population, result: Result) -> None:
        """Show the species and the result."""
        self.close()
        assert self._console is not None
        if self._species and len(population.history):
            self._console.print(species_table(population.history))
        ending = {"target": "solved", "generations": "ended"}.get(
            result.stopped_by, f"ended by {result.stopped_by}"
        )
        self._console.print(
            f"{ending} after {result.generations} generations and {result.evaluations:,} evaluations, "
            f"best fitness {result.champion_fitness:.6g}"
        )

    def close(self) -> None:
        """Remove the progress bar."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _describe(self, row: np.void) -> str:
        elapsed = max(time.perf_counter() - self._started, 1e-9)
        rate = (int(row["evaluations"]) - self._evaluations) / elapsed
        return (
            f"best {row['best']:.4g}  mean {row['mean']:.4g}  {row['species']} species  "
            f"{_abbreviate(rate)} evaluations/s"
        )


def _make_bar(console: Console) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        MofNCompleteColumn(),
        BarColumn(bar_width=10),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.description}"),
        console=console,
        refresh_per_second=8,
    )


def _abbreviate(value: float) -> str:
    """Format a number with three digits and a unit, such as 12.3k."""
    power = min(int(np.log10(max(value, 1.0) * 1.0005)) // 3, 3)
    return f"{value / 1000**power:.3g}{('', 'k', 'M', 'G')[power]}"


def species_table(history: History, most: int = 12) -> Table:
    """Return a rich table of the last generation's species, the largest first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    rows = history.last_species
    rows = rows[np.lexsort((rows["id"], -rows["size"]))]
    rest = f"; {len(rows) - most} smaller ones not shown" if len(rows) > most else ""
    table = Table(box=SIMPLE_HEAD, caption=f"species in generation {history.last['generation']}{rest}")
    columns = ("id", "size", "age", "best", "mean", "stagnation")
    for name in columns:
        table.add_column(name, justify="right")
    for row in rows[list(columns)][:most].tolist():
        table.add_row(*(f"{value:.6g}" if isinstance(value, float) else str(value) for value in row))
    return table


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

    def finish(self, population: Population, result: Result) -> None:
        """Close the files."""
        self.close()

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
    recorded. The file grows by 16 bytes per genome and generation. It is locked during the run, but can be read.

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
        done = len(population.history)
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

    def finish(self, population: Population, result: Result) -> None:
        """Unlock the file."""
        self.close()

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
        try:
            import tensorboardX
        except ImportError:
            raise ImportError(
                "TensorBoard needs tensorboardX: pip install 'batchneat[tensorboard]'"
            ) from None
        self._writer: Any = None
        self._open = lambda step: tensorboardX.SummaryWriter(str(folder), purge_step=step)

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

    def finish(self, population: Population, result: Result) -> None:
        """Close the log."""
        self.close()

    def close(self) -> None:
        """Close the log."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
