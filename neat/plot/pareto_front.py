"""Draw the trade-off between two objectives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.plot.canvas import canvas, check_names, show_name
from neat.plot.curves import to_reals
from neat.plot.style import BLUE, GREY
from neat.support.messages import quote

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pareto(
    objectives: Any,
    path: str | Path | None = None,
    names: Sequence[str] = ("objective 0", "objective 1"),
    maximise: Sequence[bool] = (True, True),
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draw points by two objectives, such as size and fitness, and the front of those that no other point dominates.

    A point dominates another if it is at least as good in both objectives, and better in one (Deb et al. 2002). The
    line bounds the area that the front dominates.

    Args:
        objectives: Numbers of shape (points, 2): the first objective is drawn to the right, the second upwards. Points
            that are not finite are left out.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        names: Names of the two objectives.
        maximise: Whether more is better, for each objective.
        ax: Axes to draw into, instead of a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: There is no finite point, an argument has the wrong form, the path has another ending, or `ax` is
            not a matplotlib Axes or is given together with a path.
    """
    points = _check_points(objectives)
    names = check_names("names", names, 2, "objectives")
    better = list(maximise) if isinstance(maximise, Sequence | np.ndarray) else []
    if len(better) != 2 or not all(isinstance(each, bool | np.bool_) for each in better):
        raise ValueError(f"maximise: must be two booleans, got {quote(maximise)}")
    front = find_front(points * np.where(better, 1.0, -1.0))
    with canvas(path, ax) as drawing:
        axes = drawing.axes
        (others,) = axes.plot(
            *points[~front].T, "o", color=GREY, markersize=3, markeredgewidth=0, alpha=0.5, label="dominated"
        )
        corners = np.unique(points[front], axis=0)  # by the first objective
        way = "steps-pre" if better[0] else "steps-post"
        (line,) = axes.plot(
            *corners.T,
            color=BLUE,
            marker="o",
            markersize=4,
            markeredgewidth=0,
            drawstyle=way,
            label=f"front ({len(corners)})",
        )
        labels = [
            f"{show_name(name)} ({'more' if more else 'less'} is better)"
            for name, more in zip(names, better, strict=True)
        ]
        axes.set_xlabel(labels[0], parse_math=False)
        axes.set_ylabel(labels[1], parse_math=False)
        drawing.add_legend([line, others] if not front.all() else [line])
    return drawing.figure


def find_front(points: np.ndarray) -> np.ndarray:
    """Return which points no other dominates, bool (points,); more is better in both columns."""
    order = np.lexsort((-points[:, 1], -points[:, 0]))  # from the best first objective on
    first, second = points[order].T
    starts = np.concatenate([[True], first[1:] != first[:-1]])  # of points with an equal first objective
    group = np.cumsum(starts) - 1
    best = second[starts][group]  # of the point's group
    so_far = np.maximum.accumulate(second[starts])
    before = np.concatenate([[-np.inf], so_far])[group]  # of all groups before it
    result = np.empty(len(points), bool)
    result[order] = (second == best) & (second > before)
    return result


def _check_points(objectives: Any) -> np.ndarray:
    points = to_reals(objectives, 2)
    if points is None or points.shape[1] != 2:
        raise ValueError(f"objectives: must be numbers of shape (points, 2), got {quote(objectives)}")
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) == 0:
        raise ValueError("objectives: expected at least one finite point, got none")
    return points
