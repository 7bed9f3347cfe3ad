"""Scenes of the environments: one function for each draws it and returns a function that animates it.

A scene function takes axes, the environment and an episode. It draws the artists that stay in place, sets the axes'
limits, and returns a function that moves the other artists to their places at a step. Lengths are to scale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evaluators.environments import (
    Acrobot,
    CartPole,
    DampedDoublePole,
    Discrete,
    DoublePole,
    Environment,
    MountainCar,
    MountainCarContinuous,
    Pendulum,
    PreyCapture,
    TMaze,
)
from experiments.pictures.animation import SceneMover
from experiments.pictures.grids import prey_capture, t_maze
from experiments.pictures.shapes import (
    EDGE,
    GROUND,
    PALE,
    Body,
    action_at,
    arc_arrow,
    arrow,
    box,
    disc,
    line,
    polygon,
)
from neat.plot.style import BLUE, GREY, INK, ORANGE

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from evaluators.rollout import Trace

_CART, _BODY, _WHEEL = 0.4, 0.14, 0.04  # m: width, height, radius
_HINGES = 0.07  # m from the cart's middle to each hinge
_TRAIL = 20  # steps
_POINTS_PER_STEP = 8  # of a trail


def cart_pole(axes: Axes, environment: CartPole, trace: Trace) -> SceneMover:
    """Draw the cart on its track, the pole, and an arrow for the push."""
    length = 2 * environment.half_length
    cart = _cart(axes, environment.position_limit, trace.state[:, 0], length)
    pole = line(axes, "pole", BLUE, 5)

    def move(step: int) -> list[Artist]:
        x, _, angle, _ = trace.state[step]
        pole.set_data([x, x + length * np.sin(angle)], [0, length * np.cos(angle)])
        return [pole, *cart(x, 2 * action_at(trace, step) - 1)]

    return move


def double_pole(axes: Axes, environment: DoublePole, trace: Trace) -> SceneMover:
    """Draw the cart, the force, and both poles, hinged side by side so that neither hides the other."""
    lengths = (2 * environment.half_length, 2 * environment.short_half_length)
    cart = _cart(axes, environment.position_limit, trace.state[:, 0], max(lengths))
    poles = line(axes, "long pole", BLUE, 5), line(axes, "short pole", PALE, 4)

    def move(step: int) -> list[Artist]:
        x, _, angle, _, short_angle, _ = trace.state[step, :6]
        hinges = x - _HINGES, x + _HINGES
        for pole, hinge, length, lean in zip(poles, hinges, lengths, (angle, short_angle), strict=True):
            pole.set_data([hinge, hinge + length * np.sin(lean)], [0, length * np.cos(lean)])
        return [*poles, *cart(x, action_at(trace, step) / environment.force)]

    return move


def mountain_car(axes: Axes, environment: MountainCar, trace: Trace) -> SceneMover:
    """Draw the car in its valley, the wall, the flag, and an arrow for the push."""
    left, right, goal = environment.min_position, environment.max_position, environment.goal_position
    x = np.linspace(left - 0.15, right + 0.15, 400)
    axes.fill_between(x, _valley_height(x), -1, color=GROUND, linewidth=0)
    axes.plot(x, _valley_height(x), color=EDGE, linewidth=1.2)
    axes.plot(
        [left - 0.09] * 2,
        [_valley_height(left - 0.09), _valley_height(left - 0.09) + 0.16],
        color=INK,
        linewidth=3,
    )
    mast = _valley_height(goal) + np.array([0, 0.2])
    axes.plot([goal, goal], mast, color=INK, linewidth=1.2)
    axes.fill([goal, goal + 0.09, goal], mast[1] - np.array([0, 0.03, 0.06]), color=ORANGE, linewidth=0)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(-0.5, 0.68)
    tyre = 0.026
    shapes = [
        (np.array([(-0.08, 0.03), (-0.08, 0.065), (-0.045, 0.07), (-0.025, 0.105), (0.03, 0.105),
                   (0.05, 0.07), (0.08, 0.062), (0.08, 0.03)]), BLUE),
        (disc(-0.045, tyre, tyre), INK),
        (disc(0.045, tyre, tyre), INK),
    ]  # fmt: skip
    car, push = Body(axes, "car", shapes), polygon(axes, "push", ORANGE)
    rest = 1 if isinstance(environment.actions, Discrete) else 0

    def move(step: int) -> list[Artist]:
        at, slope = trace.state[step, 0], np.arctan(np.cos(3 * trace.state[step, 0]))
        along, up = np.array([np.cos(slope), np.sin(slope)]), np.array([-np.sin(slope), np.cos(slope)])
        foot = np.array([at, _valley_height(at)])
        strength = action_at(trace, step) - rest
        middle, reach = foot + 0.16 * up, 0.11 * strength * along
        push.set_xy(arrow(middle - reach, middle + reach, 0.016))
        return [push, *car.at(at, _valley_height(at), slope)]

    return move


def _valley_height(x):
    """Return the height of the valley at x; its slope is cos(3x)."""
    return np.sin(3 * x) / 3


def acrobot(axes: Axes, environment: Acrobot, trace: Trace) -> SceneMover:
    """Draw both links, the line that the tip must pass, the trail of the tip, and an arc for the torque."""
    length = environment.length_1
    reach = 2.3 * length
    goal = environment.goal_height * length
    axes.axhline(goal, color=ORANGE, linewidth=1, linestyle=(0, (5, 3)))
    axes.text(0.98 * reach, goal + 0.04 * reach, "goal", color=ORANGE, fontsize=8, ha="right")
    axes.plot([-0.3 * length, 0.3 * length], [0, 0], color=EDGE, linewidth=1)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    joint, tip = _links(length, trace.state[:, 0], trace.state[:, 1])
    way = _links(length, _interpolate_angles(trace.state[:, 0]), _interpolate_angles(trace.state[:, 1]))[1]
    trail = line(axes, "way of the tip", PALE, 1)
    links = line(axes, "first link", INK, 6), line(axes, "second link", BLUE, 6)
    pins = line(axes, "joints", "white", 0, marker="o", markersize=3.5)
    torque = polygon(axes, "torque", ORANGE)

    def move(step: int) -> list[Artist]:
        trail.set_data(*_recent_trail(way, step))
        links[0].set_data([0, joint[step, 0]], [0, joint[step, 1]])
        links[1].set_data(*np.transpose([joint[step], tip[step]]))
        pins.set_data([0, joint[step, 0]], [0, joint[step, 1]])
        sweep = 2.0 * (action_at(trace, step) - 1)
        torque.set_xy(arc_arrow(joint[step], 0.32 * length, np.pi / 2 - sweep / 2, sweep, 0.05 * length))
        return [trail, *links, pins, torque]

    return move


def _links(length: float, angle_1: np.ndarray, angle_2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the joint and of the tip, both (steps, 2)."""
    joint = length * np.column_stack([np.sin(angle_1), -np.cos(angle_1)])
    return joint, joint + length * np.column_stack([np.sin(angle_1 + angle_2), -np.cos(angle_1 + angle_2)])


