"""Environments whose worker processes need nothing but Gymnasium."""

import os
import signal
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete


class Walk(gymnasium.Env):
    """A random walk in which the action counts, of random length, with random rewards."""

    observation_space = Box(np.float32([-4.0, -np.inf]), np.float32([4.0, np.inf]))
    action_space = Discrete(3, start=-1)
    steps = 0  # of all instances in this process

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-1, 1)
        self.time = 0
        return self.observation(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        Walk.steps += 1
        self.time += 1
        self.place += 0.2 * int(action) + self.np_random.normal(scale=0.3)
        reward = self.place + self.np_random.random()
        over = self.time >= 40
        return self.observation(), reward, abs(self.place) > 2, over, {"time": self.time}

    def observation(self):
        return np.float32([self.place, self.time])


class Lazy(Walk):
    """Gives what `spoil` makes of a step's result in step 3."""

    def __init__(self, spoil):
        self.spoil = spoil

    def step(self, action):
        result = super().step(action)
        return self.spoil(*result) if self.time == 3 else result


def raises(*result):
    raise KeyError("no such thing")


def without_reward(observation, reward, *rest):
    return observation, float("nan"), *rest


def without_sight(observation, *rest):
    return observation * float("nan"), *rest


class Unwilling(Walk):
    def reset(self, *, seed=None, options=None):
        raise OSError("the door is locked")


class Ends(Walk):
    """A worker process ends once, in step 3, while the file is there; a folder stays."""

    def __init__(self, path):
        self.path = Path(path)

    def step(self, action):
        if self.time == 3 and self.path.exists():
            if self.path.is_file():
                self.path.unlink()
            self.end()
        return super().step(action)

    def end(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Interrupts(Ends):
    """As Ctrl-C does, which reaches all processes."""

    def end(self):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getppid(), signal.SIGINT)
