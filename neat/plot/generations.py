"""Draw the fitness and the species of a run.

The functions of `neat.plot` use matplotlib without pyplot: they need no display and do not change the settings of the
caller. The same data gives the same SVG, byte for byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.evolution.history import History
from neat.plot.canvas import canvas
from neat.plot.curves import clip, set_up_generations, set_value_limits
from neat.plot.style import BLUE, GREY, INK, ORANGE, PALE_BLUE, check_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_MOST_COLUMNS = 1000  # largest number of generations drawn; a figure has no more pixels


def fitness(history: History, path: str | Path | None = None, *, ax: Axes | None = None) -> Figure:
    """Draw best, mean ± standard deviation, median and best fitness so far over the generations.

    Args:
        history: A run's history of at least one generation.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        ax: Axes to draw into, instead of a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: `history` is not a history or is empty, the path has another ending, or `ax` is not a matplotlib
            Axes or is given together with a path.
    """
    rows = _select_generations(history)
    x = rows["generation"]
    best, mean, std, median, ever = (
        clip(rows[name]) for name in ("best", "mean", "std", "median", "best_ever")
    )
    line: dict[str, Any] = {"linewidth": 1.0, "markersize": 3}
    band = x
    if len(rows) == 1:
        band, line["marker"] = x + np.array([-0.4, 0.4]), "o"
    with canvas(path, ax) as drawing:
        axes = drawing.axes
        deviation = axes.fill_between(
            band, mean - std, mean + std, color=ORANGE, alpha=0.18, linewidth=0, label="mean ± std"
        )
        lines = [
            axes.plot(x, values, **{**line, **look}, label=label)[0]
            for label, values, look in (
                ("mean", mean, {"color": ORANGE}),
                ("median", median, {"color": GREY, "linestyle": (0, (4, 2))}),
                # They are equal wherever champions are copied, so the wide line shows on both sides of the thin one.
                ("best so far", ever, {"color": PALE_BLUE, "linewidth": 3.5, "markersize": 6}),
                ("best", best, {"color": BLUE}),
            )
        ]
        set_value_limits(axes, [best, ever, median], [mean, mean - std, mean + std])
        set_up_generations(axes, x, "fitness")
        mean_line, median_line, ever_line, best_line = lines
        drawing.add_legend([ever_line, best_line, mean_line, deviation, median_line])
    return drawing.figure


def species(history: History, path: str | Path | None = None, *, ax: Axes | None = None) -> Figure:
    """Draw the sizes of species as stacked areas over the generations, the oldest species at the bottom.

    A species has the same colour in all figures; the larger ones are labelled with their id. The title counts the
    species that are alive in the last generation, and all that ever lived.

    Args:
        history: A run's history of at least one generation.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        ax: Axes to draw into, instead of a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: See `fitness`.
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
    alive, total = len(history.last_species), len(np.unique(history.species["id"]))
    with canvas(path, ax) as drawing:
        axes, areas = drawing.axes, []
        for k in range(len(ids)):
            present = np.flatnonzero(size[k])
            span = slice(max(present[0] - 1, 0), present[-1] + 2)
            upper, lower = (np.column_stack([x[span], edge[k, span]]) for edge in (top, bottom))
            areas.append(np.concatenate([upper, lower[::-1]]))
        axes.add_collection(PolyCollection(areas, facecolors=colours, edgecolors="white", linewidths=0.25))
        _label_areas(axes, x, bottom, top, ids, colours)
        axes.set_xlim(x[0], max(x[-1], x[0] + 1))
        axes.set_ylim(0, top[-1].max())
        axes.set_title(f"species: {alive} alive at the end, {total} in all", fontsize=8, loc="right")
        set_up_generations(axes, x, "genomes, by species")
    return drawing.figure


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
        room = ceiling - floor
        edge = len(x) // 30  # an id at the edge would not lie in its area
        at = edge + int(np.argmax(room[edge : len(room) - edge]))
        if ceiling[at] - floor[at] < 0.06 * top[-1, 0]:
            continue
        ink = "white" if np.dot(colour, (0.299, 0.587, 0.114)) < 0.6 else INK
        place = (x[at] + x[at + width - 1]) / 2, (ceiling[at] + floor[at]) / 2
        axes.text(*place, str(ids[k]), ha="center", va="center", fontsize=6.5, color=ink)
