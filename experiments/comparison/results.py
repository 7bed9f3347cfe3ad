"""The table of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.comparison.curves import ComparedRuns, first_reaching
from experiments.comparison.meter import ComparedRun
from experiments.runs.statistics import bootstrap
from experiments.runs.table import format_number, print_table

_NEAR = 0.05  # share of the best score by which a level may be missed


def summarise(outcomes: ComparedRuns, target: float | None) -> dict[str, Any]:
    """Return statistics of each method's runs, among them the work until they reach a level.

    The level is `target` or, if that is None, 5 % below the highest of the methods' median final scores.
    """
    level = target
    if level is None:
        best = max(_median_score(runs) for runs in outcomes.values())
        level = best - _NEAR * abs(best)
    front = find_front(outcomes)
    return {
        "target": target,
        "level": level,
        "methods": {name: _summarise(runs, level, name in front) for name, runs in outcomes.items()},
    }


def find_front(outcomes: ComparedRuns) -> set[str]:
    """Return the methods of which no other is better: as few parameters and as high a score, one of them better.

    Parameters and scores are the medians of the final ones.
    """
    at = {name: (_median_parameters(runs), -_median_score(runs)) for name, runs in outcomes.items()}
    return {
        name
        for name, own in at.items()
        if not any(other != own and other[0] <= own[0] and other[1] <= own[1] for other in at.values())
    }


def _median_score(runs: Sequence[ComparedRun]) -> float:
    return float(np.median([run.end.score for run in runs]))


def _median_parameters(runs: Sequence[ComparedRun]) -> float:
    return float(np.median([run.parameters for run in runs]))


def _summarise(runs: Sequence[ComparedRun], level: float, on_front: bool) -> dict[str, Any]:
    scores = [run.end.score for run in runs]
    points = [first_reaching(run.curve, level) for run in runs]
    reached = [point.work for point in points if point is not None]
    low, high = bootstrap(scores)
    return {
        "runs": len(runs),
        "parameters": _median_parameters(runs),
        "on_front": on_front,
        "work": float(np.median([run.end.work for run in runs])),
        "score": float(np.mean(scores)),
        "low": low,
        "high": high,
        "median": _median_score(runs),
        "worst": min(scores),
        "best": max(scores),
        "end_at_level": sum(score >= level for score in scores),
        "reached_level": len(reached),
        "work_to_level": float(np.median(reached)) if reached else None,
    }


def print_results(statistics: dict[str, Any], score: str, work: str) -> None:
    """Print the table.

    Args:
        statistics: What `summarise` returned.
        score: Name of the score.
        work: Name and unit of the work.
    """
    level = f"{statistics['level']:.4g}"
    headers = ("", score, "95 % interval", "worst", "parameters", "front", "work")
    rows = []
    for name, values in statistics["methods"].items():
        to_level = values["work_to_level"]
        rows.append([
            name,
            f"{values['score']:.4g}",
            "–" if values["runs"] < 2 else f"{values['low']:.4g} – {values['high']:.4g}",
            f"{values['worst']:.4g}",
            format_number(values["parameters"]),
            "yes" if values["on_front"] else "",
            f"{values['work']:.3g}",
            "–" if to_level is None else f"{to_level:.3g}",
            f"{values['reached_level']} of {values['runs']}",
        ])  # fmt: skip
    reason = "the target" if statistics["target"] is not None else "5 % below the best median"
    caption = (
        f"Means of final scores, with bootstrap intervals; medians of parameters and of {work}. The last two columns: "
        f"work until a run first reaches {level} ({reason}), and runs that do. Front: no other method has as few "
        "parameters and as high a score, in the median."
    )
    print_table((*headers, f"until {level}", "runs"), rows, caption)
