"""The check, before the work starts, that a user-defined environment is complete and that its functions work."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numba import types
from numba.core.errors import NumbaError, UnsupportedBytecodeError

from evaluators.environments.environment_base import EnvironmentBase
from evaluators.environments.functions import FUNCTIONS, Functions, is_shipped, jitted_functions
from evaluators.environments.spaces import Box, Discrete
from evaluators.program.intrinsics import column
from neat.kernels.jit import compiling, inner_function, locate_error, specialise, summarise_numba_error
from neat.support.messages import quote, shorten

_STEPS = 200
_UNSET = -2
_ALLOCATES = "this makes an array or a list, which cannot be made here; write a loop over the elements"
_4 = np.float32(4.0)

# Names that copies of the templates below are bound to (see `neat.kernels.jit.specialise`).
reset: Any = None  # the environment's function, as are `observe` and `step`
observe: Any = None
step: Any = None
pick_action: Any = None  # `_pick_integer` or `_fill_vector`


def check(environment: EnvironmentBase) -> None:
    """Raise ValueError unless the environment's description is valid and its functions work for some hundred steps."""
    if not isinstance(environment, EnvironmentBase):
        raise ValueError(
            f"environment: expected one of evaluators.environments, such as CartPole(), got {quote(environment)}"
        )
    _check_description(environment)
    functions = environment.functions()
    if is_shipped(functions.task):
        return
    state: np.ndarray = np.zeros((len(environment.state_names), 1), environment.precision)
    observation: np.ndarray = np.zeros((environment.num_observations, 1), environment.precision)
    actions = environment.actions
    low, high = (0, actions.count - 1) if isinstance(actions, Discrete) else np.array(actions, np.float32)
    try:
        fault = _compile_trial(functions, isinstance(actions, Discrete))(
            state, observation, low, high, np.zeros_like(low), environment.constants, _STEPS
        )
    except (NumbaError, UnsupportedBytecodeError) as error:
        raise ValueError(
            _find_compile_error(environment, functions)
            or f"{environment.name}: {summarise_numba_error(error)}"
        ) from None
    except Exception as error:
        raise ValueError(
            f"{environment.name}: {type(error).__name__}: {summarise_numba_error(error)}"
        ) from None
    if fault == _UNSET:
        raise ValueError(
            f"{environment.name}: reset must write a finite number to every element of the state"
        )
    if fault >= 0:
        raise ValueError(f"{environment.name}: an observation or a reward is not finite in step {fault + 1}")


def gpu_unsupported_reason(environment: EnvironmentBase) -> str | None:
    """Return which function of a checked environment cannot be compiled for a GPU, and why; None if all can."""
    from evaluators.gpu.launcher import unsupported_reason

    functions = environment.functions()
    if is_shipped(functions.task):
        return None
    for name, signature in _signatures(environment).items():
        reason = unsupported_reason(getattr(functions, name), signature)
        if reason is not None:
            return f"{environment.name}: {name} cannot be compiled for a GPU: {reason}"
    return None


def _check_description(environment: EnvironmentBase) -> None:
    name, names = environment.name, getattr(environment, "state_names", None)
    if not isinstance(names, tuple) or not names or not all(isinstance(each, str) for each in names):
        raise ValueError(f"{name}: state_names: expected a tuple of names, got {quote(names)}")
    if environment.precision not in (np.float32, np.float64):
        raise ValueError(
            f"{name}: precision: expected np.float32 or np.float64, got {quote(environment.precision)}"
        )
    for each in FUNCTIONS:
        if not callable(getattr(environment, each, None)):
            raise ValueError(f"{name}: {each}: there is no such function")
    _check_box(f"{name}: observations", environment.observations)
    actions = environment.actions
    if isinstance(actions, Discrete):
        if not isinstance(actions.count, int | np.integer) or actions.count < 2:
            raise ValueError(f"{name}: actions: expected at least 2, got {quote(actions.count)}")
        if len(actions.names) not in (0, actions.count):
            raise ValueError(f"{name}: actions: expected {actions.count} names, got {quote(actions.names)}")
        return
    _check_box(f"{name}: actions", actions, "a Box or Discrete")
    if not all(map(math.isfinite, (*actions.low, *actions.high))):
        raise ValueError(f"{name}: actions: bounds must be finite, got {actions}")


