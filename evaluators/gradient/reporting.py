"""Reporters, which training calls as it proceeds."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.support.files import CsvFile, resolve_path

if TYPE_CHECKING:
    from rich.console import Console

EPOCH = np.dtype(
    [
        ("epoch", np.int64),
        ("step", np.int64),
        ("learning_rate", np.float64),
        ("training_loss", np.float64),
        ("validation_loss", np.float64),
        ("validation_score", np.float64),
    ]
)
"""A row of the history. `epoch` counts from 0, `step` counts all steps so far, and `learning_rate` is the last step's.
`training_loss` is the mean over the epoch's batches, each before its step. The validation columns are measured after
the epoch; without a validation set they are NaN."""

_SHOWN = ("training_loss", "validation_loss", "reward")
_REDRAW_INTERVAL = 0.1  # seconds between two changes of the bar within an epoch: rich redraws no more often


class Reporter:
    """Base of the reporters; training calls their methods, which do nothing unless a subclass overrides them."""

    def start(self, history: np.ndarray, epochs: int) -> None:
        """Is called before the first epoch, or the first after resuming; `epochs` is the total to reach."""

    def batch(self, done: int, total: int) -> None:
        """Is called after each batch of an epoch, when `done` of its `total` batches are done."""

    def epoch(self, history: np.ndarray) -> None:
        """Is called after each epoch, or update of PPO; `history[-1]` is its row, of dtype EPOCH or `ppo.UPDATE`."""

    def finish(self, history: np.ndarray) -> None:
        """Is called after the last epoch, or when an error ends training."""


@contextlib.contextmanager
def reporting(
    reporters: Sequence[Reporter], history: Callable[[], np.ndarray], epochs: int
) -> Iterator[None]:
    """Start the reporters, and finish those that have started when the `with` block ends."""
    started = []
    try:
        for reporter in reporters:
            reporter.start(history(), epochs)
            started.append(reporter)
        yield
    finally:
        for reporter in started:
            reporter.finish(history())


class Metrics(Reporter):
    """Writes metrics.csv, with a row for each epoch; the same training writes the same bytes, resumed or not.

    The file is locked during the training.

    Args:
        folder: Existing folder for the file.

    Raises:
        LockedError: Another process is writing the file; raised when training starts.
    """

    def __init__(self, folder: str | Path) -> None:
        self._path = resolve_path(folder, "folder") / "metrics.csv"
        self._rows: CsvFile | None = None

    def start(self, history: np.ndarray, epochs: int) -> None:
        """Write the rows of the history so far."""
        self.finish(history)
        self._rows = CsvFile(self._path, [history.dtype.names or (), *history.tolist()])

    def epoch(self, history: np.ndarray) -> None:
        """Append the epoch's row."""
        assert self._rows is not None
        self._rows.append([history[-1].item()])

    def finish(self, history: np.ndarray) -> None:
        """Close and unlock the file."""
        if self._rows is not None:
            self._rows.close()
            self._rows = None


class Terminal(Reporter):
    """Shows a progress bar with both losses, or with the mean reward; within a long epoch, it follows the batches.

    Args:
        console: Console to write to; by default standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console

    def start(self, history: np.ndarray, epochs: int) -> None:
        """Open the bar."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            MofNCompleteColumn(),
            BarColumn(bar_width=10),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.description}{task.fields[batch]}"),
            console=self._console,
        )
        self._task = self._progress.add_task("", total=epochs, completed=len(history), batch="")
        self._epochs, self._changed = len(history), time.monotonic()
        self._progress.start()

    def batch(self, done: int, total: int) -> None:
        """Show the progress within the epoch."""
        if time.monotonic() - self._changed >= _REDRAW_INTERVAL:
            self._change(completed=self._epochs + done / total, batch=f"  batch {done}/{total}")

    def epoch(self, history: np.ndarray) -> None:
        """Show the losses."""
        row = history[-1]
        shown = [name for name in _SHOWN if name in row.dtype.names and not np.isnan(row[name])]
        text = "  ".join(f"{name.removesuffix('_loss')} {row[name]:.4g}" for name in shown)
        self._epochs = len(history)
        self._change(completed=self._epochs, description=text, batch="")

    def finish(self, history: np.ndarray) -> None:
        """Stop the bar."""
        self._progress.stop()

    def _change(self, **shown: Any) -> None:
        self._progress.update(self._task, **shown)
        self._changed = time.monotonic()
