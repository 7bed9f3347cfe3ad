"""Draw the fitness and species of a run, and several runs in one figure.

The functions use matplotlib without pyplot: they need no display and do not change the caller's settings. The path's
ending (svg, pdf, png) selects the format. The same data gives the same SVG, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.evolution.history import History
from neat.plot.style import BLUE, GREY, INK, ORANGE, check_kind, figure_and_axes, save, style
from neat.support.messages import quote

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_MOST_COLUMNS = 1000  # largest number of generations drawn; a figure has no more pixels
_LIMIT = 1e100  # values are clipped, because matplotlib's ticks overflow


def fitness(history: History, path: str | Path) -> None:
    """Draw best, mean ± standard deviation, median and best fitness so far over the generations.

    Args:
        history: A run's history of at least one generation.
        path: The file to write.

    Raises:
        ValueError: `history` is not a history or is empty, or the path has another ending.
    """
    rows = _select_generations(history)
    x = rows["generation"]
    best, mean, std, median, ever = (
        np.clip(rows[name], -_LIMIT, _LIMIT) for name in ("best", "mean", "std", "median", "best_ever")
    )
    band, marker = x, ""
    if len(rows) == 1:
        band, marker = x + np.array([-0.4, 0.4]), "o"
    with style():
        figure, axes = figure_and_axes()
        axes.fill_between(
            band, mean - std, mean + std, color=ORANGE, alpha=0.18, linewidth=0, label="mean ± std"
        )
        axes.plot(x, mean, color=ORANGE, linewidth=1.0, label="mean", marker=marker, markersize=3)
        axes.plot(
            x,
            median,
            color=GREY,
            linewidth=1.0,
            linestyle=(0, (4, 2)),
            label="median",
            marker=marker,
            markersize=3,
        )
        axes.plot(x, best, color=BLUE, linewidth=1.0, alpha=0.55, label="best", marker=marker, markersize=3)
        axes.plot(x, ever, color=BLUE, linewidth=1.8, label="best so far", marker=marker, markersize=3)
        _set_value_limits(axes, [best, ever, median], [mean, mean - std, mean + std])
        axes.set_xlabel("generation")
        axes.set_ylabel("fitness")
        _set_generation_ticks(axes, x)
        order = [4, 3, 1, 0, 2]
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(
            [handles[k] for k in order],
            [labels[k] for k in order],
            loc="upper center",
            ncols=5,
            handlelength=1.6,
            columnspacing=1.2,
        )
        save(figure, path)


def species(history: History, path: str | Path) -> None:
    """Draw the sizes of species as stacked areas over the generations, the oldest species at the bottom.

    A species has the same colour in all figures; the larger ones are labelled with their id.

    Args:
        history: A run's history of at least one generation.
        path: The file to write.

    Raises:
        ValueError: `history` is not a history or is empty, or the path has another ending.
    """
    from matplotlib.collections import PolyCollection

    x = _select_generations(history)["generation"]
    rows = history.species[np.isin(history.species["generation"], x)]
    ids, row = np.unique(rows["id"], return_inverse=True)
    column = np.searchsorted(x, rows["generation"])
    size = np.zeros((len(ids), len(x)))
    size[row, column] = rows["size"]
    if len(x) == 1:  # draw one generation as a bar
        x, size = np.array([x[0] - 0.5, x[0] + 0.5]), np.repeat(size, 2, axis=1)
    top = np.cumsum(size, axis=0)
    bottom = top - size
    colours = [_species_colour(id_) for id_ in ids]
    with style():
        figure, axes = figure_and_axes()
        areas = []
        for k in range(len(ids)):
            alive = np.flatnonzero(size[k])
            span = slice(max(alive[0] - 1, 0), alive[-1] + 2)
            upper, lower = (np.column_stack([x[span], edge[k, span]]) for edge in (top, bottom))
            areas.append(np.concatenate([upper, lower[::-1]]))
        axes.add_collection(PolyCollection(areas, facecolors=colours, edgecolors="white", linewidths=0.25))
        _label_areas(axes, x, bottom, top, ids, colours)
        axes.set_xlim(x[0], max(x[-1], x[0] + 1))
        axes.set_ylim(0, top[-1].max())
        axes.set_xlabel("generation")
        axes.set_ylabel("genomes, by species")
        axes.set_title(f"{len(ids)} species", fontsize=8, loc="right")
        _set_generation_ticks(axes, x)
        save(figure, path)


def runs(
    curves: Sequence[History | np.ndarray],
    path: str | Path,
    label: str = "best fitness so far",
    target: float | None = None,
) -> None:
    """Draw each run as a thin line, their median as a bold line, and the middle half as a shaded band.

    A run that ended early, for example because it was solved, ends in a dot; its last value counts from there on.

    Args:
        curves: Arrays of shape (generations,), or histories, of which the best fitness so far is drawn.
        path: The file to write.
        label: The label of the vertical axis.
        target: A value to mark with a line.

    Raises:
        ValueError: There is no run, a run is empty or not a curve, or the path has another ending.
    """
    if not isinstance(curves, Iterable) or getattr(curves, "shape", None) == ():
        one = "; write [history]" if isinstance(curves, History) else ""
        raise ValueError(f"curves: must be a list of histories or of arrays, got {quote(curves)}{one}")
    arrays = [_to_values(f"curves[{number}]", curve) for number, curve in enumerate(curves)]
    if not arrays or min(map(len, arrays)) == 0:
        raise ValueError("curves: expected at least one run, each of at least one generation")
    length = max(map(len, arrays))
    filled = np.array([np.pad(np.clip(a, -_LIMIT, _LIMIT), (0, length - len(a)), "edge") for a in arrays])
    x = np.arange(length)
    lower, median, upper = np.array([_quartiles(column) for column in filled.T]).T
    with style():
        from matplotlib.collections import LineCollection

        figure, axes = figure_and_axes()
        axes.fill_between(x, lower, upper, color=BLUE, alpha=0.15, linewidth=0, label="middle half")
        lines = [np.column_stack([x[: len(a)], row[: len(a)]]) for a, row in zip(arrays, filled, strict=True)]
        alpha = float(np.clip(12 / len(arrays), 0.25, 0.7))
        axes.add_collection(LineCollection(lines, colors=GREY, linewidths=0.5, alpha=alpha))
        axes.plot([], [], color=GREY, linewidth=0.8, label=f"{len(arrays)} runs")
        ends = np.array([line[-1] for line in lines if len(line) < length or length == 1]).reshape(-1, 2)
        axes.plot(*ends.T, "o", color=GREY, markersize=2, markeredgewidth=0, alpha=min(1.0, 2 * alpha))
        axes.plot(x, median, color=BLUE, linewidth=2.0, label="median", marker="o" if length == 1 else None)
        if target is not None:
            axes.axhline(target, color=ORANGE, linewidth=0.8, linestyle=(0, (4, 2)), label="target")
        _set_value_limits(axes, [filled], [])
        axes.set_xlabel("generation")
        axes.set_ylabel(label)
        _set_generation_ticks(axes, x)
        figure.legend(loc="upper center", ncols=4, handlelength=1.6)
        save(figure, path)


def _to_values(name: str, curve: Any) -> np.ndarray:
    """Return the numbers of a run, float64 (generations,)."""
    if isinstance(curve, History):
        return np.asarray(curve.generations["best_ever"], float)
    try:
        values = np.asarray(curve, float)
    except (TypeError, ValueError):
        values = np.empty(())
    if values.ndim != 1:
        check_kind(name, curve, History)
    return values


def _quartiles(values: np.ndarray) -> np.ndarray:
    """Return the quartiles of the values that are not NaN."""
    values = values[~np.isnan(values)]
    return np.percentile(values, [25, 50, 75]) if len(values) else np.full(3, np.nan)


def _select_generations(history: History) -> np.ndarray:
    """Return the rows of the generations to draw."""
    check_kind("history", history, History)
    rows = history.generations
    if len(rows) == 0:
        raise ValueError("history: expected at least one generation, got none")
    if len(rows) > _MOST_COLUMNS:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_COLUMNS).round().astype(int)]
    return rows


def _species_colour(id_: int) -> tuple[float, float, float]:
    """Return a colour that depends only on the id; successive ids get very different hues."""
    from matplotlib.colors import hsv_to_rgb

    hue = (0.58 + id_ * 0.381966) % 1.0  # the golden angle
    saturation, value = ((0.62, 0.72), (0.45, 0.82), (0.75, 0.58))[id_ % 3]
    red, green, blue = hsv_to_rgb((hue, saturation, value))
    return red, green, blue


def _label_areas(
    axes: Axes, x: np.ndarray, bottom: np.ndarray, top: np.ndarray, ids: np.ndarray, colours: list
) -> None:
    """Write the ids of species into their areas if there is room."""
    width = max(2, len(x) // 25)
    windows = np.lib.stride_tricks.sliding_window_view
    for k, colour in enumerate(colours):
        if (top[k] - bottom[k]).max() < 0.06 * top[-1, 0]:
            continue
        ceiling, floor = windows(top[k], width).min(axis=1), windows(bottom[k], width).max(axis=1)
        at = int(np.argmax(ceiling - floor))
        if ceiling[at] - floor[at] < 0.06 * top[-1, 0]:
            continue
        ink = "white" if np.dot(colour, (0.299, 0.587, 0.114)) < 0.6 else INK
        place = (x[at] + x[at + width - 1]) / 2, (ceiling[at] + floor[at]) / 2
        axes.text(*place, str(ids[k]), ha="center", va="center", fontsize=6.5, color=ink)


def _set_generation_ticks(axes: Axes, x: np.ndarray) -> None:
    """Set ticks at whole generations, without margins."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if x[-1] > x[0]:
        axes.set_xlim(x[0], x[-1])


def _set_value_limits(axes: Axes, curves: list[np.ndarray], context: list[np.ndarray]) -> None:
    """Set the value axis to show all of `curves`, and those values of `context` that are near them.

    A few extreme genomes can pull `context` far away. The axis is symmetrically logarithmic if a linear one would
    show one value and flatten the rest.
    """
    values = np.concatenate([c.ravel() for c in curves])
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return
    low, high = values.min(), values.max()
    small = np.quantile(np.abs(values), 0.05)
    if small > 1e-30 and 1000 * small < high - low:
        axes.set_yscale("symlog", linthresh=min(small, abs(low) or small, abs(high) or small))
        axes.set_ylim(low * 1.5 if low < 0 else low / 1.5, high * 1.5 if high > 0 else high / 1.5)
        return
    span = max(high - low, 1e-9 * max(abs(low), abs(high)), 1e-12)
    around = np.concatenate([values[:0], *(c.ravel() for c in context)])
    around = around[np.isfinite(around)]
    near = around[(around > low - 2 * span) & (around < high + 2 * span)]
    if len(near):
        low, high = min(low, near.min()), max(high, near.max())
    margin = 0.05 * max(high - low, span)
    axes.set_ylim(low - margin, high + margin)
