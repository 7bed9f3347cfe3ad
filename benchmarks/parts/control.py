"""Control tasks with default settings, double pole balancing with velocities, and the value of memory.

The runs of a row have the seeds 0, 1, …. Settings were tuned on seeds from 1000 up. Studies measure double pole
balancing without velocities, and the paper's ablation: docs/studies.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import neat
from benchmarks.support.report import Table, seconds
from experiments.cli.flags import Options
from experiments.cli.settings import build_config
from experiments.runs.statistics import summary
from experiments.tasks.experiment import find_experiment
from neat.config.config import merge

_BLIND = {"velocities": False}
_LARGE = "stanley2002-large"
_NO_MEMORY = {"genome": {"feed_forward": True}}

# Rows: (label, experiment, its fields, preset, settings, generations, seeds, published)
OUT_OF_THE_BOX = (
    ("CartPole-v1, 475", "cartpole", {}, None, {}, 10, 20, ""),
    ("Acrobot-v1, -100", "acrobot", {}, None, {}, 10, 20, ""),
    ("MountainCar-v0, -110", "mountain-car", {}, None, {}, 50, 20, ""),
    ("MountainCarContinuous-v0, 90", "mountain-car-continuous", {}, None, {}, 50, 20, ""),
    ("Pendulum-v1, -200", "pendulum", {}, None, {}, 200, 4, "3 of 4 in prior trials"),
)
PAPERS = (
    ("with velocities", "double-pole", {}, "stanley2002", {}, 600, 50, "3,600"),
    ("default settings, with", "double-pole", {}, None, {}, 600, 50, ""),
)
MEMORY = (
    ("T-maze, recurrent", "t-maze", {}, None, {}, 200, 20, ""),
    ("T-maze, feed-forward", "t-maze", {}, None, _NO_MEMORY, 200, 20, ""),
    ("double pole without velocities, feed-forward", "double-pole", _BLIND, _LARGE, _NO_MEMORY, 50, 10, ""),
)
PARTS = {"solved": OUT_OF_THE_BOX, "papers": PAPERS, "memory": MEMORY}


def run(quick: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for part, rows in PARTS.items():
        result[part] = []
        for label, *row, published in rows:
            if quick:
                row[-2:] = [min(row[-2], 10), 2]
            result[part].append({"label": label, "published": published, **_runs(*row)})
    return result


def _runs(
    name: str,
    fields: dict[str, Any],
    preset: str | None,
    settings: dict[str, Any],
    generations: int,
    seeds: int,
) -> dict[str, Any]:
    experiment = find_experiment(name)(**fields)
    rows = []
    for seed in range(seeds):
        evaluator: Any = experiment.evaluator("auto")
        config = build_config(experiment, evaluator, Options(preset=preset), merge(settings, {"seed": seed}))
        begin = time.perf_counter()
        result = neat.Population(config).run(
            evaluator, generations=generations, solved=experiment.solved(evaluator)
        )
        spent = time.perf_counter() - begin
        measures = experiment.measures(result.champion, evaluator)
        rows.append(
            {
                "solved": result.solved,
                "generations": result.generations,
                "evaluations": result.evaluations,
                "hidden": len(result.champion.hidden_ids),
                "seconds": spent,
                **measures,
            }
        )
    return {"most": generations * config.population_size, "runs": rows}


def tables(result: dict[str, Any]) -> list[Table]:
    return [
        _solved(result["solved"]),
        _papers(result["papers"]),
        _memory(result["memory"]),
    ]


def _solved(rows: Sequence[dict[str, Any]]) -> Table:
    lines = []
    for row in rows:
        runs = row["runs"]
        reward = np.array([run["reward, unseen starts"] for run in runs])
        lines.append(
            [
                row["label"],
                f"{sum(run['solved, unseen starts'] > 0 for run in runs)} of {len(runs)}",
                _mean(runs, "generations", 1),
                f"{row['most']:,}",
                _mean(runs, "evaluations"),
                f"{np.mean([run['environment steps'] for run in runs]):.3g}",
                f"{reward.mean():.1f} ({reward.min():.1f})",
                seconds(float(np.median([run["seconds"] for run in runs]))),
            ]
        )
    columns = ["task and target", "runs that reach it", "generations", "evaluations at most", "evaluations"]
    columns += ["environment steps", "reward (worst run)", "a run"]
    notes = [
        "Default settings (Pendulum: 500 genomes × 20 episodes). Reward: of the final champion over 100 unseen starts.",
        "Means over the runs, where failed runs count with all their generations; the time is the median of a run's.",
    ]
    return Table("Solved with default settings", columns, lines, notes)


def _papers(rows: Sequence[dict[str, Any]]) -> Table:
    lines = []
    for row in rows:
        runs, solved = row["runs"], [run for run in row["runs"] if run["solved"]]
        s = summary([run["evaluations"] for run in solved]) if solved else None
        lines.append(
            [
                row["label"],
                f"{s.mean:,.0f}" if s else "–",
                f"{s.low:,.0f} – {s.high:,.0f}" if s else "–",
                f"{s.greatest:,.0f}" if s else "–",
                f"{len(runs) - len(solved)} of {len(runs)}",
                f"{row['most']:,}",
                _mean(solved, "hidden", 2),
                _mean(solved, "starts of 625"),
                row["published"] or "–",
            ]
        )
    columns = [
        "",
        "evaluations",
        "95 % interval",
        "worst",
        "failures",
        "limit",
        "hidden nodes",
        "starts of 625",
        "evaluations in the paper",
    ]
    notes = ["Evaluations, hidden nodes and starts are means of the runs that solve the task."]
    return Table("Double pole balancing beside the 2002 paper", columns, lines, notes)


def _memory(rows: Sequence[dict[str, Any]]) -> Table:
    lines = []
    for row in rows:
        runs = row["runs"]
        best = "reward, unseen starts" if "reward, unseen starts" in runs[0] else "starts of 625"
        lines.append(
            [
                row["label"],
                f"{sum(run['solved'] for run in runs)} of {len(runs)}",
                _mean(runs, "evaluations"),
                f"{np.mean([run[best] for run in runs]):.3g} ({best})",
            ]
        )
    return Table("Memory", ["", "solved", "evaluations", "champion, mean"], lines)


def _mean(runs: Sequence[dict[str, Any]], name: str, digits: int = 0) -> str:
    return f"{np.mean([run[name] for run in runs]):,.{digits}f}" if runs else "–"
