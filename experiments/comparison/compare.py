"""The command `compare`: evolution and gradients on the same task, data or environment, and machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.cli.flags import read
from experiments.comparison.curves import draw, first_reaching
from experiments.comparison.methods import (
    TASKS,
    Method,
    Outcome,
    make_methods,
    score_name,
    target_score,
    work_name,
)
from experiments.runs import folder as folders
from experiments.runs.description import start_entry
from experiments.runs.statistics import bootstrap
from experiments.runs.table import format_number, print_table
from experiments.tasks.experiment import COMPARE, suggestion
from neat.kernels import parallel
from neat.support.files import CsvFile

Outcomes = dict[str, list[Outcome]]

_WARM_UP = 0.02  # share of a run that compiles everything before the measured runs


@dataclass(frozen=True)
class Compare:
    """Compare NEAT, NEAT with learning and networks trained by gradients on a data set, or NEAT and PPO."""

    task: str = "xor"
    """One of xor, parity, spirals, iris, digits, regression, cartpole, acrobot, mountain-car-continuous, pendulum."""
    seeds: int = 10
    """Runs of each method, with the seeds 0, 1, …; a seed divides the data too."""
    share: float = 1.0
    """Share of the usual length of all runs, in generations, epochs or environment steps."""
    output: Path | None = None
    """Output folder; default: runs/compare-<task>, with a number if that exists."""
    overwrite: bool = False
    """Write into the output folder even if it is not empty. An earlier run's files are deleted; other files stay."""
    threads: int | None = None
    """Threads that share the genomes; default: one per core."""

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            known = ", ".join(TASKS)
            raise ValueError(f"task: must be one of {known}, got {self.task!r}{suggestion(self.task, TASKS)}")
        if not 1 <= self.seeds < 2**31:
            raise ValueError(f"seeds: must be at least 1, got {self.seeds}")
        if not 0 < self.share <= 1000:
            raise ValueError(f"share: must be above 0 and at most 1000, got {self.share}")


def compare(arguments: list[str], command: Sequence[str]) -> None:
    """Do all the runs, and print and write their table and figure. An interruption keeps the finished runs."""
    options = read(Compare, COMPARE, arguments)
    if options.threads is not None:
        parallel.set_threads(options.threads)
    methods = make_methods(options.task)
    name = f"{COMPARE}-{options.task}"
    content = {"experiment": COMPARE, "options": asdict(options), "starts": [start_entry(command)]}
    names = folders.COMPARISON_FILES
    with (
        folders.create(name, options.output, options.overwrite, names) as folder,
        folders.write_description(folder, content, names),
    ):
        outcomes: Outcomes = {}
        try:
            with CsvFile(folder / "curves.csv", [_header(options.task)]) as file:
                for name, seed, outcome in _run_methods(methods, options, file):
                    outcomes.setdefault(name, []).append(outcome)
                    end = f"{outcome.end.work:,.0f} {work_name(options.task)}, {outcome.end.seconds:.3g} s"
                    print(f"  seed {seed}: {outcome.end.score:.4g} after {end}", flush=True)
        except KeyboardInterrupt:
            done = f"; {folder} has the finished runs" if outcomes else ""
            raise KeyboardInterrupt(f"interrupted{done}") from None
        finally:
            if outcomes:
                _write_results(options.task, outcomes, folder)


def _header(task: str) -> list[str]:
    return ["method", "seed", "parameters", work_name(task).replace(" ", "_"), "seconds", "score"]


def _run_methods(
    methods: dict[str, Method], options: Compare, file: CsvFile
) -> Iterator[tuple[str, int, Outcome]]:
    """Yield method, seed and outcome of all runs, one after the other. Write the points of each when it ends."""
    for name, run in methods.items():
        print(f"{name}: compiling, then {options.seeds} runs", flush=True)
        run(0, _WARM_UP)
        for seed in range(options.seeds):
            outcome = run(seed, options.share)
            file.append([name, seed, outcome.parameters, *point] for point in outcome.curve)
            yield name, seed, outcome


def _write_results(task: str, outcomes: Outcomes, folder: Path) -> None:
    statistics = summarise(outcomes, target_score(task))
    about = {"task": task, "work": work_name(task), "score": score_name(task)}
    folders.write_json(folder / "summary.json", {**about, **statistics})
    picture = folder / "compare.svg"
    curves = {name: [run.curve for run in runs] for name, runs in outcomes.items()}
    draw(curves, picture, work_name(task), score_name(task), target_score(task))
    _print_table(task, statistics)
    print(
        f"{picture}: the learning curves; {folder / 'curves.csv'}: their points; "
        f"{folder / 'summary.json'}: the table"
    )


def summarise(outcomes: Outcomes, target: float | None) -> dict[str, Any]:
    """Return statistics of each method's runs, among them the work and the seconds until they reach a level.

    The level is `target` or, if that is None, the least of the methods' median final scores.
    """
    finals = {name: [run.end.score for run in runs] for name, runs in outcomes.items()}
    level = min(float(np.median(scores)) for scores in finals.values()) if target is None else target
    methods = {}
    for name, runs in outcomes.items():
        scores = finals[name]
        points = [first_reaching(run.curve, level) for run in runs]
        reached = [point for point in points if point is not None]
        low, high = bootstrap(scores)
        methods[name] = {
            "runs": len(runs),
            "parameters": float(np.median([run.parameters for run in runs])),
            "work": float(np.median([run.end.work for run in runs])),
            "seconds": float(np.median([run.end.seconds for run in runs])),
            "score": float(np.mean(scores)),
            "low": low,
            "high": high,
            "worst": min(scores),
            "best": max(scores),
            "end_at_level": sum(score >= level for score in scores),
            "reached_level": len(reached),
            "work_to_level": float(np.median([point.work for point in reached])) if reached else None,
            "seconds_to_level": float(np.median([point.seconds for point in reached])) if reached else None,
        }
    return {"target": target, "level": level, "methods": methods}


def _print_table(task: str, statistics: dict[str, Any]) -> None:
    work, level = work_name(task), statistics["level"]
    headers = ("", "parameters", work, "seconds", score_name(task), "95 % interval", "worst")
    to_level = (f"{work} to {level:.4g}", f"seconds to {level:.4g}", "runs that do")
    rows = []
    for name, values in statistics["methods"].items():
        interval = "–" if values["runs"] < 2 else f"{values['low']:.4g} – {values['high']:.4g}"
        seconds = values["seconds_to_level"]
        rows.append([
            name,
            format_number(values["parameters"]),
            format_number(values["work"]),
            f"{values['seconds']:.3g}",
            f"{values['score']:.4g}",
            interval,
            f"{values['worst']:.4g}",
            format_number(values["work_to_level"]),
            "–" if seconds is None else f"{seconds:.3g}",
            f"{values['reached_level']} of {values['runs']}",
        ])  # fmt: skip
    what = (
        "the target" if statistics["target"] is not None else "the least of the methods' median final scores"
    )
    caption = (
        f"Medians of parameters, {work} and seconds, in all and until a run first reaches {level:.4g}, {what}; "
        "means of final scores, with bootstrap intervals."
    )
    print_table((*headers, *to_level), rows, caption)
