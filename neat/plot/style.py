"""Define the colours and style of all figures, and write figures to files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neat.evolution.history import History
from neat.genome.genome import Genome, Genomes
from neat.support.files import as_path, write_atomically
from neat.support.messages import quote

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, INK = "#2166ac", "#d6604d", "#8c8c8c", "#222222"

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so figures are the same everywhere
    "font.size": 8.0,
    "axes.linewidth": 0.6,
    "axes.labelpad": 2.0,
    "axes.edgecolor": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "batchneat",  # otherwise, ids in an SVG are random
}
_FORMATS = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
# Attributes of a result or a population to suggest where the user passes the whole.
_PARTS = {Genome: ("champion", "best"), History: ("history",)}
_NOT_STYLE = ("backend", "interactive", "toolbar", "timezone", "date.", "webagg", "savefig.dir")


@contextmanager
def style() -> Iterator[None]:
    """Make matplotlib draw in batchneat's style within the context, independent of the caller's settings."""
    import matplotlib

    rc: Any = dict(matplotlib.rcParamsDefault)
    rc = {k: v for k, v in rc.items() if not k.startswith(_NOT_STYLE)} | _STYLE
    with matplotlib.rc_context(rc):
        yield


def figure_and_axes() -> tuple[Figure, Axes]:
    """Return an empty figure as wide as a column of a paper, with room for a line of legend."""
    from matplotlib.figure import Figure

    # The margins are fixed, because matplotlib's layout engines draw everything twice.
    width, height, left, right, below, above = 4.6, 2.9, 0.66, 0.1, 0.4, 0.3
    figure = Figure(figsize=(width, height))
    box = (left / width, below / height, 1 - (left + right) / width, 1 - (below + above) / height)
    return figure, figure.add_axes(box)


def save(figure: Figure, path: str | Path) -> None:
    """Write `figure` in the format of the path's ending, without a date; raise ValueError for another ending."""
    kind = as_path(path).suffix.lower().removeprefix(".")
    if kind not in _FORMATS:
        raise ValueError(f"path: must end in .{', .'.join(_FORMATS)}, got {quote(str(path))}")
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=200, metadata=_FORMATS[kind])
    write_atomically(path, content.getvalue())


def check_kind(name: str, value: Any, kind: type[Genome | History]) -> None:
    """Raise ValueError unless `value` is a `kind`; the message suggests which part of it to pass instead."""
    if isinstance(value, kind):
        return
    got, instead = quote(value), ""
    part = next((part for part in _PARTS[kind] if hasattr(value, part)), None)
    if part is not None:
        got, instead = f"a {type(value).__name__}", f"; pass its .{part}"
        if getattr(value, part) is None:
            instead += ", which exists after a generation"
    elif isinstance(value, list | tuple | Genomes) and len(value) and isinstance(value[0], kind):
        instead = "; pass one of them, such as the first, [0]"
    raise ValueError(f"{name}: must be a {kind.__name__}, got {got}{instead}")
