"""Vectors of Gymnasium environments that are stepped side by side; each is in an episode, or rests.

Gymnasium is optional: this module is imported only where an environment exists.
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

from evaluators.gymnasium import observations
from evaluators.gymnasium.observations import InvalidResult, convert_to_space
from neat.processes import process_lifetime
from neat.processes.process_lifetime import call_in_permanent_thread, end_with_parent
from neat.processes.worker_processes import END_TIMEOUT, START_TIMEOUT, WorkerLost, describe_end
from neat.support import messages, validation
from neat.support.messages import quote
from neat.support.validation import to_number

_SEARCH_DEPTH = 2  # nested containers between an environment and one that it holds
_MAX_ELEMENTS = 100  # elements of a container that are searched

Make = Callable[[], gymnasium.Env]
Vector = SyncVectorEnv | AsyncVectorEnv


def open_vector(make: Make, count: int, timeout: float | None) -> Vector:
    """Return a vector environment without automatic resets; observations that are not a Box are flattened.

    A reset with the seed None lets an environment rest until the next reset with a seed: steps then do nothing. An
    error in an environment does not end a worker process. The step's information has it under "error", as (one line,
    traceback); the traceback is empty if the environment did not raise, but returned an invalid value.

    Args:
        make: Makes an environment.
        count: Number of environments.
        timeout: None: the environments are in this process. Otherwise each is in its own process, and this is the
            number of seconds that a step or a reset may take.

    Raises:
        ValueError: `make` returned the same environment twice.
        WorkerLost: A worker process ended, or took too long, while it started; `reset` and `step` raise this later.
    """
    if timeout is not None:
        return _ProcessVector(make, count, timeout)
    factories = [lambda: SubEnvironment(make())] * count
    vector = SyncVectorEnv(factories, copy=False, autoreset_mode=AutoresetMode.DISABLED)
    try:
        check_distinct(each.env for each in vector.envs)  # type: ignore[attr-defined]
    except ValueError:
        vector.close()
        raise
    return vector


def is_usable_here(vector: Vector) -> bool:
    """Whether this process may use the vector: not if its worker processes belong to a process that forked this one."""
    return not isinstance(vector, _ProcessVector) or vector.owner == os.getpid()


def check_distinct(environments: Iterable[gymnasium.Env]) -> None:
    """Raise ValueError if two of these environments share an environment: are the same one, or hold the same one."""
    known: dict[int, int] = {}
    kept = list(environments)  # keeps them alive, so that Python does not reuse an id
    for number, environment in enumerate(kept):
        for part in _reachable_environments(environment):
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


def _reachable_environments(environment: Any) -> Iterator[Any]:
    """Yield an environment and all environments that it wraps or holds, of any library.

    The search covers attributes, and up to `_SEARCH_DEPTH` nested lists, dictionaries and other objects.
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
        for each in itertools.islice(_held_values(part), _MAX_ELEMENTS):
            if _is_environment(each):
                waiting.append((each, 0))
            elif depth < _SEARCH_DEPTH:
                waiting.append((each, depth + 1))


