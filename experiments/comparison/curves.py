"""The figure of a comparison: learning curves, and scores against parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.comparison.meter import ComparedRun, Point
from neat.plot.style import BLUE, GREY, INK, ORANGE, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ComparedRuns = Mapping[str, Sequence[ComparedRun]]
"""The results of each method's runs."""

# Other methods are orange.
_COLOURS = {
    "NEAT": BLUE,
    "NEAT, learning": "#4d9221",
    "generation 0 learns": "#a6d96a",
    "random search": GREY,
    "CNN": "#762a83",
}
_TICKS = 200
_FIRST_ON_TOP = 20  # order of drawing of the first method; that of all bands and small dots is lower
_SUBDIVISIONS = (1.0, 3.0)  # of a decade that have a number
_SPAN = 1e-3  # the first tick's share of the last


class Labels(NamedTuple):
    """The labels of the axes."""

    work: str
    score: str


def first_reaching(curve: Sequence[Point], level: float) -> Point | None:
    """Return the first point with a score of at least `level`, or None."""
    return next((point for point in curve if point.score >= level), None)


def common_ticks(outcomes: ComparedRuns, budget: float) -> np.ndarray:
    """Return the ticks at which all runs are read, float64 (ticks,), of which the last is the end of every run."""
    last = max(budget, *(run.end.work for runs in outcomes.values() for run in runs))
    return last * np.geomspace(_SPAN, 1, _TICKS)


def scores_at(runs: Sequence[ComparedRun], ticks: np.ndarray) -> np.ndarray:
    """Return the score of each run at the ticks where all of them have one, float64 (runs, ticks); before that, NaN.

    So the median does not change because a run begins. After its end, a run keeps its last score.
    """
    result = np.empty((len(runs), len(ticks)))
    for row, run in zip(result, runs, strict=True):
        work, scores = np.array(run.curve).T
        row[:] = np.append(np.nan, scores)[np.searchsorted(work, ticks * (1 + 1e-12), side="right")]
    result[:, np.isnan(result).any(axis=0)] = np.nan
    return result


def make_panels(height: float, left: float, above: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with two panels side by side; its height and the margins are in inches."""
    from matplotlib.figure import Figure

    width, right, below, between = 7.2, 0.1, 0.4, 0.2
    figure = Figure(figsize=(width, height))
    share = (width - left - right - between) / 2
    return figure, [
        figure.add_axes((x / width, below / height, share / width, 1 - (below + above) / height))
        for x in (left, left + share + between)
    ]


def draw(
    outcomes: ComparedRuns, statistics: dict[str, Any], budget: float, labels: Labels, path: Path
) -> None:
    """Draw the scores of each method's runs against their work, and the final ones against the number of parameters.

    Args:
        outcomes: The results of each method's runs.
        statistics: What `results.summarise` returned.
        budget: The work that a run may do.
        labels: The labels of the axes.
        path: File to write.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    with style():
        figure, panels = make_panels(3.1, left=0.6, above=0.45)
        _draw_curves(panels[0], outcomes, common_ticks(outcomes, budget))
        front = [name for name, values in statistics["methods"].items() if values["on_front"]]
        _draw_front(panels[1], outcomes, front)
        target = statistics["target"]
        for axes, label in zip(panels, (labels.work, "parameters"), strict=True):
            if target is not None:
                axes.axhline(target, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), label="target")
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=_SUBDIVISIONS))
            axes.xaxis.set_major_formatter("{x:,g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel(label)
        panels[0].set_ylabel(labels.score)
        panels[1].sharey(panels[0])
        panels[1].tick_params(labelleft=False)
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="upper center", ncols=4, handlelength=1.6, labelcolor=INK)
        save(figure, path)


def _draw_curves(axes: Axes, outcomes: ComparedRuns, ticks: np.ndarray) -> None:
    """Draw the median and the middle half of each method's runs at the common ticks."""
    for place, (name, runs) in enumerate(outcomes.items()):
        colour = _COLOURS.get(name, ORANGE)
        scores = scores_at(runs, ticks)
        lower, median, upper = np.percentile(scores, [25, 50, 75], axis=0)
        axes.fill_between(ticks, lower, upper, color=colour, alpha=0.18, linewidth=0)
        axes.plot(ticks, median, color=colour, linewidth=1.6, label=name, zorder=_FIRST_ON_TOP - place)


def _draw_front(axes: Axes, outcomes: ComparedRuns, front: Collection[str]) -> None:
    """Draw a dot for each run and a larger one for a method's medians, and a line through those on the front."""
    corners = []
    for place, (name, runs) in enumerate(outcomes.items()):
        colour = _COLOURS.get(name, ORANGE)
        parameters = [run.parameters for run in runs]
        scores = [run.end.score for run in runs]
        axes.plot(parameters, scores, "o", color=colour, markersize=2.5, alpha=0.4, markeredgewidth=0)
        middle = float(np.median(parameters)), float(np.median(scores))
        around: Any = {
            "markeredgecolor": "white",
            "markeredgewidth": 0.6,
            "zorder": _FIRST_ON_TOP - place,
        }
        axes.plot(*middle, "o", color=colour, markersize=6, **around)
        corners += [middle] if name in front else []
    axes.step(*zip(*sorted(corners), strict=True), where="post", color=INK, linewidth=0.7, zorder=0)
