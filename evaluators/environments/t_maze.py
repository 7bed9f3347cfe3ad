"""The T-maze, a task of memory: remember a signal from the entrance until the junction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.environments.environment import Environment
from evaluators.environments.random_numbers import EPISODES, uniform
from evaluators.environments.shapes import GROUND, Circle, Line, Polygon, Rectangle, Shape, View, arrow, place
from evaluators.environments.spaces import Box, Discrete
from neat.kernels.jit import inner_function
from neat.support.colours import BLUE, INK, ORANGE
from neat.support.messages import quote

_0 = np.float32(0.0)
_HALF = np.float32(0.5)
_1 = np.float32(1.0)
_ODD = np.uint64(1)

_POINTS = np.arange(10) * np.pi / 5
_STAR = np.where(np.arange(10) % 2, 0.15, 0.38)[:, np.newaxis] * np.column_stack(
    [np.sin(_POINTS), np.cos(_POINTS)]
)


@dataclass(frozen=True, kw_only=True)
class TMaze(Environment):
    """Walk down a corridor and turn to the side that a signal at its beginning shows (Bakker 2002).

    The actions are to turn left, go forward and turn right. The corridor has `length` cells and ends at the junction.
    Only going forward is possible in the corridor, and only turning at the junction; any other action bumps into a wall
    and costs `penalty`. A turn at the junction ends the episode, with `reward` on the side of the goal and a cost of
    `penalty` on the other side.

    One of four observations is 1, the others are 0: signal for left, signal for right, corridor, junction. The signal
    is visible only in the first step. So the best policy without memory always turns to the same side, and gets
    (reward - penalty)/2 on average, 0.45 by default. A policy with memory can get `reward`.

    The goal alternates between left and right from one episode to the next, so that an even number of episodes has
    equally many of each. The first side is random.

    The source is Bakker, "Reinforcement learning with long short-term memory" (NIPS 14, 2002); Blynel and Floreano
    (2003) evolved a robot for the task. Bakker has a reward of 4, a fourth action that goes back, a signal that stays
    visible in the first cell, and the observations 011, 110, 101 and 010.
    """

    length: int = 10
    """Cells of the corridor."""
    reward: float = 1.0
    """Reward for reaching the goal."""
    penalty: float = 0.1
    """Cost of bumping into a wall, and of turning away from the goal."""
    time_limit: int = 50

    state_names = ("position (cells)", "goal (-1 left, 1 right)", "signal (1 shown, 0 not)")
    actions = Discrete(3, ("left", "forward", "right"))
    action_names = ("move",)
    # The bounds include -1, so that scaling leaves 0 and 1 unchanged.
    observations = Box((-1.0,) * 4, (1.0,) * 4)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length != int(self.length) or not 1 <= self.length < self.time_limit:
            raise ValueError(
                f"{self.name}: length: must be an integer from 1 to time_limit - 1, "
                f"{self.time_limit - 1}, got {quote(self.length)}"
            )

    def draw(self, state: Any, action: Any) -> list[Shape]:
        """Return the maze, the goal, the signal while it is on, the agent, and its last move; left is up."""
        end, (x, goal, shown) = int(self.length), state
        side = 0 if action is None else action - 1  # -1 left, 1 right
        y = -side if x >= end else 0  # a turn at the junction is the last move
        heading = np.array([0, -side] if side else [1, 0]) * (0.2 if action is not None else 0)
        left, right = end - 0.5, end + 0.5
        wall = [
            (-0.5, 0.5),
            (left, 0.5),
            (left, 1.5),
            (right, 1.5),
            (right, -1.5),
            (left, -1.5),
            (left, -0.5),
        ]
        wall += [(-0.5, -0.5), (-0.5, 0.5)]
        tail, tip = place([-heading, heading], x, y)
        signal = arrow((0, -0.65 * goal), (0, -1.45 * goal), 0.24, ORANGE)
        return [
            View(-1.2, -1.9, end + 1.2, 1.9),
            Rectangle(-0.5, -0.5, right, 0.5, GROUND),
            Rectangle(left, -1.5, right, 1.5, GROUND),
            *(Line([(k + 0.5, -0.5), (k + 0.5, 0.5)], "white", 0.04) for k in range(end)),
            *(Line([(left, k), (right, k)], "white", 0.04) for k in (-0.5, 0.5)),
            Line(wall, INK, 0.06),
            Polygon(place(_STAR, end, -goal), ORANGE),
            *([signal] if shown else []),
            Circle(x, y, 0.3, BLUE),
            arrow(tail, tip, 0.1, "white"),
        ]

    @staticmethod
    def reset(state, constants, random):
        """Start at the beginning of the corridor, with the signal visible."""
        state[0] = _0
        state[1] = _goal(random)
        state[2] = _1

    @staticmethod
    def observe(state, constants, observation):
        """Write signal for left, signal for right, corridor, junction."""
        length, _, _ = constants
        position, goal, shown = state[0], state[1], state[2] > _0
        observation[0] = _1 if shown & (goal < _0) else _0
        observation[1] = _1 if shown & (goal > _0) else _0
        observation[2] = _1 if (not shown) & (position < length) else _0
        observation[3] = _1 if position >= length else _0

    @staticmethod
    def step(state, action, constants, random):
        """Go one cell forward, or turn."""
        length, reward, penalty = constants
        position, goal = state[0], state[1]
        side = np.float32(action - 1)
        turned, at_junction = action != 1, position >= length
        bumped = turned != at_junction
        ended = turned & at_junction
        state[0] = position if bumped | ended else position + _1
        state[2] = _0
        cost = -penalty if bumped | ended else _0
        return reward if ended & (side == goal) else cost, ended


@inner_function
def _goal(random):
    """Return -1 or 1, alternating from one episode to the next."""
    seed, generation, individual, stream, time = random
    episode = stream // EPISODES
    first = uniform((seed, generation, individual, stream % EPISODES, time), 0) < _HALF
    return -_1 if first == (episode & _ODD == _ODD) else _1
