"""The task to drive a weak car out of a valley (Moore 1990), as in Gymnasium's MountainCar-v0 and continuous form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evaluators.environments.environment import Environment
from evaluators.environments.random_numbers import uniform_between
from evaluators.environments.spaces import Box, Discrete
from neat.kernels import elementary
from neat.kernels.jit import inner_function

_START_LOW = np.float32(-0.6)
_START_HIGH = np.float32(-0.4)
_0 = np.float32(0.0)
_TENTH = np.float32(0.1)
_1 = np.float32(1.0)
_3 = np.float32(3.0)
_100 = np.float32(100.0)


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
    actions: ClassVar[Box | Discrete] = Discrete(3)

    @property
    def observations(self) -> Box:
        """The bounds, which the state never leaves."""
        return Box((self.min_position, -self.max_speed), (self.max_position, self.max_speed))

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
