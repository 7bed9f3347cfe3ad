"""Draw many runs in one figure: those of one setting, or of several arms."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.evolution.history import History
from neat.plot.canvas import canvas, legend_grid
from neat.plot.curves import clip, set_up_generations, set_value_limits, to_reals
from neat.plot.style import BLUE, GREY, ORANGE, check_kind, series_look
from neat.support.messages import quote

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Run = History | np.ndarray


def runs(
    curves: Sequence[Run],
    path: str | Path | None = None,
    label: str = "best fitness so far",
    target: float | None = None,
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draw each run as a thin line, their median as a bold line, and the middle half as a shaded band.

    A run that ended early, for example because it was solved, ends in a dot; its last value counts from there on.

    Args:
        curves: Arrays of shape (generations,), or histories, of which the best fitness so far is drawn.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        label: The label of the vertical axis.
        target: A value to mark with a line.
        ax: Axes to draw into, instead of a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: There is no run, a run is empty or not a curve, the path has another ending, or `ax` is not a
            matplotlib Axes or is given together with a path.
    """
    arrays = _to_arrays("curves", curves)
    length = max(map(len, arrays))
    filled = _fill(arrays, length)
    x = np.arange(length)
    lower, median, upper = _quartiles(filled)
    lines = [np.column_stack([x[: len(a)], row[: len(a)]]) for a, row in zip(arrays, filled, strict=True)]
    alpha = float(np.clip(12 / len(arrays), 0.25, 0.7))
    ends = np.array([line[-1] for line in lines if len(line) < length or length == 1]).reshape(-1, 2)
    with canvas(path, ax) as drawing:
        from matplotlib.collections import LineCollection
        from matplotlib.lines import Line2D

        axes = drawing.axes
        band = axes.fill_between(x, lower, upper, color=BLUE, alpha=0.15, linewidth=0, label="middle half")
        axes.add_collection(LineCollection(lines, colors=GREY, linewidths=0.5, alpha=alpha))
        axes.plot(*ends.T, "o", color=GREY, markersize=2, markeredgewidth=0, alpha=min(1.0, 2 * alpha))
        (middle,) = axes.plot(
            x, median, color=BLUE, linewidth=2.0, label="median", marker="o" if length == 1 else None
        )
        each = Line2D([], [], color=GREY, linewidth=0.8, label=_count_runs(arrays))
        set_value_limits(axes, [filled])
        set_up_generations(axes, x, label)
        drawing.add_legend([band, each, middle, *_mark_target(axes, target, ORANGE)])
    return drawing.figure


def compare(
    runs_by_arm: Mapping[str, Sequence[Run]],
    path: str | Path | None = None,
    label: str = "best fitness so far",
    target: float | None = None,
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draw the median and the middle half of the runs of each arm, one colour for each.

    The last value of a run that ended early counts until the last run of its arm ends. A dot marks that end if runs of
    other arms go on.

    Args:
        runs_by_arm: The runs of each arm by its name, as for `runs`.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        label: The label of the vertical axis.
        target: A value to mark with a line.
        ax: Axes to draw into, instead of a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: There is no arm, or see `runs`.
    """
    if not isinstance(runs_by_arm, Mapping) or not runs_by_arm:
        raise ValueError(
            f"runs_by_arm: must be a dictionary of lists of runs, by the arms' names, got {quote(runs_by_arm)}"
        )
    arms = {
        str(name): _to_arrays(f"runs_by_arm[{quote(name)}]", curves) for name, curves in runs_by_arm.items()
    }
    labels = [f"{name} ({_count_runs(arrays)})" for name, arrays in arms.items()]
    length = max(len(curve) for arrays in arms.values() for curve in arrays)
    grid = legend_grid([*labels, *(["target"] if target is not None else [])])
    with canvas(path, ax, grid.size, grid.margins) as drawing:
        axes, handles, drawn = drawing.axes, [], []
        for number, (arrays, name) in enumerate(zip(arms.values(), labels, strict=True)):
            end = max(map(len, arrays))
            x, (lower, median, upper) = np.arange(end), _quartiles(_fill(arrays, end))
            look = series_look(number)
            axes.fill_between(x, lower, upper, color=look["color"], alpha=0.18, linewidth=0)
            handles += axes.plot(x, median, **look, linewidth=1.6, label=name)
            if end < length or end == 1:
                axes.plot(x[-1], median[-1], "o", color=look["color"], markersize=3.5)
            drawn += [lower, upper]
        set_value_limits(axes, drawn)
        set_up_generations(axes, np.arange(length), label)
        drawing.add_legend([*handles, *_mark_target(axes, target, GREY)], grid.columns)
    return drawing.figure


def _mark_target(axes: Axes, target: float | None, colour: str) -> list[Any]:
    """Draw a line at the target if there is one, and return the legend's handles of it."""
    if target is None:
        return []
    return [axes.axhline(target, color=colour, linewidth=0.8, linestyle=(0, (4, 2)), label="target")]


def _count_runs(arrays: list[np.ndarray]) -> str:
    return f"{len(arrays)} run{'s' if len(arrays) != 1 else ''}"


def _to_arrays(name: str, curves: Any) -> list[np.ndarray]:
    """Return the numbers of each run, float64 (generations,)."""
    if not isinstance(curves, Iterable) or getattr(curves, "shape", None) == ():
        one = "; write [history]" if isinstance(curves, History) else ""
        raise ValueError(f"{name}: must be a list of histories or of arrays, got {quote(curves)}{one}")
    arrays = [_to_values(f"{name}[{number}]", curve) for number, curve in enumerate(curves)]
    if not arrays or min(map(len, arrays)) == 0:
        raise ValueError(f"{name}: expected at least one run, each of at least one generation")
    return arrays


def _to_values(name: str, curve: Any) -> np.ndarray:
    """Return the numbers of a run, float64 (generations,)."""
    if isinstance(curve, History):
        return np.asarray(curve.generations["best_ever"], float)
    values = to_reals(curve, 1)
    if values is None:
        check_kind(name, curve, History)
    assert values is not None
    return values


def _fill(arrays: list[np.ndarray], length: int) -> np.ndarray:
    """Return the runs as float64 (runs, length); a run that ended early keeps its last value."""
    return np.array([np.pad(clip(a), (0, length - len(a)), "edge") for a in arrays])


def _quartiles(filled: np.ndarray) -> np.ndarray:
    """Return the quartiles of the runs' values that are not NaN, float64 (3, generations)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of generations that have no other values
        return np.nanpercentile(filled, [25, 50, 75], axis=0)
