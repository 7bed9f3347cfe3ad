"""The task to swing up two links by the joint between them (Sutton 1996), as in Gymnasium's Acrobot-v1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.environments.angle import wrapped
from evaluators.environments.environment import Environment
from evaluators.environments.random_numbers import uniform_between
from evaluators.environments.shapes import EDGE, Circle, Line, Shape, Text, Trail, View, arc_arrow
from evaluators.environments.spaces import Box, Discrete
from neat.kernels import elementary
from neat.kernels.jit import inner_function
from neat.support.colours import BLUE, INK, ORANGE

_START = np.float32(0.1)
_0 = np.float32(0.0)
_SIXTH = np.float32(1 / 6)
_HALF = np.float32(0.5)
_1 = np.float32(1.0)
_2 = np.float32(2.0)


@inner_function
def _accelerations(angle1, angle2, velocity1, velocity2, torque, links):
    """Return both joints' accelerations; names as in Sutton and Barto (1998), "Reinforcement Learning", figure 11.5."""
    m1, m2, l1, lc1, lc2, moment, g = links
    sine, cosine = elementary.sin(angle2), elementary.cos(angle2)
    lever = m2 * l1 * lc2
    d1 = m1 * lc1 * lc1 + m2 * (l1 * l1 + lc2 * lc2) + moment + moment + _2 * lever * cosine
    d2 = m2 * lc2 * lc2 + moment + lever * cosine
    # The book's cos(θ - π/2) equal sines.
    phi2 = m2 * lc2 * g * elementary.sin(angle1 + angle2)
    phi1 = (
        phi2
        + (m1 * lc1 + m2 * l1) * g * elementary.sin(angle1)
        - lever * sine * velocity2 * (velocity2 + _2 * velocity1)
    )
    share = d2 / d1
    acceleration2 = (torque + share * phi1 - lever * sine * velocity1 * velocity1 - phi2) / (
        m2 * lc2 * lc2 + moment - share * d2
    )
    return -(share * acceleration2 + phi1 / d1), acceleration2


@inner_function
def _limited(velocity, limit):
    velocity = limit if velocity > limit else velocity
    return -limit if velocity < -limit else velocity


@dataclass(frozen=True, kw_only=True)
class Acrobot(Environment):
    """Acrobot-v1: swing the tip of two hanging links up to a height; a reward of -1 for every step but the last.

    The actions turn the joint between the links one way, not at all, or the other way. The observation consists of
    cosine and sine of both angles, and both velocities. The angles are 0 when both links hang down; the second angle is
    relative to the first link.
    """

    mass_1: float = 1.0
    """kg."""
    mass_2: float = 1.0
    """kg."""
    length_1: float = 1.0
    """Length of the first link, m."""
    center_1: float = 0.5
    """Distance from the joint to the first link's center of mass, m."""
    center_2: float = 0.5
    """Distance from the joint to the second link's center of mass, m."""
    moment: float = 1.0
    """Moment of inertia of each link, kg m²."""
    gravity: float = 9.8
    """m/s²."""
    torque: float = 1.0
    """N m, in both directions."""
    time_step: float = 0.2
    """Step of the classical Runge-Kutta method, s."""
    max_speed_1: float = 4 * np.pi
    """rad/s."""
    max_speed_2: float = 9 * np.pi
    """rad/s."""
    goal_height: float = 1.0
    """Height above the first joint, in lengths of a link; both lengths count as 1."""
    time_limit: int = 500

    state_names = (
        "angle 1 (rad)",
        "angle 2 (rad)",
        "angular velocity 1 (rad/s)",
        "angular velocity 2 (rad/s)",
    )
    actions = Discrete(3, ("negative", "none", "positive"))
    action_names = ("torque",)

    @property
    def observations(self) -> Box:
        """The bounds, which observations never leave."""
        high = (1.0, 1.0, 1.0, 1.0, self.max_speed_1, self.max_speed_2)
        return Box(tuple(-bound for bound in high), high)

    def draw(self, state: Any, action: Any) -> list[Shape]:
        """Return both links, the line that the tip must pass, the trail of the tip, and an arc for the torque."""
        length, angle = self.length_1, state[0] + state[1]
        joint = np.array([length * math.sin(state[0]), -length * math.cos(state[0])])
        tip = joint[0] + length * math.sin(angle), joint[1] - length * math.cos(angle)
        reach, goal = 2.3 * length, self.goal_height * length
        width, sweep = 0.116 * length, 0.0 if action is None else 2.0 * (action - 1)
        return [
            View(-reach, -reach, reach, reach),
            Line([(-math.inf, goal), (math.inf, goal)], ORANGE, dashed=True),
            Text(0.98 * reach, goal + 0.08 * reach, "goal", ORANGE, align="right"),
            Line([(-0.3 * length, 0), (0.3 * length, 0)], EDGE),
            Trail(*tip, curved=True),
            Line([(0, 0), joint], INK, width),
            Line([joint, tip], BLUE, width),
            Circle(0, 0, 0.034 * length, "white"),
            Circle(joint[0], joint[1], 0.034 * length, "white"),
            arc_arrow(joint, 0.32 * length, sweep, 0.05 * length, ORANGE),
        ]

    @staticmethod
    def reset(state, constants, random):
        """Draw each element between ±0.1."""
        for k in range(4):
            state[k] = uniform_between(random, k, -_START, _START)

    @staticmethod
    def observe(state, constants, observation):
        """Write cosine and sine of both angles, and both velocities."""
        for k in range(2):
            angle = state[k]
            observation[2 * k] = elementary.cos(angle)
            observation[2 * k + 1] = elementary.sin(angle)
            observation[4 + k] = state[2 + k]

    @staticmethod
    def step(state, action, constants, random):
        """Take one step of the classical Runge-Kutta method (Kutta 1901) with a constant torque."""
        links, (strength, h, max_speed_1, max_speed_2, goal_height) = constants[:7], constants[7:]
        torque = strength if action == 2 else -strength if action == 0 else _0
        q1, q2, v1, v2 = state[0], state[1], state[2], state[3]
        # w and a: velocities and accelerations in the four stages.
        half = _HALF * h
        a1, a2 = _accelerations(q1, q2, v1, v2, torque, links)
        w1, w2 = v1 + half * a1, v2 + half * a2
        b1, b2 = _accelerations(q1 + half * v1, q2 + half * v2, w1, w2, torque, links)
        x1, x2 = v1 + half * b1, v2 + half * b2
        c1, c2 = _accelerations(q1 + half * w1, q2 + half * w2, x1, x2, torque, links)
        y1, y2 = v1 + h * c1, v2 + h * c2
        d1, d2 = _accelerations(q1 + h * x1, q2 + h * x2, y1, y2, torque, links)
        sixth = _SIXTH * h
        q1 = wrapped(q1 + sixth * (v1 + _2 * (w1 + x1) + y1))
        q2 = wrapped(q2 + sixth * (v2 + _2 * (w2 + x2) + y2))
        state[0] = q1
        state[1] = q2
        state[2] = _limited(v1 + sixth * (a1 + _2 * (b1 + c1) + d1), max_speed_1)
        state[3] = _limited(v2 + sixth * (a2 + _2 * (b2 + c2) + d2), max_speed_2)
        up = -elementary.cos(q1) - elementary.cos(q1 + q2) > goal_height
        return _0 if up else -_1, up
