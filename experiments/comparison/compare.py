"""The command `compare`: evolution and gradients on the same task, with the same work."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiments.cli.flags import read
from experiments.cli.program_name import resume_command
from experiments.comparison.curves import Labels, draw
from experiments.comparison.meter import ComparedRun, Point, PricedMeter, TimedMeter
from experiments.comparison.methods import (
    Method,
    check_run_length,
    check_task,
    make_methods,
    score_name,
    target_score,
)
from experiments.comparison.plan import Plan, parse_plan, read_plan, shipped_path
from experiments.comparison.results import print_results, summarise
from experiments.comparison.tuning import tune
from experiments.runs import description as descriptions
from experiments.runs import folder as folders
from experiments.tasks.experiment import COMPARE
from neat.kernels import parallel
from neat.support.files import CsvFile
from neat.support.progress_display import ProgressDisplay, show_number
from neat.support.text_files import read_text

Row = list[Any]
"""A row of curves.csv: the fields of a point, and whether the run ends with it."""

_HEADER = ["method", "seed", "parameters", "work", "score", "ends"]
_KEPT = ("task", "seeds", "share", "equal")
_MOST_BYTES = 2**30
_WARM_UP = 1e-9  # share of the budget
_WORK = {"work": "work (s at the plan's prices)", "time": "processor time (s, not repeatable)"}


@dataclass(frozen=True)
class Compare:
    """Compare NEAT with random search, with learning by gradients, and with networks trained by gradients.

    `compare tune` writes the plan: the settings of each method and the prices of its work.
    """

    task: str = "xor"
    """One of xor, parity, spirals, iris, digits, regression, cartpole, acrobot, mountain-car-continuous, pendulum."""
    seeds: int = 10
    """Runs of each method, with the seeds 0, 1, …; a seed divides the data too."""
    share: float = 1.0
    """Share of the plan's budget that each run has."""
    equal: Literal["work", "time"] = "work"
    """What all methods get the same of: work at the plan's prices, which repeats, or processor time, which does not."""
    plan: Path | None = None
    """Plan to follow; default: the one that comes with the package."""
    output: Path | None = None
    """Output folder; default: runs/compare-<task>, with a number if that exists."""
    overwrite: bool = False
    """Write into the output folder even if it is not empty. An earlier run's files are deleted; other files stay."""
    resume: Path | None = None
    """Folder of a comparison to resume after its last finished run."""
    threads: int | None = None
    """Threads that share the genomes; default: one per core, or one with equal time."""

    def __post_init__(self) -> None:
        check_task(self.task)
        check_run_length(self.seeds, self.share)
        if self.resume is None:
            return
        for field in dataclasses.fields(self):
            if field.name not in ("resume", "threads") and getattr(self, field.name) != field.default:
                raise ValueError(
                    f"{field.name}: cannot be combined with resume, which keeps the comparison's settings"
                )


def compare(arguments: list[str], command: Sequence[str]) -> None:
    """Do all the runs, and print and write their table and figure. An interruption keeps the finished runs."""
    if arguments[:1] == ["tune"]:
        tune(arguments[1:], command)
        return
    options = read(Compare, COMPARE, arguments)
    if options.threads is not None:
        parallel.set_threads(options.threads)
    if options.resume is not None:
        _resume(options, command)
    else:
        _start(options, command)


def _start(options: Compare, command: Sequence[str]) -> None:
    methods = make_methods(options.task)
    plan = read_plan(options.plan or shipped_path(options.task), options.task, methods)
    task = {name: getattr(options, name) for name in _KEPT} | {"plan": plan.model_dump(mode="json")}
    content = descriptions.describe_task(COMPARE, task, {}, {}, command)
    names = folders.COMPARISON_FILES
    with (
        folders.create(f"{COMPARE}-{options.task}", options.output, options.overwrite, names) as folder,
        folders.write_description(folder, content, names),
    ):
        _run(options, plan, methods, folder)


def _resume(given: Compare, command: Sequence[str]) -> None:
    """Resume the comparison in a folder.

    Raises:
        ValueError: There is no such comparison, or its description is damaged.
        LockedError: Another process is running it.
    """
    assert given.resume is not None
    with folders.reopen(given.resume) as folder:
        description = descriptions.read(folder)
        if description.experiment != COMPARE:
            raise ValueError(f"resume: {folder} holds an experiment {description.experiment}, got {COMPARE}")
        descriptions.check_digest(description, folder)
        task = dict(description.arguments)
        content = task.pop("plan", None)
        options = descriptions.build_instance(Compare, folder, "arguments", task, _KEPT)
        methods = make_methods(options.task)
        plan = parse_plan(
            content, f"resume: {folder / descriptions.RUN}: arguments.plan", options.task, methods
        )
        content = description.model_dump(exclude_unset=True)
        content["starts"].append(descriptions.start_entry(command))
        names = folders.COMPARISON_FILES
        folders.refuse_foreign_files("resume", folder, names - set(description.written or ()))
        with folders.write_description(folder, content, names):
            _run(dataclasses.replace(options, threads=given.threads), plan, methods, folder)


