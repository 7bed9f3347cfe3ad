"""Gymnasium environments side by side, each in an episode or at rest.

Gymnasium is optional: this module is imported only where an environment is there.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import multiprocessing
import os
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from evaluators import worker_processes
from evaluators.gymnasium import observations
from evaluators.gymnasium.observations import Misfit, fit
from evaluators.worker_processes import (
    END_TIMEOUT,
    START_TIMEOUT,
    WorkerLost,
    call_in_lasting_thread,
    describe_end,
    end_with_parent,
)
from neat.support import messages, validation
from neat.support.messages import shown
from neat.support.validation import to_number

_DEPTH = 2  # containers between an environment and one that it holds
_MOST_HELD = 100  # elements of a container that are looked at

Make = Callable[[], gymnasium.Env]
Vector = SyncVectorEnv | AsyncVectorEnv


def open_slots(make: Make, count: int, timeout: float | None) -> Vector:
    """A vector environment that does not reset by itself; its observations are a Box, flat if they were not one.

    A slot rests from a reset whose seed is None to the next with a seed: it takes any action and does nothing. An
    error in an environment does not end a worker process; it is in the step's information, under "error", as
    (one line, traceback), where the traceback is empty if the environment did not raise but gave something wrong.

    Args:
        make: Makes an environment.
        count: Slots.
        timeout: None: the environments are in this process. Else each is in a process of its own, which may take so
            many seconds for a step or a reset.

    Raises:
        ValueError: Two slots got the same environment.
        WorkerLost: A worker process ended, or took too long, while it started; later, `reset` and `step` raise it.
    """
    if timeout is not None:
        return _Processes(make, count, timeout)
    slots = SyncVectorEnv([lambda: Slot(make())] * count, copy=False, autoreset_mode=AutoresetMode.DISABLED)
    try:
        check_distinct(slot.env for slot in slots.envs)  # type: ignore[attr-defined]
    except ValueError:
        slots.close()
        raise
    return slots


def belongs_here(slots: Vector) -> bool:
    """Whether this process may use the slots; not if they are processes of the one that it was forked from."""
    return not isinstance(slots, _Processes) or slots.owner == os.getpid()


def check_distinct(environments: Iterable[gymnasium.Env]) -> None:
    """ValueError if one of these environments, or one that it holds, is or holds the same as another."""
    known: dict[int, int] = {}
    kept = list(environments)  # or an id could be used again
    for number, environment in enumerate(kept):
        for part in _parts(environment):
            if known.setdefault(id(part), number) != number:
                spec = environment.spec
                kind = type(part).__name__
                call = (
                    f"gymnasium.make({spec.id!r})" if spec else f"{type(environment.unwrapped).__name__}(…)"
                )
                raise ValueError(
                    "environment: expected a function that makes a new environment each time, got one that gives the "
                    f"same {kind} again; make it inside the function: lambda: {call}"
                )


def _parts(environment: Any) -> Iterator[Any]:
    """An environment, and all that it wraps or holds, of whatever library.

    It may hold them in attributes, and in lists, dictionaries and other objects, one within another at most.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [(environment, 0)]
    while waiting:
        part, depth = waiting.pop()
        if (id(part), depth) in seen:
            continue
        seen.add((id(part), depth))
        if depth == 0:
            yield part
        for each in itertools.islice(_held(part), _MOST_HELD):
            if _is_environment(each):
                waiting.append((each, 0))
            elif depth < _DEPTH:
                waiting.append((each, depth + 1))


