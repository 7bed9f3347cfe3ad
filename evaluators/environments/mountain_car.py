"""The task to drive a weak car out of a valley (Moore 1990), as in Gymnasium's MountainCar-v0 and continuous form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from evaluators.environments.environment import Environment
from evaluators.environments.random_numbers import uniform_between
from evaluators.environments.shapes import (
    EDGE,
    GROUND,
    Circle,
    Line,
    Polygon,
    Rectangle,
    Shape,
    View,
    arrow,
    place,
)
from evaluators.environments.spaces import Box, Discrete
from neat.kernels import elementary
from neat.kernels.jit import inner_function
from neat.support.colours import BLUE, INK, ORANGE

_START_LOW = np.float32(-0.6)
_START_HIGH = np.float32(-0.4)
_0 = np.float32(0.0)
_TENTH = np.float32(0.1)
_1 = np.float32(1.0)
_3 = np.float32(3.0)
_100 = np.float32(100.0)

_TYRE = 0.026  # radius in pictures
_CAR = np.array([
    (-0.08, 0.03), (-0.08, 0.065), (-0.045, 0.07), (-0.025, 0.105), (0.03, 0.105), (0.05, 0.07), (0.08, 0.062),
    (0.08, 0.03),
])  # fmt: skip


def _height(x):
    """Return the height of the valley at x; its slope is cos(3x)."""
    return np.sin(3 * x) / 3


@inner_function
def _roll(position, velocity, push, gravity, max_speed, min_position, max_position):
    """Return the next position and velocity; the wall on the left stops the car."""
    velocity = velocity + push - gravity * elementary.cos(_3 * position)
    velocity = max_speed if velocity > max_speed else velocity
    velocity = -max_speed if velocity < -max_speed else velocity
    position = position + velocity
    position = max_position if position > max_position else position
    position = min_position if position < min_position else position
    return position, _0 if (position == min_position) & (velocity < _0) else velocity


@dataclass(frozen=True, kw_only=True)
class MountainCar(Environment):
    """MountainCar-v0: push to the left, not at all or to the right; a reward of -1 for every step to the flag.

    The valley has the shape of sin(3x). The unit of time is a step; the unit of length is arbitrary. The observation is
    the state.
    """

    force: float = 0.001
    """Acceleration by a push, length/step²."""
    gravity: float = 0.0025
    """Acceleration where the valley is steepest, length/step²."""
    min_position: float = -1.2
    """Position of the wall, length."""
    max_position: float = 0.6
    """Length."""
    max_speed: float = 0.07
    """Length/step."""
    goal_position: float = 0.5
    """Position of the flag, length."""
    goal_velocity: float = 0.0
    """Minimum velocity at the flag, length/step."""
    time_limit: int = 200

    state_names = ("position", "velocity (1/step)")
    actions: ClassVar[Box | Discrete] = Discrete(3, ("left", "none", "right"))
    action_names = ("push",)

    @property
    def observations(self) -> Box:
        """The bounds, which the state never leaves."""
        return Box((self.min_position, -self.max_speed), (self.max_position, self.max_speed))

    def draw(self, state: Any, action: Any) -> list[Shape]:
        """Return the car in its valley, the wall, the flag, and an arrow for the push."""
        left, right, x = self.min_position - 0.15, self.max_position + 0.15, state[0]
        ground = np.linspace(left, right, 200)
        surface = np.column_stack([ground, _height(ground)])
        wall, flag = self.min_position - 0.09, self.goal_position
        top = _height(flag) + 0.2
        slope = math.atan(math.cos(3 * x))
        push = 0.0 if action is None else action - 1 if isinstance(self.actions, Discrete) else action[0]
        ends = place([(-0.11 * push, 0.16), (0.11 * push, 0.16)], x, _height(x), slope)
        wheels = place([(-0.045, _TYRE), (0.045, _TYRE)], x, _height(x), slope)
        return [
            View(left, -0.5, right, 0.68),
            Polygon([(left, -math.inf), *surface, (right, -math.inf)], GROUND),
            Line(surface, EDGE),
            Rectangle(wall - 0.01, _height(wall), wall + 0.01, _height(wall) + 0.16, INK),
            Line([(flag, _height(flag)), (flag, top)]),
            Polygon([(flag, top), (flag + 0.09, top - 0.03), (flag, top - 0.06)], ORANGE),
            arrow(ends[0], ends[1], 0.016, ORANGE),
            Polygon(place(_CAR, x, _height(x), slope), BLUE),
            *(Circle(across, up, _TYRE, INK) for across, up in wheels),
        ]

    @staticmethod
    def reset(state, constants, random):
        """Start at rest, between -0.6 and -0.4."""
        state[0] = uniform_between(random, 0, _START_LOW, _START_HIGH)
        state[1] = _0

    @staticmethod
    def observe(state, constants, observation):
        """Write the state."""
        for k in range(2):
            observation[k] = state[k]

    @staticmethod
    def step(state, action, constants, random):
        """Step as in Sutton and Barto (2018), "Reinforcement Learning", example 10.1, with Gymnasium's bounds."""
        force, gravity, min_position, max_position, max_speed, goal_position, goal_velocity = constants
        push = force if action == 2 else -force if action == 0 else _0
        position, velocity = _roll(state[0], state[1], push, gravity, max_speed, min_position, max_position)
        state[0] = position
        state[1] = velocity
        return -_1, (position >= goal_position) & (velocity >= goal_velocity)


@dataclass(frozen=True, kw_only=True)
class MountainCarContinuous(MountainCar):
    """MountainCarContinuous-v0: a push from -1 to 1; a reward of 100 at the flag, minus 0.1 push² for each step."""

    force: float = 0.0015
    """Acceleration by a push of 1, length/step²."""
    goal_position: float = 0.45
    """Position of the flag, length."""
    time_limit: int = 999

    actions = Box((-1.0,), (1.0,))

    @staticmethod
    def step(state, action, constants, random):
        """Take MountainCar's step, with a push of any size."""
        force, gravity, min_position, max_position, max_speed, goal_position, goal_velocity = constants
        push = action[0]
        position, velocity = _roll(
            state[0], state[1], push * force, gravity, max_speed, min_position, max_position
        )
        state[0] = position
        state[1] = velocity
        arrived = (position >= goal_position) & (velocity >= goal_velocity)
        return (_100 if arrived else _0) - _TENTH * push * push, arrived