def _held_values(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from list(value.values())
    elif isinstance(value, list | tuple | set | frozenset | collections.deque):
        yield from list(value)
    elif not isinstance(value, type | types.ModuleType | types.FunctionType):
        yield from list(_get_own_attribute(value, "__dict__", {}).values())
        for kind in type(value).__mro__:
            names = vars(kind).get("__slots__", ())
            for name in (names,) if isinstance(names, str) else tuple(names):
                yield _get_own_attribute(value, name, None)


def _get_own_attribute(value: Any, name: str, default: Any) -> Any:
    """Return an attribute of the object itself: a class's `__getattr__` may look elsewhere, or fail."""
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return default


def _is_environment(value: Any) -> bool:
    if isinstance(value, type):
        return False
    try:
        return all(callable(getattr(value, name, None)) for name in ("reset", "step", "close"))
    except Exception:  # the object's `__getattr__` fails
        return False


class SubEnvironment(gymnasium.Wrapper):
    """An environment that can rest, checks observations, and returns errors as information."""

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
        """Start an episode; rest if `seed` is None."""
        self.resting = seed is None
        if self.resting:
            return self._zeros, {}
        try:
            result = self.env.reset(seed=seed)
            if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], dict):
                raise InvalidResult(f"reset must return (observation, info), got {_describe_types(result)}")
            return self._flatten(result[0]), {}
        except Exception as error:
            return self._zeros, _describe_error(error)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take a step; do nothing while resting."""
        if self.resting:
            return self._zeros, 0.0, False, False, {}
        try:
            result = self.env.step(action)
            if not isinstance(result, tuple) or len(result) != 5:
                raise InvalidResult(
                    "step must return (observation, reward, terminated, truncated, info), "
                    f"got {_describe_types(result)}"
                )
            observation, reward, terminated, truncated, _ = result
            ends = _as_bool("terminated", terminated), _as_bool("truncated", truncated)
            return self._flatten(observation), _as_number("reward", reward), *ends, {}
        except Exception as error:
            return self._zeros, 0.0, False, False, _describe_error(error)

    def _flatten(self, observation: Any) -> Any:
        if self._is_box:
            if (
                type(observation) is np.ndarray
                and observation.dtype == self._dtype
                and observation.shape == self._shape
            ):
                return observation
            return convert_to_space(self._space, observation)
        return gymnasium.spaces.flatten(self._space, convert_to_space(self._space, observation))


def _as_number(name: str, value: Any) -> float:
    try:
        return value if type(value) is float else to_number(name, value)
    except ValueError as error:
        raise InvalidResult(str(error)) from None


def _as_bool(name: str, value: Any) -> bool:
    """Convert a bool, or an array without dimensions that holds one, to a bool."""
    if isinstance(value, bool):
        return value
    if hasattr(value, "__array__") and not np.ma.is_masked(value):
        array = np.asarray(value)
        if array.shape == () and array.dtype == bool:
            return bool(array)
    raise InvalidResult(f"expected True or False as {name}, got {quote(value)}")


def _describe_types(result: Any) -> str:
    if isinstance(result, tuple):
        return f"({', '.join(type(value).__name__ for value in result)})"
    return type(result).__name__


def _describe_error(error: Exception) -> dict[str, Any]:
    if isinstance(error, InvalidResult):
        return {"error": (str(error), "")}
    hint = ""
    if isinstance(error, TypeError) and "reset() got an unexpected keyword argument" in str(error):
        hint = "; reset must take seed and options, and return (observation, info)"
    # Gymnasium's wrappers raise this around an environment with Gym's old interface.
    if isinstance(error, ValueError) and "values to unpack" in str(error):
        hint = (
            "; reset must return (observation, info), "
            "and step (observation, reward, terminated, truncated, info)"
        )
    return {"error": (f"{type(error).__name__}: {error}{hint}", "".join(traceback.format_exception(error)))}


class _ProcessVector(AsyncVectorEnv):
    """Environments in processes that end with this one; no method waits forever for a dead or stopped process."""

    processes: list[Any] = []  # noqa: RUF012  for `close` if the constructor fails early

    def __init__(self, make: Make, count: int, timeout: float) -> None:
        self._timeout, self.owner, self._started = timeout, os.getpid(), False
        factory = functools.partial(_make_sub_environment, make, self.owner)
        try:
            with _pickling_by_value():
                call_in_permanent_thread(
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

    def _check_spaces(self) -> None:  # Gymnasium's method waits forever for a process that does not answer
        self.call_async("resting")
        try:
            self.call_wait(START_TIMEOUT)
        except multiprocessing.TimeoutError:
            raise WorkerLost(f"did not start within {START_TIMEOUT:g} s") from None
        super()._check_spaces()

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environments as Gymnasium does; raises WorkerLost if a process ended or takes too long."""
        return self._exchange(functools.partial(self.reset_async, seed, options), self.reset_wait)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step the environments as Gymnasium does; raises WorkerLost if a process ended or takes too long."""
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
        # A process closes its pipes, its sentinel among them, before it has an exit code: wait for the code too.
        closed = wait([process.sentinel for process in self.processes], END_TIMEOUT)
        for process in self.processes:
            if process.sentinel in closed:
                process.join()
        statuses = [process.exitcode for process in self.processes if process.exitcode is not None]
        return describe_end(statuses[0] if statuses else None, self._started)

    def close_extras(self, timeout: float | None = None, terminate: bool = False) -> None:
        """End the processes, whatever their state; Gymnasium's method waits forever for one that was killed."""
        if os.getpid() != self.owner:  # a fork does not own the processes
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


def _make_sub_environment(make: Make, parent: int) -> SubEnvironment:
    """Make an environment in a worker process; Gymnasium also makes one in the parent, to read its spaces."""
    if os.getpid() != parent:
        end_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted parent ends its workers
    return SubEnvironment(make())


@contextlib.contextmanager
def _pickling_by_value() -> Iterator[None]:
    """Pickle the code that workers need by value, so that they need not import this package."""
    modules = (messages, validation, observations, process_lifetime, sys.modules[__name__])
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
