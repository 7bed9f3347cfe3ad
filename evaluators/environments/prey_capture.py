"""The task to catch a fleeing prey that is visible only nearby (Gomez and Miikkulainen 1997), as in SharpNEAT."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.environments.environment import Environment
from evaluators.environments.random_numbers import uniform
from evaluators.environments.shapes import GROUND, Circle, Line, Polygon, Shape, Trail, View
from evaluators.environments.spaces import Box, Discrete
from neat.kernels import elementary
from neat.kernels.jit import inner_function
from neat.support.colours import BLUE, GREY, INK, ORANGE, PALE_BLUE, PALE_ORANGE
from neat.support.messages import quote

_0 = np.float32(0.0)
_QUARTER = np.float32(0.25)
_THIRD = np.float32(0.33)  # SharpNEAT's value; not 1/3
_HALF = np.float32(0.5)
_1 = np.float32(1.0)
_2 = np.float32(2.0)
_4 = np.float32(4.0)
_8 = np.float32(8.0)
_9 = np.float32(9.0)
_15 = np.float32(15.0)
_TAU = np.float32(2 * np.pi)
_OVER_HALF_PI = np.float32(2 / np.pi)
_TAN_22_5 = np.float32(math.tan(math.pi / 8))
_MARGIN = 4  # cells between the prey and the walls at the start
_SMALLEST = 2 * _MARGIN + 1

# Of atan x = x A(x²), interpolated at Chebyshev nodes of 0 <= x <= 1; within 5e-7.
_A0, _A1 = np.float32(0.9999992251396179), np.float32(-0.3332567811012268)
_A2, _A3 = np.float32(0.19872039556503296), np.float32(-0.1344786435365677)
_A4, _A5 = np.float32(0.08312645554542542), np.float32(-0.03636043146252632)
_A6 = np.float32(0.007648353930562735)


@dataclass(frozen=True, kw_only=True)
class PreyCapture(Environment):
    """Catch a prey on a grid between walls; a catch has a reward of 1 and ends the episode.

    The actions are to stay, and to move one cell north, east, south or west; walls stop the agent and the prey. The
    prey moves after the agent, in one of the four directions. It prefers directions that lead away from the agent, the
    more so the nearer the agent is. In the first `head_start` steps, the agent observes but cannot move.

    Observations lie between 0 and 1. Eight sensors show in which eighth of the compass the prey is, anticlockwise from
    north-east to east; all are 0 if it is beyond `sensor_range`. The ninth shows whether the prey is within 2 cells.
    The last four show the nearness of the walls in the north, east, south and west, from 0 at 4 cells to 1 beside them.

    The task and its settings are those of SharpNEAT 4 (colgreen/sharpneat, SharpNeat.Tasks/PreyCapture; its fitness is
    the number of catches in 100 episodes), after Gomez and Miikkulainen, "Incremental evolution of complex general
    behavior" (1997). There are three differences. Standing still is an action; SharpNEAT has four outputs, and stands
    still if the greatest is below 0.1 or not unique. No observation is a constant 1. The probabilities use the exact
    exponential function; SharpNEAT's approximation is up to 11 % off.
    """

    size: int = 24
    """Cells on each side of the grid."""
    sensor_range: float = 4.0
    """Greatest distance at which the agent sees the prey, in cells."""
    prey_speed: float = 1.0
    """Probability that the prey moves in a step."""
    head_start: int = 4
    """Steps in which only the prey moves."""
    time_limit: int = 70

    state_names = (
        "agent, cells from the west",
        "agent, cells from the south",
        "prey, cells from the west",
        "prey, cells from the south",
        "head start (steps left)",
    )
    actions = Discrete(5, ("stay", "north", "east", "south", "west"))
    action_names = ("move",)
    # The bounds include -1, so that scaling leaves 0 to 1 unchanged.
    observations = Box((-1.0,) * 13, (1.0,) * 13)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size != int(self.size) or self.size < _SMALLEST:
            raise ValueError(
                f"{self.name}: size: must be an integer from {_SMALLEST} up, got {quote(self.size)}"
            )
        if not 0 <= self.prey_speed <= 1:
            raise ValueError(f"{self.name}: prey_speed: must be from 0 to 1, got {quote(self.prey_speed)}")
        if self.head_start != int(self.head_start) or self.head_start < 0:
            raise ValueError(
                f"{self.name}: head_start: must be an integer from 0 up, got {quote(self.head_start)}"
            )

    def draw(self, state: Any, action: Any) -> list[Shape]:
        """Return the grid, the agent, the reach of its sensors, the sensor that sees the prey, the prey, and trails."""
        x, y, prey_x, prey_y, head_start = state
        low, high, reach = -0.5, self.size - 0.5, self.sensor_range
        marks = np.arange(self.size) - 0.5
        seen = []
        if math.hypot(prey_x - x, prey_y - y) <= reach:
            eighth = round(math.atan2(prey_y - y, prey_x - x) * 4 / math.pi)
            angle = (eighth + np.linspace(-0.5, 0.5, 9)) * math.pi / 4
            rim = np.column_stack([x + reach * np.cos(angle), y + reach * np.sin(angle)])
            seen = [Polygon([(x, y), *rim], ORANGE + "40")]
        return [
            View(-1.3, -1.3, self.size + 0.3, self.size + 1.9),  # with room for the caption
            *(Line([(mark, low), (mark, high)], GROUND, 0.07) for mark in marks),
            *(Line([(low, mark), (high, mark)], GROUND, 0.07) for mark in marks),
            Line([(low, low), (high, low), (high, high), (low, high), (low, low)], INK, 0.17),
            *seen,
            Circle(x, y, reach, PALE_BLUE, filled=False),
            Trail(x, y, PALE_BLUE, 0.17),
            Trail(prey_x, prey_y, PALE_ORANGE, 0.17),
            Circle(prey_x, prey_y, 0.38, ORANGE),
            Circle(x, y, 0.38, GREY if head_start > 0 else BLUE),
        ]

    @staticmethod
    def reset(state, constants, random):
        """Place the prey at least 4 cells from the walls, and the agent 2 to 4 cells from it, rounded toward it."""
        size, _, _, head_start = constants
        for k in range(2):
            state[2 + k] = _4 + np.float32(math.floor(uniform(random, k) * (size - _8)))
        angle, distance = _TAU * uniform(random, 2), _2 + _2 * uniform(random, 3)
        state[0] = state[2] + np.float32(np.int32(elementary.cos(angle) * distance))
        state[1] = state[3] + np.float32(np.int32(elementary.sin(angle) * distance))
        state[4] = head_start

    @staticmethod
    def observe(state, constants, observation):
        """Write eight sensors of the prey's direction, one of its nearness, and four of the walls' nearness."""
        size, sensor_range, _, _ = constants
        x, y = state[0], state[1]
        east, north = state[2] - x, state[3] - y
        square = east * east + north * north
        eighth = _eighth(east, north)
        for k in range(8):
            observation[k] = _1 if (k == eighth) & (square <= sensor_range * sensor_range) else _0
        observation[8] = _1 if square <= _4 else _0
        observation[9] = _nearness(size - _1 - y)
        observation[10] = _nearness(size - _1 - x)
        observation[11] = _nearness(y)
        observation[12] = _nearness(x)

    @staticmethod
    def step(state, action, constants, random):
        """Move the agent, then the prey."""
        size, _, prey_speed, _ = constants
        chasing = state[4] <= _0
        x, y, prey_x, prey_y = state[0], state[1], state[2], state[3]
        step_x, step_y = _direction(action - 1)
        x = _between(x + step_x, size) if chasing else x
        y = _between(y + step_y, size) if chasing else y
        caught = chasing & (x == prey_x) & (y == prey_y)
        flees = (uniform(random, 0) < prey_speed) & (not caught)
        step_x, step_y = _direction(_flight(x - prey_x, y - prey_y, uniform(random, 1)))
        prey_x = _between(prey_x + step_x, size) if flees else prey_x
        prey_y = _between(prey_y + step_y, size) if flees else prey_y
        state[0], state[1], state[2], state[3] = x, y, prey_x, prey_y
        state[4] = _0 if chasing else state[4] - _1
        # The prey can also run into the agent.
        caught = chasing & (x == prey_x) & (y == prey_y)
        return _1 if caught else _0, caught


@inner_function
def _eighth(east, north):
    """Return the eighth of the compass around an integer vector: 0 is north-east, 1 north, …, 7 east."""
    across, along = abs(east), abs(north)
    # No cell lies on a border between eighths, since the borders' slopes are irrational.
    horizontal, vertical = along <= _TAN_22_5 * across, across < _TAN_22_5 * along
    diagonal = (0 if east > _0 else 2) if north > _0 else (6 if east > _0 else 4)
    straight = (7 if east >= _0 else 3) if horizontal else (1 if north > _0 else 5)
    return straight if horizontal | vertical else diagonal


@inner_function
def _nearness(distance):
    """Return the nearness of a wall at a distance in cells: 1 at 0 cells, 0 at 4 or more."""
    return (_4 - distance) * _QUARTER if distance < _4 else _0


@inner_function
def _direction(number):
    """Return the step (x, y) to north, east, south or west for 0 to 3; (0, 0) for other numbers."""
    x = _1 if number == 1 else -_1 if number == 3 else _0
    y = _1 if number == 0 else -_1 if number == 2 else _0
    return x, y


@inner_function
def _between(cell, size):
    cell = cell if cell > _0 else _0
    return cell if cell < size - _1 else size - _1


@inner_function
def _flight(east, north, chance):
    """Return the prey's direction, 0 to 3, for the agent's relative position (Gomez and Miikkulainen 1997, appendix A).

    The probability of a direction is proportional to exp(0.33 W T). W is the angle between it and the direction of the
    agent, 1 for the opposite direction (the paper's text says the reverse). T depends on the distance.
    """
    across, along = abs(east), abs(north)
    slanted = _angle(across, along)
    from_east = slanted if east >= _0 else _2 - slanted
    from_north = _1 - slanted if north >= _0 else _1 + slanted
    distance = np.float32(math.sqrt(east * east + north * north))
    far = _9 - _HALF * distance if distance <= _15 else _1
    fear = _THIRD * (_15 - distance if distance <= _4 else far) * _HALF
    to_north = elementary.exp(from_north * fear)
    to_east = to_north + elementary.exp(from_east * fear)
    to_south = to_east + elementary.exp((_2 - from_north) * fear)
    to_west = to_south + elementary.exp((_2 - from_east) * fear)
    drawn = chance * to_west
    return 0 if drawn < to_north else 1 if drawn < to_east else 2 if drawn < to_south else 3


@inner_function
def _angle(across, along):
    """Return the angle between a vector of non-negative integers and the horizontal, in right angles; 0 for (0, 0)."""
    longer, shorter = (across, along) if across >= along else (along, across)
    x = shorter / (longer if longer > _0 else _1)
    s = x * x
    a = _A6 * s + _A5
    a = a * s + _A4
    a = a * s + _A3
    a = a * s + _A2
    a = a * s + _A1
    a = a * s + _A0
    angle = x * a * _OVER_HALF_PI
    return angle if across >= along else _1 - angle
