"""Choose the axes that a figure is drawn into: new axes, or the caller's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neat.plot.style import save, select_format, style
from neat.support.messages import quote, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from neat.plot.figure import NotebookFigure

_LONGEST_NAME = 40  # characters of a name in a figure
_SIZE = 4.6, 2.9  # inches; as wide as a column of a paper
_MARGINS = 0.66, 0.1, 0.4, 0.3  # left, right, below and above new axes; a line of legend fits above


class Canvas(NamedTuple):
    """Axes to draw into."""

    axes: Axes
    is_new: bool
    """Whether the axes and their figure were made for this drawing."""

    @property
    def figure(self) -> Figure:
        """The figure of the axes."""
        figure: Any = self.axes.figure
        while figure.figure is not figure:  # a subfigure
            figure = figure.figure
        return figure

    def add_legend(self, handles: Sequence[Any], columns: int = 5) -> None:
        """Draw the legend above new axes, or inside axes of the caller."""
        labels = [show_name(handle.get_label()) for handle in handles]
        if self.is_new:
            legend = self.figure.legend(
                handles, labels, loc="upper center", ncols=columns, handlelength=1.6, columnspacing=1.2
            )
        else:
            legend = self.axes.legend(handles, labels, fontsize="small", frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)


def check_place(path: Any, ax: Any) -> None:
    """Raise ValueError unless a figure can be written to `path` or drawn into `ax`, if they are given."""
    if ax is None:
        if path is not None:
            select_format(path)
        return
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise ValueError(f"ax: must be a matplotlib Axes, got {quote(ax)}")
    if path is not None:
        raise ValueError(f"path: cannot be given with ax, got {quote(path)}; save the figure of ax")


class LegendGrid(NamedTuple):
    """The arrangement of a legend above new axes, and the arguments of `canvas` that give it room."""

    columns: int
    size: tuple[float, float]
    margins: tuple[float, float, float, float]


def legend_grid(labels: Sequence[str]) -> LegendGrid:
    """Return the arrangement of a legend of lines with labels."""
    widest = max(measure_text(show_name(label), 8) for label in labels)
    columns = max(1, min(len(labels), int(_SIZE[0] / (widest + 0.45))))  # with a line's sample and the space
    further = 0.176 * (-(-len(labels) // columns) - 1)  # inches for rows after the first
    left, right, below, above = _MARGINS
    return LegendGrid(columns, (_SIZE[0], _SIZE[1] + further), (left, right, below, above + further))


@contextmanager
def canvas(
    path: str | Path | None,
    ax: Axes | None,
    size: tuple[float, float] = _SIZE,
    margins: tuple[float, float, float, float] = _MARGINS,
) -> Iterator[Canvas]:
    """Yield `ax`, or new axes in batchneat's style, which are written to `path` at the end if it is given.

    Args:
        path: The file to write.
        ax: The caller's axes, which are drawn in matplotlib's current style.
        size: Width and height of a new figure in inches.
        margins: Left, right, below and above new axes, in inches.

    Raises:
        ValueError: `ax` is not a matplotlib Axes, both are given, or the path has another ending.
    """
    check_place(path, ax)
    if ax is not None:
        yield Canvas(ax, False)
        return
    from neat.plot.figure import NotebookFigure

    with style():
        figure = NotebookFigure(figsize=size)
        yield Canvas(_add_axes(figure, size, margins), True)
        if path is not None:
            save(figure, path)


def show_name(name: Any) -> str:
    """Return a name as a figure shows it: on one line, and with at most 40 characters."""
    return shorten(str(name), _LONGEST_NAME)


def check_names(name: str, names: Any, count: int, what: str) -> list[str]:
    """Return names as a list of text; ValueError unless there are `count` of them, one for each `what`."""
    if isinstance(names, str) or not hasattr(names, "__iter__"):
        raise ValueError(f"{name}: must be a list of {count} names, got {quote(names)}")
    result = list(names)
    for each in result:
        if not isinstance(each, str):
            raise ValueError(f"{name}: must be text, got {quote(each)}")
    if len(result) != count:
        raise ValueError(f"{name}: must name each of {count} {what}, got {len(result)} names")
    return result


def measure_text(text: str, size: float) -> float:
    """Return the inches that a line of text in batchneat's font needs; `size` is in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size)
    width = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72
    return 1.05 * width  # letters that are fitted to pixels can be wider


def _add_axes(figure: NotebookFigure, size: tuple[float, float], margins: Sequence[float]) -> Axes:
    # The margins are fixed, because matplotlib's layout engines draw everything twice.
    (width, height), (left, right, below, above) = size, margins
    return figure.add_axes(
        (left / width, below / height, 1 - (left + right) / width, 1 - (below + above) / height)
    )
