"""The command `show`: write a report of a run that needs no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, TypeVar

from experiments.cli.flags import read_after_paths
from experiments.report.ancestry import collect_ancestry
from experiments.report.behaviour import Behaviour, collect_behaviour
from experiments.report.curves import collect_curves, collect_species
from experiments.report.document import render_document
from experiments.report.summary import describe_run, describe_settings, describe_state, list_highlights
from experiments.report.topology import Names, collect_networks
from experiments.runs import description as descriptions
from experiments.runs.folder import REPORT, check_report
from experiments.runs.reader import RunSoFar, read_run
from experiments.tasks.experiment import SHOW, Experiment
from neat.evolution.evaluator_pool import close_evaluator
from neat.support.files import resolve_file, write_atomically
from neat.support.messages import summarise_error

_MOST_BYTES = 2_000_000  # of a report
_MOST_CHAMPIONS = 100
_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Show:
    """Write a report of a run, which has ended or not, as one HTML file: show RUN. RUN is a run's folder."""

    output: Path | None = None
    """HTML file to write; default: report.html in the run's folder."""


def show(arguments: list[str]) -> None:
    """Write the report that the arguments after the command's name describe, and print its path.

    Raises:
        ValueError: The folder holds no run, or the file cannot be written.
        ImportError: mpld3 is not installed.
    """
    (folder,), options = read_after_paths(Show, SHOW, arguments, ["the folder of a run"], "runs/xor")
    run = read_run(folder, SHOW)
    if options.output is None:
        check_report(SHOW, folder)
    path = resolve_file(options.output or folder / REPORT, "output")
    write_atomically(path, make_report(run, folder))
    print(f"report: {options.output or folder / REPORT}")


def make_report(run: RunSoFar, folder: Path) -> str:
    """Return the report of a run as an HTML document of at most 2 MB, with fewer champions if need be."""
    experiment = descriptions.build_experiment(run.description, folder, SHOW)
    notes: list[str] = []
    if run.lineage is None:
        notes.append(
            "This run keeps no lineage, so the champions of earlier generations, births and ancestors are missing."
        )
    found = _try(notes, "names of inputs and outputs", lambda: _read_names(run, experiment, folder))
    names, lineage = found or Names(), run.lineage
    behaviour = _try(notes, "behaviour", lambda: _collect_behaviour(run, experiment, names, folder))
    ancestry = None
    if lineage is not None:
        node_names = names.of_nodes(run.champion)
        ancestry = _try(notes, "ancestry", lambda: collect_ancestry(run, lineage, node_names))
    sections = {
        "state": escape(describe_state(run, folder)),
        "notes": "".join(f'<p class="note">{escape(note)}</p>' for note in notes),
        "highlights": "".join(
            f"<div><span>{escape(name)}</span> <b>{escape(value)}</b></div>"
            for name, value in list_highlights(run).items()
        ),
        "summary": describe_run(run),
        "settings": describe_settings(run.population.config),
        "behaviour": behaviour.html if behaviour else "",
        "ancestry": "" if ancestry is None else f"<p>{escape(ancestry.text)}</p>",
        "line": "" if ancestry is None else ancestry.table,
    }
    data = {
        "curves": collect_curves(run.history),
        "species": collect_species(run.history, lineage),
        "ancestry": ancestry and ancestry.chart,
        "behaviour": behaviour and behaviour.data,
    }
    name = folder.resolve().name
    title = name if name == run.description.experiment else f"{name}: {run.description.experiment}"
    return _fit(run, names, lambda network: render_document(title, sections, {**data, "network": network}))


def _fit(run: RunSoFar, names: Names, render: Callable[[dict[str, Any]], str]) -> str:
    """Return the document with as many champions as fit into it."""
    most = _MOST_CHAMPIONS
    while True:
        document = render(collect_networks(run, names, most))
        if len(document.encode()) <= _MOST_BYTES or most == 0:
            return document
        most //= 2


def _read_names(run: RunSoFar, experiment: Experiment, folder: Path) -> Names:
    descriptions.check_files(run.description, experiment, folder, SHOW)
    return Names(experiment.input_names, experiment.output_names)


def _collect_behaviour(run: RunSoFar, experiment: Experiment, names: Names, folder: Path) -> Behaviour | None:
    descriptions.check_files(run.description, experiment, folder, SHOW)
    evaluator = experiment.evaluator("cpu")
    try:
        return collect_behaviour(run, experiment, names, evaluator, folder)
    finally:
        close_evaluator(evaluator)


def _try(notes: list[str], what: str, collect: Callable[[], _Part]) -> _Part | None:
    """Return a part of the report; None, with the reason in `notes`, if it cannot be made."""
    try:
        return collect()
    except Exception as error:  # data can be gone, and an environment of the user's can raise anything
        notes.append(f"Missing: {what}. {summarise_error(error)}")
        return None
