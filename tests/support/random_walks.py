"""User-defined environments for tests: random walks that a network pushes, by discrete or continuous actions."""

from dataclasses import dataclass

import numpy as np

from evaluators.environments import Box, Discrete, Environment, uniform

ONE, HALF = np.float32(1.0), np.float32(0.5)


@dataclass(frozen=True, kw_only=True)
class Walk(Environment):
    """Stay near 0 on a line with gusts. The episode ends beyond the edge."""

    gust: float = 0.2
    push: float = 0.1
    edge: float = 1.0
    time_limit: int = 60

    state_names = ("position", "steps")
    observations = Box((-1.0,), (3.0,))
    actions = Discrete(3)

    @staticmethod
    def reset(state, constants, random):
        state[0] = uniform(random, 0) - HALF
        state[1] = 0

    @staticmethod
    def observe(state, constants, observation):
        observation[0] = state[0]

    @staticmethod
    def step(state, action, constants, random):
        gust, push, edge = constants
        position = state[0] + gust * (uniform(random, 5) - HALF) + push * np.float32(action - 1)
        state[0] = position
        state[1] += ONE
        return ONE - abs(position), abs(position) > edge


@dataclass(frozen=True, kw_only=True)
class Drift(Walk):
    """`Walk` in float64 with an action of two numbers, which are added."""

    actions = Box((-1.0, 0.0), (0.0, 3.0))
    precision = np.float64

    @staticmethod
    def step(state, action, constants, random):
        gust, push, edge = constants
        position = state[0] + gust * (uniform(random, 5) - 0.5) + push * (action[0] + action[1])
        state[0] = position
        state[1] += 1.0
        return 1.0 - abs(position), abs(position) > edge


@dataclass(frozen=True, kw_only=True)
class Sway(Walk):
    """A walk whose step calls NumPy's functions for numbers and for the whole state."""

    @staticmethod
    def step(state, action, constants, random):
        gust, push, edge = constants
        state *= np.float32(0.9)
        state += np.exp(-np.abs(state[0])) * push * np.sign(np.float32(action - 1))
        state[0] -= gust * np.sqrt(uniform(random, 5)) * np.round(uniform(random, 6))
        np.negative(state, state)
        position = np.remainder(state[0], np.float32(2.5)) % np.float32(1.25)
        return ONE - position, np.bool_(np.square(position) > edge * edge * np.float32(1.4))


@dataclass(frozen=True, kw_only=True)
class Hot(Walk):
    """Its step raises ValueError after 250 steps, unless the episode ends before."""

    @staticmethod
    def step(state, action, constants, random):
        state[1] += ONE
        if state[1] > 250:
            raise ValueError("the motor is hot")
        return np.float32(0.0), uniform(random, 5) < np.float32(0.003)


@dataclass(frozen=True, kw_only=True)
class Late(Walk):
    """Its reward is NaN from step 301 on."""

    @staticmethod
    def step(state, action, constants, random):
        state[1] += ONE
        return np.float32(np.sqrt(np.float32(300.0) - state[1])), False
