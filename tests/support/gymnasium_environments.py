"""Environments whose worker processes need nothing but Gymnasium."""

import os
import signal
import sys
import time
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


class Stops(Ends):
    def end(self):
        os.kill(os.getpid(), signal.SIGSTOP)


class Counts(Walk):
    """Its reward is the number of modules of this library that its process has imported."""

    def step(self, action):
        observation, _, *rest = super().step(action)
        return (
            observation,
            float(sum(name.split(".")[0] in ("neat", "evaluators") for name in sys.modules)),
            *rest,
        )


class Unmakeable(Walk):
    """It can be made in one process only."""

    def __init__(self, home):
        if os.getpid() != home:
            raise OSError("there is no such device")


class Gives(gymnasium.Env):
    """Its observations are as given, at `reset` or after the first step."""

    action_space = Discrete(3)

    def __init__(self, space, value, at_reset=False):
        self.observation_space, self.value, self.at_reset = space, value, at_reset

    def reset(self, *, seed=None, options=None):
        return (self.value if self.at_reset else self.observation_space.sample()), {}

    def step(self, action):
        return self.value, 1.0, True, False, {}


class Returns(Walk):
    """As Gym's old interface, and otherwise wrong."""

    def __init__(self, reset=None, step=None):
        self.results = reset, step

    def reset(self, *, seed=None, options=None):
        result = super().reset(seed=seed)
        return result if self.results[0] is None else self.results[0](*result)

    def step(self, action):
        result = super().step(action)
        return result if self.results[1] is None else self.results[1](*result)


def observation_only(observation, information):
    return observation


def four_values(observation, reward, terminated, truncated, information):
    return observation, reward, terminated or truncated, information


def no_reward(observation, reward, *rest):
    return observation, None, *rest


class Interrupts(Ends):
    """As Ctrl-C does, which reaches all processes."""

    def end(self):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getppid(), signal.SIGINT)


class Waits(Walk):
    """It notes its process's number, and its first step never ends."""

    def step(self, action):
        (Path(os.environ["NOTES"]) / str(os.getpid())).touch()
        time.sleep(10_000)


class NotesAndStops(Walk):
    """It notes its process's number, and its first step stops the process."""

    def step(self, action):
        (Path(os.environ["NOTES"]) / str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGSTOP)
