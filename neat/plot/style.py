"""Define the colours and style of all figures, and write figures to files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neat.evolution.history import History
from neat.genome.genome import Genome, Genomes
from neat.support.colours import BLUE as BLUE
from neat.support.colours import GREY as GREY
from neat.support.colours import INK as INK
from neat.support.colours import ORANGE as ORANGE
from neat.support.colours import PALE_BLUE as PALE_BLUE
from neat.support.files import as_path, write_atomically
from neat.support.messages import quote

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SERIES = (BLUE, ORANGE, "#4d9221", "#762a83", "#b8860b", "#35978f", INK, "#c51b7d")
_DASHES: tuple[Any, ...] = ("solid", (0, (4, 1.5)), (0, (1, 1)))

# DejaVu Sans comes with matplotlib, so figures are the same everywhere. Browsers without it take the next; Verdana's
# letters are as wide.
_FONTS = ["DejaVu Sans", "Verdana"]
_FAMILIES = ", ".join([*map(repr, _FONTS), "sans-serif"])  # as matplotlib writes them

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": _FONTS,
    "font.size": 8.0,
    "axes.linewidth": 0.6,
    "axes.labelpad": 2.0,
    "axes.edgecolor": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text is text, which can be searched, copied and edited
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


def series_look(number: int) -> dict[str, Any]:
    """Return the colour and the dashes of the line of series 0, 1, …; the first 24 differ."""
    return {"color": _SERIES[number % 8], "linestyle": _DASHES[number // 8 % 3]}


def save(figure: Figure, path: str | Path) -> None:
    """Write `figure` in the format of the path's ending, without a date; raise ValueError for another ending."""
    write_atomically(path, render(figure, select_format(path)))


def select_format(path: str | Path) -> str:
    """Return the format that the path's ending names, such as "svg"; raise ValueError for another ending."""
    kind = as_path(path).suffix.lower().removeprefix(".")
    if kind not in _FORMATS:
        raise ValueError(f"path: must end in .{', .'.join(_FORMATS)}, got {quote(str(path))}")
    return kind


def render(figure: Figure, kind: str, dpi: int = 200) -> bytes:
    """Return `figure` as a file of a format, without a date. Call it within `style`."""
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=dpi, metadata=_FORMATS[kind])
    if kind != "svg":
        return content.getvalue()
    # matplotlib names a single font for the powers on logarithmic axes.
    return content.getvalue().replace(b"font-family: 'DejaVu Sans'\"", f'font-family: {_FAMILIES}"'.encode())


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
