"""Learning curves of several methods, and their figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neat.plot.style import BLUE, GREY, INK, ORANGE, save, style

_COLOURS = {"NEAT": BLUE, "NEAT, learning": "#4d9221", "CNN": "#762a83"}  # other methods are orange
_COLUMNS = 1000


class Point(NamedTuple):
    """A point of a learning curve."""

    work: float
    seconds: float
    score: float


def first_reaching(curve: Sequence[Point], level: float) -> Point | None:
    """Return the first point with a score of at least `level`, or None."""
    return next((point for point in curve if point.score >= level), None)


def scores_on_grid(curves: Sequence[Sequence[Point]], key: str, grid: np.ndarray) -> np.ndarray:
    """Return each run's score at the points of the grid, (runs, points). After its end, a run keeps its last score."""
    result = np.empty((len(curves), len(grid)))
    for row, curve in zip(result, curves, strict=True):
        x = np.array([getattr(point, key) for point in curve])
        scores = np.array([np.nan, *(point.score for point in curve)])
        row[:] = scores[np.searchsorted(x, grid * (1 + 1e-12), side="right")]
    return result


def draw(
    curves: dict[str, list[list[Point]]], path: Path, work: str, score: str, target: float | None
) -> None:
    """Draw median and middle half of each method's runs against work and against time, with a dot at the median end.

    Curves begin where half of the runs have a score.

    Args:
        curves: For each method, its runs' points.
        path: File to write.
        work: Label of the horizontal axis of work.
        score: Label of the vertical axis.
        target: A score to mark with a line.
    """
    from matplotlib.figure import Figure

    width, height, left, right, below, above, between = 7.2, 2.9, 0.6, 0.1, 0.4, 0.3, 0.2
    with style():
        figure = Figure(figsize=(width, height))
        share = (width - left - right - between) / 2
        panels = [
            figure.add_axes((x / width, below / height, share / width, 1 - (below + above) / height))
            for x in (left, left + share + between)
        ]
        for axes, key, label in zip(panels, ("work", "seconds"), (work, "time (s)"), strict=True):
            for name, runs in curves.items():
                colour = _COLOURS.get(name, ORANGE)
                first = np.median([getattr(run[0], key) for run in runs])
                ends = [getattr(run[-1], key) for run in runs]
                grid = np.geomspace(first, max(*ends, first * 1.01), _COLUMNS)
                lower, median, upper = np.nanpercentile(scores_on_grid(runs, key, grid), [25, 50, 75], axis=0)
                axes.fill_between(grid, lower, upper, color=colour, alpha=0.18, linewidth=0)
                axes.plot(grid, median, color=colour, linewidth=1.6, label=name)
                final = np.median([run[-1].score for run in runs])
                axes.plot(np.median(ends), final, "o", color=colour, markersize=3.5)
            if target is not None:
                axes.axhline(target, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), label="target")
            axes.set_xscale("log")
            axes.set_xlabel(label)
        panels[0].set_ylabel(score)
        panels[1].sharey(panels[0])
        panels[1].tick_params(labelleft=False)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper center", ncols=5, handlelength=1.6, labelcolor=INK)
        save(figure, path)
