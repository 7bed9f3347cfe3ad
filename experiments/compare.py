"""Evolution and gradients side by side: the same task, the same data or environment, the same machine."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from experiments import folder as folders
from experiments.contenders import TASKS, Outcome, contenders, score_name, target, work_name
from experiments.curves import draw, scores_at
from experiments.flags import read
from experiments.statistics import summary
from experiments.table import number, print_table

Outcomes = dict[str, list[Outcome]]


@dataclass(frozen=True)
class Compare:
    """NEAT, NEAT with learning and networks trained by gradients, or NEAT and PPO, on the same task."""

    task: str = "xor"
    """One of xor, parity, spirals, iris, digits, regression, cartpole, acrobot, mountain-car-continuous, pendulum."""
    seeds: int = 10
    """Runs of each, with the seeds 0, 1, …; a seed divides the data too."""
    share: float = 1.0
    """Of the usual length of all runs: generations, epochs, environment steps."""
    output: Path | None = None
    """Folder to write; default: runs/compare-<task>, or the next that is free."""
    overwrite: bool = False
    """Write into the output folder even if an earlier comparison is in it."""
    threads: int | None = None
    """Threads that share the genomes; default: one per core."""

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task: must be one of {', '.join(TASKS)}, got {self.task!r}")
        if not 1 <= self.seeds < 2**31:
            raise ValueError(f"seeds: must be at least 1, got {self.seeds}")
        if not 0 < self.share <= 1000:
            raise ValueError(f"share: must be above 0 and at most 1000, got {self.share}")


def compare(arguments: list[str], command: Sequence[str]) -> None:
    """Do all the runs; show and write the table and the figure."""
    options = read(Compare, "compare", arguments)
    if options.threads is not None:
        from neat import parallel

        parallel.set_threads(options.threads)
    folder = folders.create(f"compare-{options.task}", options.output, options.overwrite)
    description = {"experiment": "compare", "options": asdict(options), **folders.started(command)}
    folders.write_json(folder / folders.RUN, description)
    rows = folder / "curves.csv"
    try:
        with rows.open("w", newline="", encoding="utf-8") as file:
            outcomes = _outcomes(options, file)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {rows} has the runs that were done") from None
    statistics = _statistics(options.task, outcomes)
    folders.write_json(folder / "summary.json", statistics)
    _print(options.task, statistics)
    picture = folder / "compare.svg"
    curves = {name: [run.curve for run in runs] for name, runs in outcomes.items()}
    draw(curves, picture, work_name(options.task), score_name(options.task), target(options.task))
    print(f"{picture}: the learning curves; {rows}: their points; {folder / 'summary.json'}: the table")


def _outcomes(options: Compare, file: IO[str]) -> Outcomes:
    """All runs, one after the other; the points of each are written when it is done."""
    outcomes: Outcomes = {}
    work = work_name(options.task)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["method", "seed", work.replace(" ", "_"), "seconds", "score"])
    for name, run in contenders(options.task).items():
        print(f"{name}: compiling, then {options.seeds} runs", flush=True)
        run(0, 1e-9)
        outcomes[name] = []
        for seed in range(options.seeds):
            outcome = run(seed, options.share)
            outcomes[name].append(outcome)
            writer.writerows([name, seed, *point] for point in outcome.curve)
            file.flush()
            last = outcome.curve[-1]
            end = f"{last.work:,.0f} {work}, {last.seconds:.3g} s"
            print(f"  seed {seed}: {outcome.score:.4g} after {end}", flush=True)
    return outcomes


def _statistics(task: str, outcomes: Outcomes) -> dict[str, Any]:
    """Of each method; and of all at the work, and at the time, that the shortest has taken."""
    ends = {
        key: {
            name: float(np.median([getattr(run.curve[-1], key) for run in runs]))
            for name, runs in outcomes.items()
        }
        for key in ("work", "seconds")
    }
    common = {key: min(values.values()) for key, values in ends.items()}
    aim = target(task)
    result: dict[str, Any] = {}
    for name, runs in outcomes.items():
        curves, scores = [run.curve for run in runs], [run.score for run in runs]
        result[name] = {
            "parameters": float(np.median([run.parameters for run in runs])),
            "work": ends["work"][name],
            "seconds": ends["seconds"][name],
            "score": summary(scores)._asdict(),
            "reached": None if aim is None else sum(score >= aim for score in scores),
            "runs": len(runs),
            "at_common_work": summary(scores_at(curves, "work", common["work"]))._asdict(),
            "at_common_seconds": summary(scores_at(curves, "seconds", common["seconds"]))._asdict(),
        }
    return {
        "task": task,
        "work": work_name(task),
        "score": score_name(task),
        "target": aim,
        "common": common,
        "methods": result,
    }


def _print(task: str, statistics: dict[str, Any]) -> None:
    common, aim = statistics["common"], statistics["target"]
    headers = (
        "",
        "parameters",
        work_name(task),
        "seconds",
        score_name(task),
        "95 % interval",
        "worst",
        "same work",
        "same time",
    )
    rows = []
    for name, of in statistics["methods"].items():
        score = of["score"]
        rows.append([
            name,
            number(of["parameters"]),
            number(of["work"]),
            f"{of['seconds']:.3g}",
            f"{score['mean']:.4g}" + ("" if aim is None else f" ({of['reached']} of {of['runs']})"),
            f"{score['low']:.4g} – {score['high']:.4g}",
            f"{score['least']:.4g}",
            _score(of["at_common_work"]["mean"]),
            _score(of["at_common_seconds"]["mean"]),
        ])  # fmt: skip
    reached = "" if aim is None else f" In brackets: runs that reach {aim:g}."
    caption = (
        f"Medians of parameters, {work_name(task)} and seconds; means of scores, with Student's interval.{reached} "
        f"Same work: after {common['work']:,.0f} {work_name(task)}; same time: after {common['seconds']:.3g} s."
    )
    print_table(headers, rows, caption)


def _score(value: float) -> str:
    return "–" if value != value else f"{value:.4g}"