def _run(options: Compare, plan: Plan, methods: Mapping[str, Method], folder: Path) -> None:
    """Do the runs that the folder does not hold yet, and write everything."""
    if options.equal == "time" and options.threads is None:
        parallel.set_threads(1)
    folders.write_json(folder / "plan.json", plan.model_dump())
    path = folder / "curves.csv"
    order = [(name, seed) for seed in range(options.seeds) for name in methods]
    finished = _read_finished(path, order)
    outcomes: dict[str, list[ComparedRun]] = {}
    print(
        f"{len(order) - len(finished)} runs; the first of each method compiles on a new machine", flush=True
    )
    try:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(CsvFile(path, [_HEADER, *itertools.chain(*finished)]))
            for (name, _), rows in zip(order, finished, strict=False):
                outcomes.setdefault(name, []).append(_to_compared_run(rows))
            _warm_up(options, plan, methods)
            display = stack.enter_context(
                contextlib.closing(ProgressDisplay("run", len(order), len(finished)))
            )
            for count, (name, seed) in enumerate(order[len(finished) :], len(finished) + 1):
                outcome = _do_run(options, plan, methods, name, seed)
                file.append(_to_rows(name, seed, outcome))
                outcomes.setdefault(name, []).append(outcome)
                display.update(count, functools.partial(_describe, f"{name}, seed {seed}", outcome.end))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; resume with: {resume_command(COMPARE, folder)}") from None
    finally:
        if outcomes:
            _write_results(options, plan, outcomes, folder)


def _describe(run: str, end: Point) -> dict[str, str]:
    """Return what the progress display shows of the last finished run."""
    return {"last run": run, "score": show_number(end.score), "work": f"{end.work:.3g} s"}


def _do_run(options: Compare, plan: Plan, methods: Mapping[str, Method], name: str, seed: int) -> ComparedRun:
    own, budget = plan.methods[name], plan.budget * options.share
    kind = TimedMeter if options.equal == "time" else PricedMeter
    meter = kind(budget, own.prices)
    methods[name].run(own.settings, seed, meter)
    return meter.outcome


def _warm_up(options: Compare, plan: Plan, methods: Mapping[str, Method]) -> None:
    """Load or compile the kernels, whose time must not count."""
    if options.equal == "time":
        for name in methods:
            _do_run(dataclasses.replace(options, share=_WARM_UP), plan, methods, name, 0)


def _to_rows(name: str, seed: int, outcome: ComparedRun) -> list[Row]:
    """Return the rows of curves.csv for a run."""
    last = len(outcome.curve) - 1
    return [
        [name, seed, outcome.parameters, *point, int(number == last)]
        for number, point in enumerate(outcome.curve)
    ]


def _to_compared_run(rows: Sequence[Row]) -> ComparedRun:
    return ComparedRun(int(rows[0][2]), [Point(float(row[3]), float(row[4])) for row in rows])


def _read_finished(path: Path, order: Sequence[tuple[str, int]]) -> list[list[Row]]:
    """Return the rows of each finished run, in order. A kill leaves whole runs and perhaps a part of another."""
    finished: list[list[Row]] = []
    if not path.exists():
        return finished
    text = read_text(path, _MOST_BYTES)
    rows: list[Row] = []
    # What cannot be read was not finished.
    with contextlib.suppress(ValueError, csv.Error):
        for row in itertools.islice(csv.reader(text.splitlines()), 1, None):
            name, seed, *_, ends = row
            if len(finished) == len(order) or (name, int(seed)) != order[len(finished)]:
                break
            rows.append(row)
            if int(ends):
                _to_compared_run(rows)
                finished.append(rows)
                rows = []
    return finished


def _write_results(
    options: Compare, plan: Plan, outcomes: dict[str, list[ComparedRun]], folder: Path
) -> None:
    task, work = options.task, _WORK[options.equal]
    budget = plan.budget * options.share
    statistics = summarise(outcomes, target_score(task))
    about = {
        "task": task,
        "score": score_name(task),
        "work": work,
        "budget": budget,
        "repeatable": options.equal == "work",
    }
    folders.write_json(folder / "summary.json", {**about, **statistics})
    picture = folder / "compare.svg"
    draw(outcomes, statistics, budget, Labels(work, score_name(task)), picture)
    print_results(statistics, score_name(task), work)
    print(
        f"{picture}: the figure; {folder / 'curves.csv'}: its points; {folder / 'summary.json'}: the table; "
        f"{folder / 'plan.json'}: settings and prices"
    )
