"""Compute the curves of connections: forward ones through the layers, and arcs for the others."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from neat.plot.graph_layout import GraphLayout

if TYPE_CHECKING:
    from matplotlib.path import Path as Curve

Point = tuple[float, float]


def connection_curve(plan: GraphLayout, source: int, target: int, radius: float) -> Curve:
    """Return the curve of a connection between nodes, given by their ids."""
    if (source, target) in plan.route:
        return _forward_curve(plan.route[source, target], radius)
    return _arc(plan.position[source], plan.position[target], radius)


def extreme_point(curve: Curve) -> Point:
    """Return the greatest x and the least y of a curve: it stays within three quarters of the way to its controls."""
    points = np.asarray(curve.vertices)
    x, y = points[0] + 0.75 * (np.array([points[:, 0].max(), points[:, 1].min()]) - points[0])
    return max(float(x), float(points[-1, 0])), float(y)


def _forward_curve(points: list[Point], radius: float) -> Curve:
    """Return a smooth curve through the points, horizontal at each, between the edges of the end nodes."""
    from matplotlib.path import Path as Curve

    (x0, y0), (x1, y1) = points[0], points[-1]
    points = [(x0 + radius, y0), *points[1:-1], (x1 - radius, y1)]
    vertices = [points[0]]
    for (xa, ya), (xb, yb) in pairwise(points):
        reach = 0.45 * (xb - xa)
        vertices += [(xa + reach, ya), (xb - reach, yb), (xb, yb)]
    return Curve(vertices, [Curve.MOVETO] + [Curve.CURVE4] * (len(vertices) - 1))


def _arc(source: Point, target: Point, radius: float) -> Curve:
    """Return an arc over the nodes, for a self-loop or a connection within a layer or backwards."""
    from matplotlib.path import Path as Curve

    (xs, ys), (xt, yt) = source, target
    if source == target:
        side, top = 0.7 * radius, 0.72 * radius
        vertices = [(xs - side, ys - top), (xs - 3 * side, ys - 4 * top), (xs + 3 * side, ys - 4 * top),
                    (xs + side, ys - top)]  # fmt: skip
    elif abs(xs - xt) < radius:
        bulge = 0.25 + 0.25 * abs(yt - ys)
        lean = 0.7 * radius * np.sign(yt - ys)
        vertices = [(xs + 0.7 * radius, ys + lean), (xs + bulge, ys + 2 * lean), (xt + bulge, yt - 2 * lean),
                    (xt + 0.7 * radius, yt - lean)]  # fmt: skip
    else:
        rise = 0.25 + 0.22 * abs(xs - xt)
        vertices = [(xs, ys - radius), (xs, ys - rise), (xt, yt - rise), (xt, yt - radius)]
    return Curve(vertices, [Curve.MOVETO] + [Curve.CURVE4] * 3)


def arrow_head(curve: Curve, size: float) -> np.ndarray:
    """Return the three corners of an arrowhead at the end of `curve`."""
    before, end = np.asarray(curve.vertices)[-2:]
    along = (end - before) / max(float(np.hypot(*(end - before))), 1e-9) * size
    across = np.array([-along[1], along[0]]) * 0.6
    return np.array([end, end - 1.8 * along + across, end - 1.8 * along - across])
