"""The definition of an environment: three scalar functions of a state, and their constants.

The functions are plain Python that numba can compile. They are compiled into the loop over episodes: on the CPU, it
steps several episodes side by side; on a GPU, each thread runs one episode. The functions see one episode, and use only
scalars and the arrays that they are given.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from evaluators.environments.functions import FUNCTIONS, Functions, intern_functions
from evaluators.environments.spaces import Box, Discrete
from neat.kernels.user_functions import freeze
from neat.support.messages import quote

_MAX_STEPS = 2**26


@dataclass(frozen=True, kw_only=True)
class EnvironmentBase(ABC):
    """The part of an environment that the check and the adapter to Gymnasium need.

    Subclass `evaluators.environments.Environment`, whose docstring lists what a subclass must define.
    """

    time_limit: int = 1000

    state_names: ClassVar[tuple[str, ...]]
    action_names: ClassVar[tuple[str, ...]] = ()
    shown_states: ClassVar[int | None] = None
    precision: ClassVar[type] = np.float32
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for constant in dataclasses.fields(self):
            value = getattr(self, constant.name)
            if not isinstance(value, int | float | np.number) or not math.isfinite(value):
                raise ValueError(f"{self.name}: {constant.name}: must be a finite number, got {quote(value)}")
        if isinstance(self.time_limit, bool) or self.time_limit != int(self.time_limit):
            raise ValueError(f"{self.name}: time_limit: must be an integer, got {quote(self.time_limit)}")
        if not 1 <= self.time_limit <= _MAX_STEPS:
            raise ValueError(
                f"{self.name}: time_limit: must be from 1 to {_MAX_STEPS}, got {self.time_limit}"
            )

    @property
    @abstractmethod
    def observations(self) -> Box:
        """The published bounds of the observations, which scaling uses; infinite: not scaled."""

    @property
    @abstractmethod
    def actions(self) -> Box | Discrete:
        """The space of the actions."""

    @property
    def step_duration(self) -> float | None:
        """Duration of a step in seconds: the constant `time_step`, if there is one; None: time is counted in steps."""
        return getattr(self, "time_step", None)

    reset: ClassVar[Callable[..., None]]
    observe: ClassVar[Callable[..., None]]
    step: ClassVar[Callable[..., tuple[Any, Any]]]

    def functions(self) -> Functions:
        """Return `reset`, `observe` and `step`, not compiled, with the current values of the globals that they use."""
        given = (getattr(type(self), name) for name in FUNCTIONS)
        reset, observe, step = (freeze(getattr(function, "py_func", function)) for function in given)
        return intern_functions(
            Functions(
                f"{type(self).__module__}.{type(self).__qualname__}",
                reset,
                observe,
                step,
                self.precision,
                len(self.state_names),
                self.num_observations,
                1 if isinstance(self.actions, Discrete) else len(self.actions.low),
                len(self.constants),
                self,
            )
        )

    @property
    def name(self) -> str:
        """The class's name."""
        return type(self).__name__

    @functools.cached_property
    def constants(self) -> tuple[Any, ...]:
        """The constants in the form that the functions take."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "time_limit"]
        return tuple(self.precision(getattr(self, name)) for name in names)

    @functools.cached_property
    def num_observations(self) -> int:
        """Number of dimensions of an observation."""
        return len(self.observations.low)
