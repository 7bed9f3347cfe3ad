"""The shapes of a cart on a track, which several environments draw."""

from __future__ import annotations

import math

from evaluators.environments.shapes import (
    EDGE,
    GROUND,
    SIGN,
    Circle,
    Line,
    Rectangle,
    Shape,
    Text,
    View,
    arrow,
)
from neat.support.colours import GREY, INK, ORANGE

WIDTH = 0.4
"""Width of the cart, m. Its top is at height 0."""
_BODY, _WHEEL = 0.14, 0.04  # m: height, radius
_FLOOR = -_BODY - 2 * _WHEEL


def draw_track(position: float, limit: float, height: float) -> list[Shape]:
    """Return the track and the view of it: as much as a cart with a pole needs.

    Args:
        position: Position of the cart, m.
        limit: Greatest position on both sides, m.
        height: Length of the longest pole, m.
    """
    step = 0.5 if limit < 5 else 10.0 ** math.floor(math.log10(limit / 1.5))
    whole, part = divmod(min(max(abs(position) + 0.55, 1.25 * height), limit + 0.35) / step, 1)
    half = step * (whole + (1.3 if part > 0.7 else max(part, 0.3)))  # the edges cut through no number
    shapes: list[Shape] = [
        View(-half, _FLOOR - 0.13 * half, half, 1.08 * height + 0.1 * half),
        Rectangle(-math.inf, -math.inf, math.inf, _FLOOR, GROUND),
        Line([(-math.inf, _FLOOR), (math.inf, _FLOOR)], EDGE),
    ]
    for k in range(-int(limit / step), int(limit / step) + 1):
        text = f"{k * step:g}".replace("-", "−") + (" m" if k == 0 else "")
        shapes.append(Line([(k * step, _FLOOR), (k * step, _FLOOR - 0.02)], EDGE))
        shapes.append(Text(k * step, _FLOOR - 0.085, text, SIGN))
    for side in (-limit, limit):
        shapes.append(Rectangle(side - 0.012, _FLOOR, side + 0.012, _FLOOR + 0.3, INK))
    return shapes


def draw_cart(position: float, push: float) -> list[Shape]:
    """Return the cart and an arrow for the push, from -1 to 1."""
    tail, middle = position + math.copysign(0.03 + WIDTH / 2, push), -_BODY / 2
    return [
        arrow((tail, middle), (tail + 0.3 * push, middle), 0.035, ORANGE),
        Rectangle(position - WIDTH / 2, -_BODY, position + WIDTH / 2, 0, INK),
        *(Circle(position + side * WIDTH, -_BODY - _WHEEL, _WHEEL, GREY) for side in (-0.3, 0.3)),
    ]


def draw_pole(position: float, angle: float, length: float, width: float, colour: str) -> Line:
    """Return a pole that leans to the right by `angle` (rad)."""
    return Line(
        [(position, 0), (position + length * math.sin(angle), length * math.cos(angle))], colour, width
    )
