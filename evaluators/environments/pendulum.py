"""The task to swing up a pendulum and hold it upright, as in Gymnasium's Pendulum-v1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.environments.angle import wrapped
from evaluators.environments.environment import Environment
from evaluators.environments.random_numbers import uniform_between
from evaluators.environments.shapes import EDGE, GROUND, Circle, Line, Shape, Trail, View, arc_arrow
from evaluators.environments.spaces import Box
from neat.kernels import elementary
from neat.support.colours import BLUE, ORANGE

_PI = np.float32(np.pi)
_1 = np.float32(1.0)
_HALF_OF_3 = np.float32(1.5)
_3 = np.float32(3.0)
_VELOCITY_COST = np.float32(0.1)  # s²/rad²
_TORQUE_COST = np.float32(0.001)  # 1/(N m)²


@dataclass(frozen=True, kw_only=True)
class Pendulum(Environment):
    """Pendulum-v1: turn a rod about its end so that it stands upright, with little torque.

    A step's reward is -(angle² + 0.1 velocity² + 0.001 torque²), of the state before the step. The angle is 0 upright,
    and lies between -π and π. The observation is the angle's cosine and sine, and the velocity. Only the time limit
    ends an episode. The state's angle is wrapped before each step, whereas Gymnasium's counts turns.
    """

    gravity: float = 10.0
    """m/s²."""
    mass: float = 1.0
    """kg."""
    length: float = 1.0
    """m."""
    time_step: float = 0.05
    """Step of the semi-implicit Euler method, s."""
    max_speed: float = 8.0
    """rad/s."""
    max_torque: float = 2.0
    """N m, in both directions."""
    time_limit: int = 200

    state_names = ("angle (rad)", "angular velocity (rad/s)")
    action_names = ("torque (N m)",)

    @property
    def observations(self) -> Box:
        """The bounds, which observations never leave."""
        high = (1.0, 1.0, self.max_speed)
        return Box(tuple(-bound for bound in high), high)

    @property
    def actions(self) -> Box:
        """The torque, N m."""
        return Box((-self.max_torque,), (self.max_torque,))

    def draw(self, state: Any, action: Any) -> list[Shape]:
        """Return the rod, the trail of its tip, and an arc for the torque; positive is anticlockwise."""
        length, reach = self.length, 1.25 * self.length
        tip = -length * math.sin(state[0]), length * math.cos(state[0])
        sweep = 0.0 if action is None else 2.4 * float(action[0]) / self.max_torque
        return [
            View(-reach, -reach, reach, reach),
            Circle(0, 0, length, GROUND, filled=False),
            Line([(0, length), (0, 1.12 * length)], EDGE),
            Trail(*tip, curved=True),
            Line([(0, 0), tip], BLUE, 0.095 * length),
            Circle(0, 0, 0.021 * length, "white"),
            arc_arrow((0, 0), 0.36 * length, sweep, 0.035 * length, ORANGE),
        ]

    @staticmethod
    def reset(state, constants, random):
        """Draw any angle, and a velocity between ±1."""
        state[0] = uniform_between(random, 0, -_PI, _PI)
        state[1] = uniform_between(random, 1, -_1, _1)

    @staticmethod
    def observe(state, constants, observation):
        """Write the angle's cosine and sine, and the velocity."""
        angle = state[0]
        observation[0] = elementary.cos(angle)
        observation[1] = elementary.sin(angle)
        observation[2] = state[1]

    @staticmethod
    def step(state, action, constants, random):
        """Turn a uniform rod about its end; its moment of inertia is mass length² / 3."""
        gravity, mass, length, time_step, max_speed, _ = constants
        angle, velocity, torque = wrapped(state[0]), state[1], action[0]
        cost = angle * angle + _VELOCITY_COST * velocity * velocity + _TORQUE_COST * torque * torque
        acceleration = (
            _HALF_OF_3 * gravity / length * elementary.sin(angle) + _3 / (mass * length * length) * torque
        )
        velocity = velocity + acceleration * time_step
        velocity = max_speed if velocity > max_speed else velocity
        velocity = -max_speed if velocity < -max_speed else velocity
        state[0] = angle + velocity * time_step
        state[1] = velocity
        return -cost, False
