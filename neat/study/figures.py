"""Draw the figures of a study: when runs find a solution, and how far arms differ."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.plot.canvas import canvas, legend_grid, measure_text
from neat.plot.comparison import compare
from neat.plot.style import BLUE, GREY, PALE_BLUE, series_look
from neat.study.labels import name_pair, separate_common
from neat.study.report import Cell, Comparison, Picture, Report
from neat.study.statistics import Outcomes, survival
from neat.support.messages import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.22  # inches of a row of the forest plot
_WIDTH, _PLOT = 4.6, 2.4  # inches of the forest plot, and at least of its part with intervals
_LONGEST_PAIR = 70  # characters
_MOST_LINES = 8  # of one figure, which can be told apart


def solved(
    outcomes: Mapping[str, Outcomes], path: str | Path | None = None, *, ax: Axes | None = None
) -> Figure:
    """Draw the share of each arm's runs that have found a solution, by evaluations, with its pointwise interval.

    It is one minus the Kaplan–Meier curve, and the empirical distribution of the evaluations up to the limit.

    Args:
        outcomes: The outcomes of each arm on a task, by the arm's name.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        ax: Axes to draw into, instead of a new figure.
    """
    labels = [f"{arm} ({sum(each.solved)} of {len(each.solved)})" for arm, each in outcomes.items()]
    grid = legend_grid(labels)
    left, _, below, above = grid.margins
    margins = left, 0.28, below, above  # the last tick's label is wide
    with canvas(path, ax, grid.size, margins) as drawing:
        axes, handles = drawing.axes, []
        for number, (each, label) in enumerate(zip(outcomes.values(), labels, strict=True)):
            x, share, low, high = _solved_steps(each)
            look = series_look(number)
            axes.fill_between(x, low, high, step="post", color=look["color"], alpha=0.15, linewidth=0)
            handles += axes.plot(x, share, **look, drawstyle="steps-post", linewidth=1.4, label=label)
        axes.set_xlim(0, max(each.limit for each in outcomes.values()))
        axes.set_ylim(0, 1.02)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlabel("evaluations")
        axes.set_ylabel("share of runs solved")
        drawing.add_legend(handles, grid.columns)
    return drawing.figure


def forest(
    comparisons: Sequence[Comparison], path: str | Path | None = None, *, ax: Axes | None = None
) -> Figure:
    """Draw the ratio of the restricted means of each comparison with its interval, grouped by task.

    The thick part of a line covers 90 %, which decides about equivalence; the thin line covers 95 %. The shaded area is
    the margin of equivalence. Points to the left of 1 need fewer evaluations than the control.

    Args:
        comparisons: Comparisons that have a ratio.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        ax: Axes to draw into, instead of a new figure.
    """
    tasks = list(dict.fromkeys(row.task for row in comparisons))
    labels, rows, place = [], [], 0.0
    for task in tasks:
        labels.append((place, task, True))
        for row in (row for row in comparisons if row.task == task):
            place += 1
            labels.append((place, name_pair(row.arm, row.control), False))
            rows.append((place, row))
        place += 1.3
    labels = [(at, shorten(text, _LONGEST_PAIR), is_task) for at, text, is_task in labels]
    left = max(measure_text(text, 8) for _, text, _ in labels) + 0.25
    size = max(_WIDTH, left + _PLOT), 0.75 + _ROW * place
    with canvas(path, ax, size, (left, 0.15, 0.4, 0.15)) as drawing:
        axes = drawing.axes
        for position, row in rows:
            _draw_interval(axes, position, row)
        axes.axvline(1, color=GREY, linewidth=0.8)
        _set_ratio_axis(axes, [row for _, row in rows])
        axes.set_ylim(place - 0.3, -0.8)
        ticks = axes.set_yticks([at for at, _, _ in labels], [text for _, text, _ in labels])
        for tick, (_, _, is_task) in zip(ticks, labels, strict=True):
            tick.label1.set(parse_math=False, fontweight="bold" if is_task else "normal")
        axes.tick_params("y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("evaluations, as a multiple of the control's")
    return drawing.figure


def draw(
    folder: Path,
    report: Report,
    cells: Mapping[tuple[str, str], Cell],
    curves: Mapping[tuple[str, str], Sequence[np.ndarray]],
) -> dict[str, list[Picture]]:
    """Write all figures of a study, and return them by task; those of all tasks under "".

    Where a task has many arms, each control has figures of its own, with the arms that are compared with it.

    Args:
        folder: The folder to write to.
        report: The report of the study.
        cells: The runs by task and arm.
        curves: By task and arm, the best fitness so far of each run, float64 (generations,).
    """
    pictures: dict[str, list[Picture]] = {}
    slugs: set[str] = set()
    for task in dict.fromkeys(task for task, _ in cells):
        arms = [arm for of, arm in cells if of == task]
        pictures[task] = []
        for group in _group_arms(arms, [row for row in report.comparisons if row.task == task]):
            labels, common = separate_common(group) if len(group) < len(arms) else (group, "")
            slug = _make_slug(slugs, task, common)
            of_label = dict(zip(labels, group, strict=True))
            outcomes = {label: cells[task, arm].outcomes for label, arm in of_label.items()}
            known = {label: each for label, each in outcomes.items() if each is not None}
            if known:
                solved(known, folder / f"solved-{slug}.svg")
                pictures[task].append(Picture(common, f"solved-{slug}.svg"))
            compare(
                {label: curves[task, arm] for label, arm in of_label.items()}, folder / f"curves-{slug}.svg"
            )
            pictures[task].append(Picture(common, f"curves-{slug}.svg"))
    compared = [row for row in report.comparisons if row.ratio is not None]
    if compared:
        forest(compared, folder / "effects.svg")
        pictures[""] = [Picture("", "effects.svg")]
    return pictures


def _group_arms(arms: Sequence[str], comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Return all arms together if they are few, else each control with its arms, and the arms that are not compared."""
    if len(arms) <= _MOST_LINES or not comparisons:
        return [list(arms)]
    groups: dict[str, list[str]] = {}
    for row in comparisons:
        groups.setdefault(row.control, [row.control]).append(row.arm)
    rest = [arm for arm in arms if all(arm not in group for group in groups.values())]
    return [*groups.values(), *([rest] if rest else [])]


