"""The shapes of which an environment's `draw` makes a picture: plain records, in the units of the environment's world.

The vertical axis points upwards. Shapes are drawn in their order, later ones over earlier ones. A coordinate may be
infinite, and then reaches the edge of the picture. Colours are "#rrggbb", "#rrggbbaa" with an opacity, or names of
matplotlib, such as "tab:green".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from neat.support.colours import BLUE, INK, PALE_BLUE

GROUND, EDGE, SIGN = "#eceae5", "#9a978f", "#666666"

Points = Sequence[Any] | np.ndarray
"""Numbers of shape (points, 2)."""


Align = Literal["left", "center", "right"]


class Line(NamedTuple):
    """A line through points, with round ends."""

    points: Points
    colour: str = INK
    width: float = 0.0
    """0: a thin line at every scale."""
    dashed: bool = False


class Circle(NamedTuple):
    """A circle."""

    x: float
    y: float
    radius: float
    colour: str = BLUE
    filled: bool = True
    """False: a thin line."""


class Rectangle(NamedTuple):
    """A filled rectangle with horizontal and vertical sides."""

    left: float
    bottom: float
    right: float
    top: float
    colour: str = BLUE


class Polygon(NamedTuple):
    """A filled polygon."""

    points: Points
    colour: str = BLUE


class Text(NamedTuple):
    """A line of text at a point, which is half-way up its digits."""

    x: float
    y: float
    text: str
    colour: str = INK
    height: float = 0.0
    """Height of the font; 0: that of captions at every scale."""
    align: Align = "center"
    """Which part of the text is at the point."""


class Trail(NamedTuple):
    """A point whose way in the last 20 steps is drawn. Each picture must have the same trails in the same order."""

    x: float
    y: float
    colour: str = PALE_BLUE
    width: float = 0.0
    curved: bool = False
    """Whether the way between steps is smooth, rather than straight."""


class View(NamedTuple):
    """The part of the world that the picture must show; without it, all shapes. An episode shows those of all steps."""

    left: float
    bottom: float
    right: float
    top: float


Shape = Line | Circle | Rectangle | Polygon | Text | Trail | View


def place(points: Points, x: float, y: float, angle: float = 0.0) -> np.ndarray:
    """Return points that are turned anticlockwise about the origin by `angle` (rad), then moved by (x, y)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    return np.asarray(points, float) @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y)


def arrow(tail: Any, tip: Any, width: float, colour: str) -> Polygon:
    """Return a straight arrow. Its head is three shafts wide; a short arrow has no shaft."""
    tail, along = np.asarray(tail, float), np.subtract(tip, tail, dtype=float)
    length = math.hypot(*along)
    head = min(length, 2.4 * width)
    wing = 1.5 * width * head / (2.4 * width)
    neck, half = length - head, width / 2 * (length > head)
    outline = [(0, half), (neck, half), (neck, wing), (length, 0), (neck, -wing), (neck, -half), (0, -half)]
    return Polygon(place(outline, tail[0], tail[1], math.atan2(along[1], along[0])), colour)


def arc_arrow(centre: Any, radius: float, sweep: float, width: float, colour: str) -> Polygon:
    """Return an arrow along an arc over its centre, by `sweep` (rad) anticlockwise, with a head as `arrow` has it."""
    start = (math.pi - sweep) / 2
    head = math.copysign(min(abs(sweep), 2.8 * width / radius), sweep)
    wing = 1.5 * width * abs(head) * radius / (2.8 * width)
    shaft = np.linspace(start, start + sweep - head, 20)
    half = np.full(20, width / 2 * (abs(sweep) > abs(head)))
    radii = radius + np.concatenate([half, [wing, 0, -wing], -half])
    angles = np.concatenate([shaft, [shaft[-1], start + sweep, shaft[-1]], shaft[::-1]])
    return Polygon(centre + np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]), colour)
