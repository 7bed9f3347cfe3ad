"""Gymnasium environments side by side, each in an episode or at rest."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gymnasium

    Vector = gymnasium.vector.SyncVectorEnv[Any, Any] | gymnasium.vector.AsyncVectorEnv[Any, Any]

_PATIENCE = 5.0  # seconds that worker processes have to end by themselves

_with_processes: weakref.WeakSet[Any] = weakref.WeakSet()


def _leave_processes_to_parent() -> None:
    """In a forked child: neither use nor end the parent's worker processes."""
    for slots in _with_processes:
        slots.closed = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_processes_to_parent)


def open_slots(make: Callable[[], gymnasium.Env[Any, Any]], count: int, asynchronous: bool) -> Vector:
    """A vector environment that does not reset by itself; its observations are a Box, flat if they were not one.

    A slot rests from a reset whose seed is None to the next with a seed: it takes any action and does nothing. An
    error in an environment does not end a worker process; it is in the step's information, under "error", as
    (one line, traceback).

    Args:
        make: Makes an environment.
        count: Slots.
        asynchronous: Whether each slot is a process of its own.
    """
    from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

    factories = [_slot(make)] * count
    if asynchronous:
        # Spawned, since a fork of a process with threads can hang.
        slots = AsyncVectorEnv(factories, context="spawn", copy=False, autoreset_mode=AutoresetMode.DISABLED)
        _with_processes.add(slots)
        return slots
    return SyncVectorEnv(factories, copy=False, autoreset_mode=AutoresetMode.DISABLED)


def close_slots(slots: Vector) -> None:
    """Close the environments and end their processes, whatever state they are in."""
    from gymnasium.vector import AsyncVectorEnv

    if slots.closed:
        return
    if not isinstance(slots, AsyncVectorEnv):
        slots.close()
        return
    # Gymnasium's own close waits for ever for a process that was killed.
    pipes = [pipe for pipe in slots.parent_pipes if pipe is not None]
    for pipe in pipes:
        with contextlib.suppress(OSError):
            pipe.send(("close", None))
    end = time.monotonic() + _PATIENCE
    for process in slots.processes:
        process.join(max(0.0, end - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
    for pipe in pipes:
        pipe.close()
    slots.closed = True


def _slot(make: Callable[[], gymnasium.Env[Any, Any]]) -> Callable[[], gymnasium.Env[Any, Any]]:
    """A factory that is sent to worker processes by value, so that they need not import this package."""
    import signal
    import traceback

    import gymnasium
    import numpy as np

    parent = os.getpid()

    class Slot(gymnasium.Wrapper):
        resting = False

        def __init__(self, env):
            if not isinstance(env.observation_space, gymnasium.spaces.Box):
                env = gymnasium.wrappers.FlattenObservation(env)
            super().__init__(env)
            self.nothing = np.zeros(env.observation_space.shape, env.observation_space.dtype)

        def reset(self, *, seed=None, options=None):
            self.resting = seed is None
            if self.resting:
                return self.nothing, {}
            try:
                return self.env.reset(seed=seed)[0], {}
            except Exception as error:
                return self.nothing, self.told(error)

        def step(self, action):
            if self.resting:
                return self.nothing, 0.0, False, False, {}
            try:
                observation, reward, terminated, truncated, _ = self.env.step(action)
                return observation, float(reward), bool(terminated), bool(truncated), {}
            except Exception as error:
                return self.nothing, 0.0, False, False, self.told(error)

        @staticmethod
        def told(error):
            return {"error": (f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))}

    def factory():
        if os.getpid() != parent:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted parent ends its workers
        return Slot(make())

    return factory
