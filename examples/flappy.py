"""Flappy bird: flap through the gaps of pipes that come nearer. docs/watching.md evolves, plays and films it."""

from dataclasses import dataclass

import numpy as np

from evaluators.environments import Box, Discrete, Environment, shapes, uniform_between

ONE, APART, LOW, HIGH = np.float32([1, 0.8, 0.25, 0.75])


@dataclass(frozen=True, kw_only=True)
class Flappy(Environment):
    """A reward of 1 for each step in the air. The bird is at 0.3 in a world 1.5 wide and 1 high."""

    gravity: float = 0.0012
    flap: float = 0.018
    speed: float = 0.012
    gap: float = 0.26
    time_limit: int = 1000
    state_names = ("height", "velocity", "pipe", "gap", "next gap")
    observations = Box((0, -0.04, 0, 0), (1, 0.04, 1, 1))
    actions = Discrete(2, ("fall", "flap"))

    @staticmethod
    def reset(state, constants, random):
        state[0], state[1], state[2] = 0.5, 0, ONE
        state[3], state[4] = uniform_between(random, 0, LOW, HIGH), uniform_between(random, 1, LOW, HIGH)

    @staticmethod
    def observe(state, constants, observation):
        ahead = state[2] > 0.22  # otherwise, the bird has passed this pipe
        observation[0], observation[1] = state[0], state[1]
        observation[2] = state[2] if ahead else state[2] + APART
        observation[3] = state[3] if ahead else state[4]

    @staticmethod
    def step(state, action, constants, random):
        gravity, flap, speed, gap = constants
        state[1] = flap if action == 1 else state[1] - gravity
        state[0], state[2] = state[0] + state[1], state[2] - speed
        hit = (abs(state[2] - 0.3) < 0.08) & (abs(state[0] - state[3]) > gap / 2 - 0.03)
        if state[2] < -0.05:  # the pipe has left the picture
            state[2], state[3], state[4] = state[2] + APART, state[4], uniform_between(random, 0, LOW, HIGH)
        return ONE, hit | (state[0] < 0) | (state[0] > 1)

    def draw(self, state, action):
        height, velocity, pipe, gap, next_gap = state
        drawn = [shapes.View(0, 0, 1.5, 1), shapes.Rectangle(0, 0, 1.5, 1, "#d8ecf5")]
        for x, y in ((pipe, gap), (pipe + 0.8, next_gap)):
            drawn.append(shapes.Rectangle(x - 0.05, 0, x + 0.05, y - self.gap / 2, "#4d9221"))
            drawn.append(shapes.Rectangle(x - 0.05, y + self.gap / 2, x + 0.05, 1, "#4d9221"))
        beak = shapes.place([(0.02, 0.015), (0.055, 0), (0.02, -0.015)], 0.3, height, 20 * velocity)
        return [*drawn, shapes.Polygon(beak, "#d6604d"), shapes.Circle(0.3, height, 0.03, "#e0a800")]
