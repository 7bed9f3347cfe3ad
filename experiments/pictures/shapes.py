"""The shapes of the scenes, as artists that can move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.patches import Polygon

    from evaluators.rollout import Trace

GROUND, EDGE, PALE = "#eceae5", "#9a978f", "#8fb8de"


def line(axes: Axes, label: str, colour: str, width: float, **options: Any) -> Line2D:
    """Add a line without points. The width is in typographic points."""
    (drawn,) = axes.plot(
        [], [], color=colour, linewidth=width, solid_capstyle="round", label=label, **options
    )
    return drawn


def polygon(axes: Axes, label: str, colour: str, **options: Any) -> Polygon:
    """Add a polygon without area."""
    from matplotlib.patches import Polygon

    drawn = Polygon(np.zeros((3, 2)), facecolor=colour, linewidth=0, label=label, **options)
    axes.add_patch(drawn)
    return drawn


class Body:
    """Shapes that move together.

    Args:
        axes: The axes that show them.
        label: Label of the artists.
        shapes: Vertices (n, 2) and colour of each shape, for a body at the origin.
    """

    def __init__(self, axes: Axes, label: str, shapes: Sequence[tuple[np.ndarray, str]]) -> None:
        self._shapes = [(vertices, polygon(axes, label, colour)) for vertices, colour in shapes]

    def at(self, x: float, y: float, angle: float = 0.0) -> list[Polygon]:
        """Move the body to (x, y), turned anticlockwise by `angle` (rad), and return its artists."""
        sine, cosine = np.sin(angle), np.cos(angle)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        for vertices, drawn in self._shapes:
            drawn.set_xy(vertices @ turn + (x, y))
        return [drawn for _, drawn in self._shapes]


def box(left: float, bottom: float, right: float, top: float) -> np.ndarray:
    """Return the corners of a rectangle, (4, 2)."""
    return np.array([(left, bottom), (right, bottom), (right, top), (left, top)])


def disc(x: float, y: float, radius: float) -> np.ndarray:
    """Return the vertices of a circle, (24, 2)."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])


def arrow(tail: np.ndarray, tip: np.ndarray, width: float) -> np.ndarray:
    """Return the vertices of an arrow, (7, 2). The head is three shafts wide; a short arrow has no shaft."""
    along = np.asarray(tip, float) - tail
    length = float(np.hypot(*along))
    if length < 1e-9:
        return np.repeat([tail], 7, axis=0).astype(float)
    along = along / length
    across = np.array([-along[1], along[0]]) * width / 2
    head = min(length, 2.4 * width)
    scale = head / (2.4 * width)
    neck = tip - head * along
    return np.array([
        tail + across, neck + across, neck + 3 * scale * across, tip,
        neck - 3 * scale * across, neck - across, tail - across,
    ])  # fmt: skip


def arc_arrow(centre: np.ndarray, radius: float, start: float, sweep: float, width: float) -> np.ndarray:
    """Return the vertices of an arrow along an arc, from `start` anticlockwise by `sweep` (rad), (n, 2)."""
    head = min(abs(sweep), 2.8 * width / radius) * np.sign(sweep)
    angle = np.linspace(start, start + sweep - head, 20)
    scale = abs(head) * radius / (2.8 * width)
    wing = 1.5 * width * scale
    radii = np.concatenate([
        np.full(20, radius + width / 2), [radius + wing, radius, radius - wing], np.full(20, radius - width / 2),
    ])  # fmt: skip
    angles = np.concatenate([angle, [angle[-1], start + sweep, angle[-1]], angle[::-1]])
    return centre + np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])


def action_at(trace: Trace, step: int) -> float:
    """Return the action at a step; after the last step, the last action."""
    return float(trace.action[min(step, len(trace.action) - 1), 0])
