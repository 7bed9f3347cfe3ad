"""The functions of an environment, in the form from which kernels are built."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from neat.kernels.fingerprint import fingerprint
from neat.kernels.jit import inner_function
from neat.kernels.user_functions import CHECKED, freeze

FUNCTIONS = ("reset", "observe", "step")


class Functions(NamedTuple):
    """An environment's functions with the constants that they use, and the sizes of their arguments.

    Equal functions and sizes are one object (see `intern_functions`), so that kernels are built once for them.
    """

    task: str
    """The class's module and name."""
    reset: Callable[..., Any]
    """A plain Python function, like `observe` and `step`."""
    observe: Callable[..., Any]
    step: Callable[..., Any]
    precision: Any
    states: int
    observations: int
    dimensions: int
    """Dimensions of an action; 1 if it is an integer."""
    constants: int
    environment: Any
    """An environment with these functions."""

    @property
    def name(self) -> str:
        """The name of their kernels, of which one build is kept for each number of observations."""
        return f"{self.task}-{self.observations}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the environment instead, since frozen functions cannot be pickled."""
        return type(self.environment).functions, (self.environment,)


_interned: dict[tuple[Any, ...], Functions] = {}


def intern_functions(functions: Functions) -> Functions:
    """Return the first Functions object that had this code, these constants and these sizes."""
    task, reset, observe, step, *sizes, _ = functions
    return _interned.setdefault((task, *map(fingerprint, (reset, observe, step)), *sizes), functions)


def is_shipped(task: str) -> bool:
    """Whether the environment with this module and class name is part of this library, and so needs no check."""
    return task.startswith(f"{__package__}.")


@functools.cache
def jitted_functions(functions: Functions) -> tuple[Any, Any, Any]:
    """Return `reset`, `observe` and `step` for CPU kernels; user-defined functions check their indices."""
    plain = functions.reset, functions.observe, functions.step
    if is_shipped(functions.task):
        reset, observe, step = map(inner_function, plain)
    else:
        reset, observe, step = (inner_function(freeze(each, True), **CHECKED) for each in plain)
    return reset, observe, step
