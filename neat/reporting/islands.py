"""Report the progress of islands side by side, to a terminal, a notebook or a file."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.evolution.history import GENERATION, History
from neat.evolution.islands_result import IslandsResult
from neat.support.files import CsvFile, resolve_path
from neat.support.messages import quote
from neat.support.progress_display import ProgressDisplay, show_number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_MOST_SHOWN = 8  # islands beside the bar


class IslandsReporter:
    """Base class: `Islands.run` calls these methods, which do nothing until a subclass overrides them."""

    def start(self, histories: list[History], generations: int) -> None:
        """Handle the start of a run, or of a resumed one, that ends after generation number `generations`."""

    def round(self, histories: list[History]) -> None:
        """Handle a finished round."""

    def finish(self, result: IslandsResult) -> None:
        """Handle the result after the last round."""

    def close(self) -> None:
        """Release resources when the run ends, also by an exception, and even if `start` was not called."""


class IslandsProgress(IslandsReporter):
    """Shows the progress of a run on islands and, at the end, all islands and the result.

    Beside the bar, it shows the best fitness so far of each island, or of the best eight if there are more.

    Args:
        console: The output; None for standard output, or the notebook.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._display: ProgressDisplay | None = None

    def start(self, histories: list[History], generations: int) -> None:
        """Open the display."""
        self.close()
        self._display = ProgressDisplay("generation", generations, len(histories[0]), self._console)

    def round(self, histories: list[History]) -> None:
        """Show the finished round."""
        assert self._display is not None
        self._display.update(len(histories[0]), functools.partial(_describe, histories))

    def finish(self, result: IslandsResult) -> None:
        """Show the islands and the result."""
        assert self._display is not None
        self._display.close()
        self._display.console.print(islands_table(result.histories))
        self._display.console.print(
            f"{'solved' if result.solved else 'ended'} after {result.generations} generations and "
            f"{result.evaluations:,} evaluations, best fitness {result.champion_fitness:.6g} on island {result.island}"
        )

    def close(self) -> None:
        """Release the terminal."""
        if self._display is not None:
            self._display.close()


class IslandsMetrics(IslandsReporter):
    """Writes islands.csv: in each generation, a row for each island, with the columns of a history.

    The same run writes the same bytes, resumed or not. The file is locked during the run.

    Args:
        folder: An existing folder to write in.

    Raises:
        LockedError: Another process is writing the file; raised at the start of a run.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = resolve_path(folder, "folder")
        self._file: CsvFile | None = None

    def start(self, histories: list[History], generations: int) -> None:
        """Write the rows of earlier generations."""
        self.close()
        header = ["island", *(GENERATION.names or ())]
        self._file = CsvFile(self._folder / "islands.csv", [header, *_rows(histories, 0)])
        self._done = len(histories[0])

    def round(self, histories: list[History]) -> None:
        """Append the rows of the round."""
        assert self._file is not None
        self._file.append(_rows(histories, self._done))
        self._done = len(histories[0])

    def close(self) -> None:
        """Close and unlock the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def islands_table(histories: Sequence[History]) -> Table:
    """Return a rich table of the last generation of each island."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    columns = ("best", "best_ever", "mean", "species", "hidden_nodes", "enabled_connections")
    table = Table(box=SIMPLE_HEAD, caption=f"islands in generation {histories[0].last['generation']}")
    for name in ("island", *columns):
        table.add_column(name.replace("_", " "), justify="right")
    for island, history in enumerate(histories):
        row = history.last[list(columns)].item()
        table.add_row(str(island), *(show_number(value) for value in row))
    return table


def check_reporters(reporters: Any) -> None:
    """Raise ValueError unless these are reporters of islands."""
    if not isinstance(reporters, Sequence) or isinstance(reporters, str | bytes):
        raise ValueError(f"reporters: must be a list of reporters, got {quote(reporters)}")
    for reporter in reporters:
        if not isinstance(reporter, IslandsReporter):
            raise ValueError(
                f"reporters: each must be a neat.reporting.IslandsReporter, such as IslandsProgress(), "
                f"got {quote(reporter)}"
            )


def _describe(histories: Sequence[History]) -> dict[str, str]:
    """Return the best fitness so far of all islands, and of each, or of the best ones, in order of their numbers."""
    best = np.array([history.last["best_ever"] for history in histories])
    shown = np.sort(np.argsort(-best, kind="stable")[:_MOST_SHOWN])
    return {"best": show_number(best.max()), **{f"island {k}": show_number(best[k]) for k in shown}}


def _rows(histories: Sequence[History], first: int) -> list[list[Any]]:
    """Return the rows from a generation on, in order of generations, then of islands."""
    of_island = [history.generations[first:].tolist() for history in histories]
    return [[k, *row] for rows in zip(*of_island, strict=True) for k, row in enumerate(rows)]
