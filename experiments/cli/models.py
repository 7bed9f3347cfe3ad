"""The commands `predict`, `play` and `record`, which use the model of a run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import evaluators
from evaluators import Gymnasium, Rollout
from evaluators.episodes.episodic_evaluator import Episodes
from evaluators.mean_and_deviation import moments
from evaluators.models.inputs import Rows
from evaluators.models.outputs import Classes, Values
from evaluators.pictures.canvas import WIDTH
from experiments.cli.flags import read_after_paths
from experiments.cli.logs import show_logs
from experiments.runs import description as descriptions
from experiments.runs.folder import MODEL, find_file
from experiments.tasks.csv_file import Table, read_table
from experiments.tasks.experiment import ENVIRONMENT, PLAY, PREDICT, RECORD, find_experiment
from neat.evolution.evaluator_pool import close_evaluator
from neat.support.files import csv_text, resolve_file, write_atomically
from neat.support.messages import quote, shorten
from neat.support.text_files import shorten_path

_FRESH_TRIAL = 2  # starts that decided nothing in the run (see `experiments.tasks.control`)


@dataclass(frozen=True)
class Predict:
    """Predict with the model of a run: predict RUN FILE.csv. RUN is a run's folder or a model's file.

    The file needs a header with the names of the model's inputs. Other columns are copied to the output.
    """

    output: Path | None = None
    """CSV file to write; default: print the predictions."""


@dataclass(frozen=True)
class Play:
    """Run episodes of the model of a run: play RUN. RUN is a run's folder, or a model's file in it.

    The starts of the episodes are not those that decided in the run.
    """

    episodes: int = 100
    """Number of episodes."""
    device: str = "auto"
    """Device that runs the episodes, as for the run."""
    output: Path | None = None
    """CSV file to write, with a row for each episode."""
    env: str | None = None
    """File and class of an environment of your own, such as my_game.py:Flappy, in place of the run's."""

    def __post_init__(self) -> None:
        if not 1 <= self.episodes < 2**24:
            raise ValueError(f"episodes: must be from 1 to {2**24 - 1}, got {self.episodes}")


@dataclass(frozen=True)
class Record:
    """Film an episode of the model of a run: record RUN FILE. FILE ends in .gif, or in .mp4 if ffmpeg is installed.

    RUN is a run's folder, or a model's file in it. The default is the first episode that `play` runs.
    """

    trial: int = _FRESH_TRIAL
    """Selects the start of the episode."""
    width: int = WIDTH
    """Greatest width in pixels."""
    seconds: float | None = None
    """Duration; default: about 6 seconds."""
    steps: int | None = None
    """Most steps to show; default: 1,000, or 338 in a GIF of Gymnasium's rendering."""
    env: str | None = None
    """File and class of an environment of your own, such as my_game.py:Flappy, in place of the run's."""


_COMMANDS = {
    PREDICT: (Predict, ("a run", "a CSV file"), "runs/iris new.csv"),
    PLAY: (Play, ("the folder of a run",), "runs/cartpole"),
    RECORD: (Record, ("a run", "a GIF"), "runs/cartpole cartpole.gif"),
}


def run(name: str, arguments: list[str]) -> None:
    """Run one of the commands with the arguments that follow its name."""
    cls, wanted, example = _COMMANDS[name]
    paths, options = read_after_paths(cls, name, arguments, wanted, example)
    command: Any = {PREDICT: predict, PLAY: play, RECORD: record}[name]
    command(*paths, options)


def predict(model_path: Path, data: Path, options: Predict) -> None:
    """Write the predictions of a model for the rows of a CSV file.

    Raises:
        ValueError: The model or the data cannot be read or do not fit, or the model acts.
    """
    output = None if options.output is None else resolve_file(options.output, "output")
    file = _model_file(model_path, PREDICT)
    model = evaluators.load(file)
    if not isinstance(model.outputs, Values | Classes):
        raise ValueError(f"{PREDICT}: {shorten_path(file)} acts in an environment; use {PLAY}")
    assert isinstance(model.inputs, Rows)
    with show_logs(output is None):
        table = read_table(data, model.inputs, model.num_inputs)
    names, columns = _predictions(model, table)
    taken = sorted(set(names) & set(table.other_names))
    if taken:
        raise ValueError(
            f"{PREDICT}: {shorten_path(data)}: column {quote(taken[0])}: rename it, since the output has such a column"
        )
    rows = [[*other, *row] for other, row in zip(table.others, zip(*columns, strict=True), strict=True)]
    _write(output, [[*table.other_names, *names], *rows])
    if output is None:
        return
    if table.other_names:
        listed = shorten(", ".join(map(quote, table.other_names)))
        print(f"columns that are not inputs were copied: {listed}")
    print(f"predictions: {options.output}, {len(rows):,} rows")