def _make_slug(taken: set[str], *names: str) -> str:
    """Return a part of a file name that is not taken, and add it to those that are."""
    text = " ".join(name for name in names if name)
    slug = "".join(letter if letter.isalnum() else "-" for letter in text)
    numbered = (f"{slug}-{number}" for number in itertools.count(2))
    # File systems of macOS and Windows do not tell upper case from lower case.
    free = next(each for each in itertools.chain([slug], numbered) if each.casefold() not in taken)
    taken.add(free.casefold())
    return free


def _solved_steps(outcomes: Outcomes) -> np.ndarray:
    """Return evaluations, share solved, and the ends of its interval from 0 to the limit, float64 (4, steps)."""
    curve = survival(outcomes)
    ends = [np.where(np.isnan(end), curve.share, end) for end in (curve.high, curve.low)]
    steps = np.array([curve.evaluations, *(1 - each for each in (curve.share, *ends))])
    return np.column_stack([np.zeros(4), steps, [outcomes.limit, *steps[1:, -1]]])


def _draw_interval(axes: Axes, place: float, row: Comparison) -> None:
    assert row.ratio is not None
    low, high = 1 / (1 + row.margin), 1 + row.margin
    axes.fill_betweenx([place - 0.5, place + 0.5], low, high, color=PALE_BLUE, alpha=0.35, linewidth=0)
    for interval, width in ((row.ratio.ratio, 1.0), (row.ratio.narrow, 2.6)):
        axes.plot(interval[1:], [place, place], color=BLUE, linewidth=width, solid_capstyle="butt")
    axes.plot(row.ratio.ratio.estimate, place, "o", color=BLUE, markersize=4.5)


def _set_ratio_axis(axes: Axes, rows: Sequence[Comparison]) -> None:
    """Make the axis logarithmic and symmetric about 1, with ticks that can be read."""
    from matplotlib.ticker import NullLocator

    ends: list[Any] = [abs(math.log(end)) for row in rows if row.ratio for end in row.ratio.ratio]
    widest = math.exp(1.05 * max([*ends, *(math.log1p(row.margin) for row in rows)]))
    axes.set_xscale("log")
    axes.set_xlim(1 / widest, widest)
    steps = (0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.4) if widest < 1.6 else (0.1, 0.2, 0.5, 0.7, 1, 1.4, 2, 5, 10)
    axes.set_xticks([step for step in steps if 1 / widest <= step <= widest])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
