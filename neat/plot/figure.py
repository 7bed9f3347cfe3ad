"""Define the figure that the functions of `neat.plot` return. It imports matplotlib, so import it where it is used."""

from __future__ import annotations

from matplotlib.figure import Figure

from neat.plot.style import render, style


class NotebookFigure(Figure):
    """A figure that a notebook shows as SVG, although it does not belong to pyplot."""

    def _repr_svg_(self) -> str:
        with style():
            return render(self, "svg").decode()
