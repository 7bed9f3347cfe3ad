"""Gymnasium environments for tests. Their worker processes import Gymnasium only."""

import os
import signal
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete


class Walk(gymnasium.Env):
    """A random walk that the action pushes, with random rewards; it ends beyond 2 or after 40 steps."""

    observation_space = Box(np.float32([-4.0, -np.inf]), np.float32([4.0, np.inf]))
    action_space = Discrete(3, start=-1)
    steps = 0  # total of all instances in this process

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


class Spoiled(Walk):
    """In step 3, it returns the result of `spoil` for the step's result."""

    def __init__(self, spoil):
        self.spoil = spoil

    def step(self, action):
        result = super().step(action)
        return self.spoil(*result) if self.time == 3 else result


def raises(*result):
    raise KeyError("no such thing")


def without_reward(observation, reward, *rest):
    return observation, float("nan"), *rest


def without_observation(observation, *rest):
    return observation * float("nan"), *rest


class Unwilling(Walk):
    def reset(self, *, seed=None, options=None):
        raise OSError("the door is locked")


class Ends(Walk):
    """In step 3, it ends its process if `path` exists. A file is deleted first; a folder stays."""

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


class EndsSlowly(Ends):
    """Its process closes all its files 0.3 s before it is killed; the system would close them just before its end."""

    def end(self):
        os.closerange(3, 1024)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)


class Counts(Walk):
    """Its reward is the number of this library's modules that its process has imported."""

    def step(self, action):
        observation, _, *rest = super().step(action)
        return (
            observation,
            float(sum(name.split(".")[0] in ("neat", "evaluators") for name in sys.modules)),
            *rest,
        )


class Unmakeable(Walk):
    """It can be made only in the process with the id `home`."""

    def __init__(self, home):
        if os.getpid() != home:
            raise OSError("there is no such device")


class Gives(gymnasium.Env):
    """It returns a given observation, at `reset` or in the first step."""

    action_space = Discrete(3)

    def __init__(self, space, value, at_reset=False):
        self.observation_space, self.value, self.at_reset = space, value, at_reset

    def reset(self, *, seed=None, options=None):
        return (self.value if self.at_reset else self.observation_space.sample()), {}

    def step(self, action):
        return self.value, 1.0, True, False, {}


class Returns(Walk):
    """It changes the results of `reset` and `step` by two functions, for example to those of Gym's old interface."""

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
    """It interrupts the worker and its parent, like Ctrl-C, which reaches all processes."""

    def end(self):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getppid(), signal.SIGINT)


class Waits(Walk):
    """Its first step writes a file named after its process and never ends."""

    def step(self, action):
        (Path(os.environ["NOTES"]) / str(os.getpid())).touch()
        time.sleep(10_000)


class NotesAndStops(Walk):
    """Its first step writes a file named after its process and stops the process."""

    def step(self, action):
        (Path(os.environ["NOTES"]) / str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGSTOP)