def _predictions(model: evaluators.Model, table: Table) -> tuple[list[str], list[list[Any]]]:
    """Return the names and the values of the columns that a model predicts."""
    predicted = model.predict(table.inputs)
    if predicted.ndim == 2:
        assert isinstance(model.outputs, Values)
        names = model.outputs.names or [str(k + 1) for k in range(predicted.shape[1])]
        return [f"prediction of {name}" for name in names], predicted.T.tolist()
    columns = [predicted.tolist()]
    if not isinstance(model.outputs, Classes) or not model.outputs.logits:
        return ["prediction"], columns
    columns += model.predict_proba(table.inputs).T.tolist()
    return ["prediction", *(f"probability of {label}" for label in model.outputs.labels)], columns


def play(path: Path, options: Play) -> None:
    """Run episodes of a run's model, and print their rewards.

    Raises:
        ValueError: The folder holds no run with a model that acts, or the environment cannot be made.
    """
    output = None if options.output is None else resolve_file(options.output, "output")
    model = evaluators.load(_model_file(path, PLAY))
    with _evaluator(path, PLAY, options.env, options.device) as evaluator:
        played = evaluator.play(model, options.episodes, _FRESH_TRIAL)
    _print_episodes(played)
    if output is not None:
        columns = (played.reward[0], played.length[0], played.terminated[0])
        _write(
            output,
            [
                ["episode", "reward", "length", "terminated"],
                *([k, *row] for k, row in enumerate(zip(*(c.tolist() for c in columns), strict=True))),
            ],
        )


def record(path: Path, film: Path, options: Record) -> None:
    """Film an episode of a run's model.

    Raises:
        ValueError: The folder holds no run with a model that acts, the environment cannot be made or drawn, or the file
            cannot be written.
        RuntimeError: The environment could not be rendered.
    """
    model = evaluators.load(_model_file(path, RECORD))
    with _evaluator(path, RECORD, options.env, "cpu") as evaluator:
        evaluator.record(model, film, options.trial, options.width, options.seconds, options.steps)
    print(f"film: {film}")


@contextlib.contextmanager
def _evaluator(path: Path, command: str, env: str | None, device: str) -> Iterator[Rollout | Gymnasium]:
    """Yield the evaluator of a run, or of an environment of the user's own, and close it."""
    folder = path if path.is_dir() else path.parent
    if env is not None:
        experiment = find_experiment(ENVIRONMENT)(env=env)  # type: ignore[call-arg]
    else:
        experiment = descriptions.build_experiment(descriptions.read(folder, command), folder, command)
    evaluator = experiment.evaluator(device)
    try:
        if not isinstance(evaluator, Rollout | Gymnasium):
            raise ValueError(f"{command}: {shorten_path(folder)} holds a model that predicts; use {PREDICT}")
        yield evaluator
    finally:
        close_evaluator(evaluator)


def _print_episodes(played: Episodes) -> None:
    reward, length = played.reward[0], played.length[0]
    mean, deviation = moments(reward)
    print(
        f"reward {mean:.6g} on average of {len(reward):,} episodes, deviation {deviation:.4g}, "
        f"from {reward.min():.6g} to {reward.max():.6g}"
    )
    ended = int(np.count_nonzero(played.terminated[0]))
    print(
        f"steps {length.mean():.1f} on average; the task ended {ended:,} episodes, the time limit the others"
    )


def _model_file(path: Path, command: str) -> Path:
    """Return the file of a model: `path`, or the one in a run's folder."""
    return find_file(path, MODEL, command) if path.is_dir() else path


def _write(path: Path | None, rows: list[list[Any]]) -> None:
    """Write rows as CSV to a file, or print them."""
    text = csv_text(rows)
    if path is None:
        sys.stdout.write(text)
    else:
        write_atomically(path, text)