def _check_box(label: str, box: Any, kinds: str = "a Box") -> None:
    if not isinstance(box, Box):
        raise ValueError(f"{label}: expected {kinds}, got {quote(box)}")
    bounds = (*box.low, *box.high) if all(np.ndim(each) == 1 for each in box) else (None,)
    if not all(isinstance(bound, int | float | np.number) for bound in bounds):
        raise ValueError(f"{label}: expected numbers as bounds, got {box}")
    if not 0 < len(box.low) == len(box.high) or not all(
        low < high for low, high in zip(box.low, box.high, strict=True)
    ):
        raise ValueError(f"{label}: expected bounds of equal number, each low below its high, got {box}")


def _try_functions(states, observations, low, high, vector, constants, steps):
    """Run steps with actions from all parts of the action space.

    Returns the first step whose observation or reward is not finite, else -1, or _UNSET if `reset` left an element of
    the state unset. The arrays hold NaN before the functions write them, since their content is arbitrary on a GPU.
    """
    state, observation = column(states, 0, len(states)), column(observations, 0, len(observations))
    terminated = True
    for time in range(steps):
        random = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(time))
        if terminated:
            state[:] = np.nan
            reset(state, constants, random)
            if not _is_finite(state):
                return _UNSET
        observation[:] = np.nan
        observe(state, constants, observation)
        action = pick_action(low, high, time, vector)
        reward, terminated = step(state, action, constants, random)
        if not (_is_finite(observation) and abs(np.float64(reward)) < np.inf):
            return time
    return -1


@inner_function
def _is_finite(values):
    finite = True
    for value in values:
        finite &= abs(value) < np.inf
    return finite


@inner_function
def _pick_integer(low, high, time, vector):
    return low + time % (high - low + 1)


@inner_function
def _fill_vector(low, high, time, vector):
    for dimension in range(len(low)):
        vector[dimension] = low[dimension] + (high[dimension] - low[dimension]) * np.float32(time % 5) / _4
    return vector


@functools.cache
def _compile_trial(functions: Functions, discrete: bool) -> Any:
    bind = dict(zip(FUNCTIONS, jitted_functions(functions), strict=True))
    bind["pick_action"] = _pick_integer if discrete else _fill_vector
    return specialise(_try_functions, functions.task, bind, allocates=False)


def _find_compile_error(environment: EnvironmentBase, functions: Functions) -> str | None:
    """Return which function numba cannot compile, and why; None if all can be compiled."""
    for name, signature in _signatures(environment).items():
        compiled = inner_function(getattr(functions, name))
        try:
            with compiling():
                compiled.compile(signature)
        except Exception as error:  # numba also raises exceptions that are not its own
            place = locate_error(error, compiled.py_func)
            reason = _ALLOCATES if _allocates(compiled.py_func, signature) else summarise_numba_error(error)
            return f"{environment.name}: numba cannot compile {name}: {place}: {reason}"
        returned = compiled.overloads[signature].signature.return_type
        if name == "step" and not (isinstance(returned, types.BaseTuple) and len(returned) == 2):
            found = shorten(str(returned), 500)
            return f"{environment.name}: step: must return (reward, terminated), it returns {found}"
    return None


def _allocates(function: Any, signature: tuple[Any, ...]) -> bool:
    """Return whether numba compiles the function if it may make arrays."""
    try:
        with compiling():
            inner_function(function, allocates=True).compile(signature)
    except Exception:  # numba also raises exceptions that are not its own
        return False
    return True


def _signatures(environment: EnvironmentBase) -> dict[str, tuple[Any, ...]]:
    """Return the types of the functions' arguments, by the functions' names."""
    precision = types.float32 if environment.precision is np.float32 else types.float64
    vector = types.Array(precision, 1, "A")
    constants = types.UniTuple(precision, len(environment.constants))
    action = types.int64 if isinstance(environment.actions, Discrete) else types.Array(types.float32, 1, "A")
    random = types.UniTuple(types.uint64, 5)
    return {
        "reset": (vector, constants, random),
        "observe": (vector, constants, vector),
        "step": (vector, action, constants, random),
    }
