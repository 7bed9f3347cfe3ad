"""Reporters, which training calls as it proceeds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.support.files import CsvFile, resolve_path
from neat.support.messages import quote
from neat.support.progress_display import ProgressDisplay, show_number
from neat.support.tensorboard import log_opener

if TYPE_CHECKING:
    from rich.console import Console

EPOCH = np.dtype(
    [
        ("epoch", np.int64),
        ("step", np.int64),
        ("learning_rate", np.float64),
        ("training_loss", np.float64),
        ("training_score", np.float64),
        ("validation_loss", np.float64),
        ("validation_score", np.float64),
    ]
)
"""A row of the history. `epoch` counts from 0, `step` counts all steps so far, and `learning_rate` is the last step's.
`training_loss` is the mean over the epoch's batches, each before its step, and `training_score` is the score of their
outputs: NaN without a score, or if augmentation changes the kind of the targets. The validation columns are measured
after the epoch; without a validation set they are NaN."""

_SHOWN = {
    name: name.replace("_", " ")
    for name in (
        *("training_loss", "training_score", "validation_loss", "validation_score"),
        *("steps", "episodes", "reward", "value_loss", "entropy"),
    )
} | {"approximate_kl": "KL", "explained_variance": "explained"}
"""What a progress display shows, by column; the labels of PPO's fit into 80 columns."""


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
    """Start the reporters, and finish those that have started when the `with` block ends; ValueError for others."""
    if not isinstance(reporters, Sequence) or not all(isinstance(each, Reporter) for each in reporters):
        raise ValueError(
            f"reporters: expected a list of reporters of gradient.reporting, got {quote(reporters)}"
        )
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


class TensorBoard(Reporter):
    """Writes the columns of metrics.csv as scalars for TensorBoard, by epoch, or by update of PPO.

    Args:
        folder: The folder of the log.

    Raises:
        ImportError: tensorboardX is not installed; it comes with `batchneat[tensorboard]`.
    """

    def __init__(self, folder: str | Path) -> None:
        self._open = log_opener(folder)
        self._writer: Any = None

    def start(self, history: np.ndarray, epochs: int) -> None:
        """Open the log, and drop epochs in it that training will repeat."""
        self.finish(history)
        self._writer = self._open(len(history))

    def epoch(self, history: np.ndarray) -> None:
        """Write the scalars of the epoch that are measured."""
        row = history[-1]
        count, *names = history.dtype.names or ()
        for name in names:
            if np.isfinite(row[name]):
                self._writer.add_scalar(f"training/{name}", float(row[name]), int(row[count]))

    def finish(self, history: np.ndarray) -> None:
        """Close the log."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class Progress(Reporter):
    """Shows the progress of a training with its losses and scores, or with the metrics of PPO.

    A terminal and a notebook show it in place, and follow the batches within a long epoch. Elsewhere, such as in a log,
    it is a line for each tenth of the epochs, and after a minute of silence.

    Args:
        console: The output; None for standard output, or the notebook.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console

    def start(self, history: np.ndarray, epochs: int) -> None:
        """Open the display."""
        unit = (history.dtype.names or ())[0]
        self._display = ProgressDisplay(unit, epochs, len(history), self._console)
        self._done = len(history)
        self._batch: dict[str, str] = {}
        self._values = _describe(history[-1]) if len(history) else {}

    def batch(self, done: int, total: int) -> None:
        """Show the progress within the epoch."""
        self._batch = {"batch": f"{done}/{total}"}
        self._display.update(self._done + done / total, self._describe)

    def epoch(self, history: np.ndarray) -> None:
        """Show the losses, or what PPO measured."""
        self._done, self._values = len(history), _describe(history[-1])
        self._display.update(self._done, self._describe)

    def finish(self, history: np.ndarray) -> None:
        """Release the terminal."""
        self._display.close()

    def _describe(self) -> dict[str, str]:
        return self._values | self._batch


def _describe(row: np.void) -> dict[str, str]:
    """Return what a progress display shows of a row of the history."""
    values = {_SHOWN[name]: row[name].item() for name in _SHOWN if name in (row.dtype.names or ())}
    return {
        label: f"{value:,}" if isinstance(value, int) else show_number(value)
        for label, value in values.items()
        if not np.isnan(value)
    }
