"""Draw the legend under a network: weights, disabled connections, and functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from neat.plot.canvas import measure_text
from neat.plot.style import BLUE, GREY, INK, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

_DISABLED = "disabled"
_LEFT = 1.65  # inches, where the entries beside the bar of weights begin
_SIZE = 6.0  # points
_ROW = 0.125  # inches


class Legend(NamedTuple):
    """The content and the arrangement of a legend."""

    greatest: float | None
    """The greatest absolute weight; None without connections."""
    entries: Mapping[str, str | None]
    """The texts, each with the colour of nodes that it explains, if any."""
    columns: int
    width: float
    """The least width of the figure in inches."""
    further_height: float
    """Inches that it needs beside those of a single line."""


def plan_legend(connections: list[dict[str, Any]], entries: Mapping[str, str | None], width: float) -> Legend:
    """Return the legend of a network whose figure has a width in inches."""
    if not all(c["enabled"] for c in connections):
        entries = {_DISABLED: None, **entries}
    greatest = max((abs(c["weight"]) for c in connections), default=None)
    if not entries:
        return Legend(greatest, entries, 1, _LEFT, 0.0)
    widest = max(measure_text(text, _SIZE) for text in entries) + 0.32  # the line or dot, and the space
    columns = max(1, min(len(entries), int((width - _LEFT) / widest)))
    rows = -(-len(entries) // columns)
    return Legend(greatest, entries, columns, _LEFT + widest, _ROW * (rows - 1))


def draw_legend(axes: Axes, legend: Legend, size: tuple[float, float]) -> None:
    """Draw the legend into axes of a width and a height in inches."""
    width, height = size
    middle = 0.3 + legend.further_height / 2
    if legend.greatest is not None:
        _draw_weights(axes, legend.greatest or 1.0, size, middle)
    if legend.entries:
        axes.legend(
            handles=[_handle(text, colour) for text, colour in legend.entries.items()],
            loc="center left",
            bbox_to_anchor=(_LEFT / width, middle / height),
            ncols=legend.columns,
            fontsize=_SIZE,
            borderpad=0,
            borderaxespad=0,
            handlelength=1.6,
            columnspacing=1.0,
            frameon=False,
        )


def weight_colours() -> Colormap:
    """Return a map from orange (negative) over a grey that is visible on white to blue (positive)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("weight", [ORANGE, "#c9c9c9", BLUE])


def _draw_weights(axes: Axes, greatest: float, size: tuple[float, float], middle: float) -> None:
    """Draw the bar of weights and its label, `middle` inches above the lower edge of the axes."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    width, height = size
    bar = axes.inset_axes((0.55 / width, (middle - 0.03) / height, 0.9 / width, 0.07 / height))
    axes.figure.colorbar(
        ScalarMappable(Normalize(-greatest, greatest), weight_colours()), bar, orientation="horizontal"
    )
    bar.set_xticks([-greatest, 0, greatest], [f"−{greatest:.3g}", "0", f"{greatest:.3g}"], fontsize=5.5)
    bar.tick_params(length=1.5, pad=1)
    look: Any = {"fontsize": _SIZE, "ha": "right", "va": "center", "transform": axes.transAxes}
    axes.text(0.5 / width, middle / height, "weight", **look)


def _handle(text: str, colour: str | None) -> Any:
    """Return a legend's sample: a dashed line, a dot, or nothing beside a text that explains itself."""
    from matplotlib.lines import Line2D

    if text == _DISABLED:
        return Line2D([], [], color=GREY, linewidth=0.7, linestyle=(0, (3, 2)), label=text)
    if colour is None:
        return Line2D([], [], linestyle="none", label=text)
    return Line2D(
        [],
        [],
        marker="o",
        color="none",
        markerfacecolor=colour,
        markeredgecolor=INK,
        markeredgewidth=0.5,
        markersize=5,
        label=text,
    )