def pendulum(axes: Axes, environment: Pendulum, trace: Trace) -> SceneMover:
    """Draw the rod, the trail of its tip, and an arc for the torque; positive is anticlockwise, as in Gymnasium."""
    length = environment.length
    reach = 1.25 * length
    around = np.linspace(0, 2 * np.pi, 200)
    axes.plot(length * np.cos(around), length * np.sin(around), color=GROUND, linewidth=1)
    axes.plot([0, 0], [length, 1.12 * length], color=EDGE, linewidth=1)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    angle = trace.state[:, 0]
    tip, way = (
        length * np.column_stack([-np.sin(a), np.cos(a)]) for a in (angle, _interpolate_angles(angle))
    )
    trail = line(axes, "way of the tip", PALE, 1.2)
    rod, pin = line(axes, "rod", BLUE, 9), line(axes, "pivot", "white", 0, marker="o", markersize=4)
    torque = polygon(axes, "torque", ORANGE)

    def move(step: int) -> list[Artist]:
        trail.set_data(*_recent_trail(way, step))
        rod.set_data([0, tip[step, 0]], [0, tip[step, 1]])
        pin.set_data([0], [0])
        sweep = 2.4 * action_at(trace, step) / environment.max_torque
        torque.set_xy(arc_arrow(np.zeros(2), 0.36 * length, np.pi / 2 - sweep / 2, sweep, 0.035 * length))
        return [trail, rod, pin, torque]

    return move


