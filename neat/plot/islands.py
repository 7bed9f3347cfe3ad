"""Draw islands side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.evolution.history import History
from neat.plot.canvas import canvas, legend_grid
from neat.plot.curves import clip, set_up_generations, set_value_limits
from neat.plot.style import GREY, check_kind, series_look
from neat.support.messages import quote
from neat.support.validation import check_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 24  # lines that differ


def islands(
    histories: Sequence[History],
    path: str | Path | None = None,
    migrate_every: int | None = None,
    label: str = "best fitness",
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draw the best fitness of each generation of each island, and mark the migrations.

    Args:
        histories: The history of each island, as in the result of `neat.Islands`; at most 24, each of at least one
            generation.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        migrate_every: Draws a line where genomes have migrated, after each of so many generations.
        label: The label of the vertical axis.
        ax: Axes to draw into, instead of a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: There is no island or more than 24, a history is empty, the path has another ending, or `ax` is not
            a matplotlib Axes or is given together with a path.
    """
    curves = _best_of_islands(histories)
    if migrate_every is not None:
        check_integer("migrate_every", migrate_every, 1)
    length = max(map(len, curves))
    labels = [f"island {k}" for k in range(len(curves))]
    grid = legend_grid([*labels, "migration"])
    with canvas(path, ax, grid.size, grid.margins) as drawing:
        axes = drawing.axes
        handles: list[Any] = []
        for number, curve in enumerate(curves):
            look = series_look(number)
            marker = "o" if len(curve) == 1 else None
            handles += axes.plot(
                np.arange(len(curve)), curve, **look, linewidth=1.1, label=labels[number], marker=marker
            )
        places = np.arange(migrate_every, length, migrate_every) - 0.5 if migrate_every else np.empty(0)
        lines = [
            axes.axvline(x, color=GREY, linewidth=0.6, linestyle=(0, (1, 1.5)), zorder=0) for x in places
        ]
        if lines:
            lines[0].set_label("migration")
        set_value_limits(axes, curves)
        set_up_generations(axes, np.arange(length), label)
        drawing.add_legend([*handles, *lines[:1]], grid.columns)
    return drawing.figure


def _best_of_islands(histories: Any) -> list[np.ndarray]:
    """Return the best fitness of each generation of each island, float64 (generations,) each."""
    if isinstance(histories, History) or not isinstance(histories, Sequence):
        raise ValueError(f"histories: must be a list of histories, got {quote(histories)}")
    for number, history in enumerate(histories):
        check_kind(f"histories[{number}]", history, History)
    if not 1 <= len(histories) <= _MOST or not all(map(len, histories)):
        raise ValueError(
            f"histories: expected from 1 to {_MOST} islands, each of at least one generation, got {len(histories)}"
        )
    return [clip(history.generations["best"]) for history in histories]