def _held(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from list(value.values())
    elif isinstance(value, list | tuple | set | frozenset | collections.deque):
        yield from list(value)
    elif not isinstance(value, type | types.ModuleType | types.FunctionType):
        yield from list(_own(value, "__dict__", {}).values())
        for kind in type(value).__mro__:
            names = vars(kind).get("__slots__", ())
            for name in (names,) if isinstance(names, str) else tuple(names):
                yield _own(value, name, None)


def _own(value: Any, name: str, default: Any) -> Any:
    """An object's own attribute: its class's `__getattr__` may look elsewhere, or fail."""
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return default


def _is_environment(value: Any) -> bool:
    if isinstance(value, type):
        return False
    try:
        return all(callable(getattr(value, name, None)) for name in ("reset", "step", "close"))
    except Exception:  # an object that looks its attributes up elsewhere, and cannot yet
        return False


class Slot(gymnasium.Wrapper):
    """An environment that may rest, whose observations are checked, and whose errors are information."""

    resting = False

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self._space = env.observation_space
        self._is_box = isinstance(self._space, gymnasium.spaces.Box)
        if not self._is_box:
            self.observation_space = gymnasium.spaces.flatten_space(self._space)
        self._shape, self._dtype = self.observation_space.shape, self.observation_space.dtype
        self._zeros = np.zeros(self._shape or (), self._dtype)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, or to rest if `seed` is None."""
        self.resting = seed is None
        if self.resting:
            return self._zeros, {}
        try:
            result = self.env.reset(seed=seed)
            if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], dict):
                raise Misfit(f"reset must return (observation, info), got {_outline(result)}")
            return self._flat(result[0]), {}
        except Exception as error:
            return self._zeros, _describe_error(error)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take a step, or do nothing at rest."""
        if self.resting:
            return self._zeros, 0.0, False, False, {}
        try:
            result = self.env.step(action)
            if not isinstance(result, tuple) or len(result) != 5:
                raise Misfit(
                    "step must return (observation, reward, terminated, truncated, info), "
                    f"got {_outline(result)}"
                )
            observation, reward, terminated, truncated, _ = result
            ends = _flag("terminated", terminated), _flag("truncated", truncated)
            return self._flat(observation), _as_number("reward", reward), *ends, {}
        except Exception as error:
            return self._zeros, 0.0, False, False, _describe_error(error)

    def _flat(self, observation: Any) -> Any:
        if self._is_box:
            if (
                type(observation) is np.ndarray
                and observation.dtype == self._dtype
                and observation.shape == self._shape
            ):
                return observation
            return fit(self._space, observation)
        return gymnasium.spaces.flatten(self._space, fit(self._space, observation))


def _as_number(name: str, value: Any) -> float:
    try:
        return value if type(value) is float else to_number(name, value)
    except ValueError as error:
        raise Misfit(str(error)) from None


def _flag(name: str, value: Any) -> bool:
    """A bool, or an array without dimensions that holds one, as a bool."""
    if isinstance(value, bool):
        return value
    if hasattr(value, "__array__") and not np.ma.is_masked(value):
        array = np.asarray(value)
        if array.shape == () and array.dtype == bool:
            return bool(array)
    raise Misfit(f"expected True or False as {name}, got {shown(value)}")


def _outline(result: Any) -> str:
    """What `reset` or `step` returned, in a few words."""
    if isinstance(result, tuple):
        return f"({', '.join(type(value).__name__ for value in result)})"
    return type(result).__name__


def _describe_error(error: Exception) -> dict[str, Any]:
    if isinstance(error, Misfit):
        return {"error": (str(error), "")}
    hint = ""
    if isinstance(error, TypeError) and "reset() got an unexpected keyword argument" in str(error):
        hint = "; reset must take seed and options, and return (observation, info)"
    # Of a wrapper around Gym's old interface.
    if isinstance(error, ValueError) and "values to unpack" in str(error):
        hint = (
            "; reset must return (observation, info), "
            "and step (observation, reward, terminated, truncated, info)"
        )
    return {"error": (f"{type(error).__name__}: {error}{hint}", "".join(traceback.format_exception(error)))}


class _Processes(AsyncVectorEnv):
    """Slots in processes that end with this one; nothing waits for ever for one that died or was stopped."""

    processes: list[Any] = []  # noqa: RUF012  until there are some

    def __init__(self, make: Make, count: int, timeout: float) -> None:
        self._timeout, self.owner, self._started = timeout, os.getpid(), False
        factory = functools.partial(_make_slot, make, self.owner)
        try:
            with _pickling_by_value():
                call_in_lasting_thread(
                    functools.partial(
                        super().__init__,
                        [factory] * count,
                        context="spawn",  # a fork of a process with threads can hang
                        copy=False,
                        autoreset_mode=AutoresetMode.DISABLED,
                    )
                )
        except BaseException as error:
            loss = (
                self._describe_loss()
                if self.processes and isinstance(error, EOFError | ConnectionError)
                else error
            )
            self.close()
            raise loss from None
        self._started = True

    def _check_spaces(self) -> None:  # Gymnasium's waits for ever for a process that does not answer
        self.call_async("resting")
        try:
            self.call_wait(START_TIMEOUT)
        except multiprocessing.TimeoutError:
            raise WorkerLost(f"did not start within {START_TIMEOUT:g} s") from None
        super()._check_spaces()

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As Gymnasium's, but raises WorkerLost."""
        return self._exchange(functools.partial(self.reset_async, seed, options), self.reset_wait)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """As Gymnasium's, but raises WorkerLost."""
        return self._exchange(functools.partial(self.step_async, actions), self.step_wait)

    def _exchange(self, send: Callable[[], None], wait_for: Callable[[float], Any]) -> Any:
        try:
            send()
            return wait_for(self._timeout)
        except multiprocessing.TimeoutError:
            raise WorkerLost(f"took more than {self._timeout:g} s (timeout)") from None
        except (EOFError, ConnectionError):
            raise self._describe_loss() from None

    def _describe_loss(self) -> WorkerLost:
        wait([process.sentinel for process in self.processes], END_TIMEOUT)  # a pipe ends before its process
        statuses = [process.exitcode for process in self.processes if process.exitcode is not None]
        return describe_end(statuses[0] if statuses else None, self._started)

    def close_extras(self, timeout: float | None = None, terminate: bool = False) -> None:
        """End the processes, whatever state they are in; Gymnasium's waits for ever for one that was killed."""
        if os.getpid() != self.owner:  # a fork, to which they do not belong
            return
        pipes = [pipe for pipe in self.parent_pipes if pipe is not None] if self.processes else []
        for pipe in pipes:
            with contextlib.suppress(OSError):
                pipe.send(("close", None))
        end = time.monotonic() + END_TIMEOUT
        for process in self.processes:
            process.join(max(0.0, end - time.monotonic()))
            process.kill()
            process.join()
        for pipe in pipes:
            pipe.close()


def _make_slot(make: Make, parent: int) -> Slot:
    """A slot, mostly in a worker process; Gymnasium looks at one in the parent too."""
    if os.getpid() != parent:
        end_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted parent ends its workers
    return Slot(make())


@contextlib.contextmanager
def _pickling_by_value() -> Iterator[None]:
    """Send what a slot needs to worker processes by value, so that they need not import this package."""
    modules = (messages, validation, observations, worker_processes, sys.modules[__name__])
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