def _cart(
    axes: Axes, limit: float, positions: np.ndarray, height: float
) -> Callable[[float, float], list[Artist]]:
    """Draw a track and a cart whose top is at height 0. Return a function that moves it by position and push."""
    half = min(max(float(np.abs(positions).max()) + 0.55, 1.25 * height), limit + 0.35)
    floor = -_BODY - 2 * _WHEEL
    axes.axhspan(floor - 1, floor, color=GROUND, linewidth=0)
    axes.axhline(floor, color=EDGE, linewidth=1.2)
    step = 0.5 if half < 1.8 else 10.0 ** np.floor(np.log10(half / 1.5))
    for k in range(-int(half / step), int(half / step) + 1):
        axes.plot([k * step] * 2, [floor, floor - 0.012 * half], color=EDGE, linewidth=1)
        text = f"{k * step:g}".replace("-", "−") + (" m" if k == 0 else "")
        if abs(k * step) < 0.95 * half:
            axes.text(k * step, floor - 0.03 * half, text, ha="center", va="top", fontsize=7, color="#666666")
    for side in (-limit, limit):
        axes.plot([side, side], [floor, floor + 0.3], color=INK, linewidth=3, solid_capstyle="butt")
    axes.set_xlim(-half, half)
    axes.set_ylim(floor - 0.13 * half, 1.08 * height + 0.1 * half)
    shapes = [
        (box(-_CART / 2, -_BODY, _CART / 2, 0), INK),
        (disc(-0.3 * _CART, -_BODY - _WHEEL, _WHEEL), GREY),
        (disc(0.3 * _CART, -_BODY - _WHEEL, _WHEEL), GREY),
    ]
    body, push = Body(axes, "cart", shapes), polygon(axes, "push", ORANGE)

    def move(position: float, share: float) -> list[Artist]:
        side = np.sign(share)
        tail = np.array([position + side * (0.03 + _CART / 2), -_BODY / 2])
        push.set_xy(arrow(tail, tail + np.array([0.3 * share, 0]), 0.035))
        return [push, *body.at(position, 0.0)]

    return move


def _interpolate_angles(angle: np.ndarray) -> np.ndarray:
    """Interpolate between the angles of the steps, along the shorter way round."""
    steps = np.arange(len(angle))
    return np.interp(
        np.linspace(0, len(angle) - 1, _POINTS_PER_STEP * (len(angle) - 1) + 1), steps, np.unwrap(angle)
    )


def _recent_trail(way: np.ndarray, step: int) -> np.ndarray:
    """Return the last part of an interpolated path, (2, points)."""
    return way[_POINTS_PER_STEP * max(step - _TRAIL, 0) : _POINTS_PER_STEP * step + 1].T


class Depiction(NamedTuple):
    """The scene of an environment, and the labels of its curves."""

    scene: Callable[[Axes, Any, Trace], SceneMover]
    action: str
    """Name of the action, with its unit."""
    choices: tuple[str, ...] = ()
    """Names of the actions 0, 1, …, if they are discrete."""
    states: int | None = None
    """Number of leading elements of the state that are drawn; None for all."""
    substeps: int = 1
    """Number of the environment's time steps that an action lasts."""


_DEPICTIONS: dict[type[Environment], Depiction] = {
    Acrobot: Depiction(acrobot, "torque", ("negative", "none", "positive")),
    CartPole: Depiction(cart_pole, "push", ("left", "right")),
    DampedDoublePole: Depiction(double_pole, "force (N)", states=6, substeps=2),
    DoublePole: Depiction(double_pole, "force (N)", substeps=2),
    MountainCar: Depiction(mountain_car, "push", ("left", "none", "right")),
    MountainCarContinuous: Depiction(mountain_car, "push"),
    Pendulum: Depiction(pendulum, "torque (N m)"),
    PreyCapture: Depiction(prey_capture, "move", ("stay", "north", "east", "south", "west")),
    TMaze: Depiction(t_maze, "move", ("left", "forward", "right")),
}


def find_depiction(environment: Environment) -> Depiction | None:
    """Return the depiction of an environment or of one that inherits its state; None if there is none."""
    own = type(environment)
    for cls in own.__mro__:
        if cls in _DEPICTIONS and own.state_names is cls.state_names:
            return _DEPICTIONS[cls]
    return None
