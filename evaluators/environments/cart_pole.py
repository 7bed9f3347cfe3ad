"""The task to balance a pole on a cart (Barto, Sutton and Anderson 1983), as in Gymnasium's CartPole-v1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.environments.cart import draw_cart, draw_pole, draw_track
from evaluators.environments.environment import Environment
from evaluators.environments.random_numbers import uniform_between
from evaluators.environments.shapes import Shape
from evaluators.environments.spaces import Box, Discrete
from neat.kernels import elementary
from neat.support.colours import BLUE

_START = np.float32(0.05)
_ONE = np.float32(1.0)
_FOUR_THIRDS = np.float32(4.0 / 3.0)


@dataclass(frozen=True, kw_only=True)
class CartPole(Environment):
    """CartPole-v1: push a cart to the left or right so that the pole on it stays up; a reward of 1 for every step.

    The observation is the state.
    """

    gravity: float = 9.8
    """m/s²."""
    cart_mass: float = 1.0
    """kg."""
    pole_mass: float = 0.1
    """kg."""
    half_length: float = 0.5
    """Half the length of the pole, m."""
    force: float = 10.0
    """N, to the left or to the right."""
    time_step: float = 0.02
    """Step of the explicit Euler method, s."""
    position_limit: float = 2.4
    """m, on both sides."""
    angle_limit: float = 12 * 2 * np.pi / 360
    """rad, on both sides."""
    time_limit: int = 500

    state_names = ("position (m)", "velocity (m/s)", "angle (rad)", "angular velocity (rad/s)")
    actions = Discrete(2, ("left", "right"))
    action_names = ("push",)

    @property
    def observations(self) -> Box:
        """Twice the limits; Gymnasium publishes no bounds of the velocities, which rarely exceed ±3."""
        high = (2 * self.position_limit, np.inf, 2 * self.angle_limit, np.inf)
        return Box(tuple(-bound for bound in high), high)

    @staticmethod
    def reset(state, constants, random):
        """Draw each element between ±0.05."""
        for k in range(4):
            state[k] = uniform_between(random, k, -_START, _START)

    @staticmethod
    def observe(state, constants, observation):
        """Write the state."""
        for k in range(4):
            observation[k] = state[k]

    @staticmethod
    def step(state, action, constants, random):
        """Step as in Florian (2007), "Correct equations for the dynamics of the cart-pole system", without friction."""
        gravity, cart_mass, pole_mass, half_length, force, tau, position_limit, angle_limit = constants
        x, v, angle, spin = state[0], state[1], state[2], state[3]
        push = force if action == 1 else -force
        sine, cosine = elementary.sin(angle), elementary.cos(angle)
        total, moment = cart_mass + pole_mass, pole_mass * half_length
        pull = (push + moment * spin * spin * sine) / total
        turn = (gravity * sine - cosine * pull) / (
            half_length * (_FOUR_THIRDS - pole_mass * cosine * cosine / total)
        )
        acceleration = pull - moment * turn * cosine / total
        x, angle = x + tau * v, angle + tau * spin
        state[0] = x
        state[1] = v + tau * acceleration
        state[2] = angle
        state[3] = spin + tau * turn
        return _ONE, (abs(x) > position_limit) | (abs(angle) > angle_limit)

    def draw(self, state: Any, action: Any) -> list[Shape]:
        """Return the cart on its track, the pole, and an arrow for the push."""
        x, _, angle, _ = state
        length = 2 * self.half_length
        return [
            *draw_track(x, self.position_limit, length),
            draw_pole(x, angle, length, 0.04, BLUE),
            *draw_cart(x, 0 if action is None else 2 * action - 1),
        ]
