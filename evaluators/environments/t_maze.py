"""A T-maze: a signal at the entrance must be remembered until the junction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluators.environments.environment import Environment
from evaluators.environments.random_numbers import EPISODES, uniform
from evaluators.environments.spaces import Box, Discrete
from neat.kernels.jit import inner_function
from neat.support.messages import shown

_0 = np.float32(0.0)
_HALF = np.float32(0.5)
_1 = np.float32(1.0)
_ODD = np.uint64(1)


@dataclass(frozen=True, kw_only=True)
class TMaze(Environment):
    """Walk down a corridor and turn to the side that a signal told at its beginning (Bakker 2002).

    Actions are to turn left, to go forward and to turn right. The corridor has `length` cells, and the junction comes
    after the last. In the corridor only going forward moves, at the junction only turning; all else bumps into a wall,
    which costs `penalty`. Turning at the junction ends the episode, with `reward` on the side of the goal, and at the
    cost of `penalty` on the other.

    There are four observations, of which one is 1 and the others 0: signal for left, signal for right, corridor,
    junction. A signal is seen in the first step alone. So the best that any policy without memory can do is to walk to
    the junction and always turn to the same side: (reward - penalty)/2 on average, 0.45 by default. One with memory
    gets `reward`.

    Goals are left and right in turn, from one episode to the next: an even number of episodes has as many of each. The
    side of the first is random.

    After Bakker, "Reinforcement learning with long short-term memory" (NIPS 14, 2002); Blynel and Floreano (2003)
    evolved a robot for it. Bakker has a reward of 4, a fourth action, which goes back, a signal that shows as long as
    one stays, and 011, 110, 101 and 010 for the observations.
    """

    length: int = 10
    """Of the corridor, cells."""
    reward: float = 1.0
    """For reaching the goal."""
    penalty: float = 0.1
    """For bumping into a wall, and for turning away from the goal."""
    time_limit: int = 50

    state_names = ("position (cells)", "goal (-1 left, 1 right)", "signal (1 shown, 0 not)")
    actions = Discrete(3)
    # Wider below than what is observed, so that 0 and 1 are not scaled.
    observations = Box((-1.0,) * 4, (1.0,) * 4)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length != int(self.length) or not 1 <= self.length < self.time_limit:
            raise ValueError(
                f"{self.name}: length: must be an integer from 1 to time_limit - 1, "
                f"{self.time_limit - 1}, got {shown(self.length)}"
            )

    @staticmethod
    def reset(state, constants, random):
        """At the beginning, with the signal shown."""
        state[0] = _0
        state[1] = _goal(random)
        state[2] = _1

    @staticmethod
    def observe(state, constants, observation):
        """Signal for left, signal for right, corridor, junction."""
        length, _, _ = constants
        position, goal, shown = state[0], state[1], state[2] > _0
        observation[0] = _1 if shown & (goal < _0) else _0
        observation[1] = _1 if shown & (goal > _0) else _0
        observation[2] = _1 if (not shown) & (position < length) else _0
        observation[3] = _1 if position >= length else _0

    @staticmethod
    def step(state, action, constants, random):
        """One cell forward, or a turn."""
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
    """-1 or 1, in turn from one episode to the next."""
    seed, generation, individual, stream, time = random
    episode = stream // EPISODES
    first = uniform((seed, generation, individual, stream % EPISODES, time), 0) < _HALF
    return -_1 if first == (episode & _ODD == _ODD) else _1
