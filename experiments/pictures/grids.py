"""Scenes of the environments made of cells, seen from above (see `experiments.pictures.scenes`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.pictures.animation import SceneMover
from experiments.pictures.shapes import GROUND, PALE, Body, action_at, arrow, box, disc, line, polygon
from neat.plot.style import BLUE, GREY, INK, ORANGE

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from evaluators.environments import PreyCapture, TMaze
    from evaluators.rollout import Trace

_TRAIL = 20  # steps


def t_maze(axes: Axes, environment: TMaze, trace: Trace) -> SceneMover:
    """Draw the maze, the signal at its entrance while it is on, the agent, and its chosen direction; left is up."""
    end, goal = int(environment.length), float(trace.state[0, 1])
    for cell in [*((x, 0) for x in range(end + 1)), (end, 1), (end, -1)]:
        axes.fill(
            *box(cell[0] - 0.5, cell[1] - 0.5, cell[0] + 0.5, cell[1] + 0.5).T,
            facecolor=GROUND,
            edgecolor="white",
        )
    left, right = end - 0.5, end + 0.5
    wall = [(-0.5, 0.5), (left, 0.5), (left, 1.5), (right, 1.5), (right, -1.5), (left, -1.5), (left, -0.5)]
    wall += [(-0.5, -0.5), (-0.5, 0.5)]
    axes.plot(*np.transpose(wall), color=INK, linewidth=1.5, solid_joinstyle="miter")
    axes.plot([end], [-goal], marker="*", markersize=12, color=ORANGE, markeredgewidth=0)
    axes.set_xlim(-1.2, end + 1.2)
    axes.set_ylim(-1.9, 1.9)
    signal = polygon(axes, "signal", ORANGE)
    signal.set_xy(arrow(np.array([0, -0.65 * goal]), np.array([0, -1.45 * goal]), 0.24))
    agent, heading = Body(axes, "agent", [(disc(0, 0, 0.3), BLUE)]), polygon(axes, "move", "white")

    def move(step: int) -> list[Artist]:
        x, _, shown = trace.state[step]
        side = action_at(trace, step) - 1  # -1 left, 1 right
        arrived = trace.terminated and step == len(trace.action)
        at = np.array([x, -side if arrived else 0.0])
        ahead = np.array([0, -side]) if side else np.array([1, 0])
        length = 0.0 if arrived else 0.2
        heading.set_xy(arrow(at - length * ahead, at + length * ahead, 0.1))
        return [*([signal] if shown else []), *agent.at(*at), heading]

    return move


def prey_capture(axes: Axes, environment: PreyCapture, trace: Trace) -> SceneMover:
    """Draw the grid, the agent, the reach of its sensors, the sensor that sees the prey, the prey, and both trails."""
    size, reach = int(environment.size), environment.sensor_range
    for k in range(size + 1):
        for line_ in (([k - 0.5] * 2, [-0.5, size - 0.5]), ([-0.5, size - 0.5], [k - 0.5] * 2)):
            axes.plot(*line_, color=GROUND, linewidth=0.6)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
    axes.plot(*((size - 1) / 2 + size / 2 * corners.T), color=INK, linewidth=1.5)
    axes.set_xlim(-1.3, size + 0.3)
    axes.set_ylim(-1.3, size + 1.9)  # room for the caption
    sees = polygon(axes, "sensor", ORANGE, alpha=0.25)
    rim = line(axes, "reach", PALE, 1)
    trails = line(axes, "agent's way", PALE, 1.5), line(axes, "prey's way", "#efb8ad", 1.5)
    prey = Body(axes, "prey", [(disc(0, 0, 0.38), ORANGE)])
    agent = Body(axes, "agent", [(disc(0, 0, 0.38), BLUE)])

    def move(step: int) -> list[Artist]:
        hunter, hunted, head_start = trace.state[step, :2], trace.state[step, 2:4], trace.state[step, 4]
        for trail, columns in zip(trails, (slice(0, 2), slice(2, 4)), strict=True):
            trail.set_data(*trace.state[max(0, step - _TRAIL) : step + 1, columns].T)
        circle = disc(hunter[0], hunter[1], reach)
        rim.set_data(*np.concatenate([circle, circle[:1]]).T)
        sees.set_xy(_sensor_sector(hunter, hunted, reach))
        (body,) = agent.at(*hunter)
        body.set_facecolor(GREY if head_start > 0 else BLUE)
        return [sees, rim, *trails, *prey.at(*hunted), body]

    return move


def _sensor_sector(hunter: np.ndarray, hunted: np.ndarray, reach: float) -> np.ndarray:
    """Return the sector of the sensor that sees the prey, vertices (n, 2); without area if none sees it."""
    away = hunted - hunter
    if np.hypot(*away) > reach:
        return np.repeat([hunter], 3, axis=0)
    middle = np.round(np.arctan2(away[1], away[0]) * 4 / np.pi) * np.pi / 4
    angle = np.linspace(middle - np.pi / 8, middle + np.pi / 8, 9)
    return np.concatenate([[hunter], hunter + reach * np.column_stack([np.cos(angle), np.sin(angle)])])
