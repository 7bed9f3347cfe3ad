"""The functions of an environment as kernels are built from them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from neat.kernels.freezing import CHECKED, freeze
from neat.kernels.jit import fingerprint, inner_function

FUNCTIONS = ("reset", "observe", "step")


class Functions(NamedTuple):
    """An environment's functions with the constants that they reach, and the sizes of what they are given.

    Two of equal functions and sizes are the same object, so that kernels are made once for them.
    """

    task: str
    """The class's module and name."""
    reset: Callable[..., Any]
    """Plain, as the others."""
    observe: Callable[..., Any]
    step: Callable[..., Any]
    precision: Any
    states: int
    observations: int
    dimensions: int
    """Of an action; 1 where it is a choice."""
    constants: int
    environment: Any
    """One that has them."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies of functions cannot be pickled; another process takes its own."""
        return type(self.environment).functions, (self.environment,)


_known: dict[tuple[Any, ...], Functions] = {}


def known_functions(functions: Functions) -> Functions:
    """The first of these functions that has this code, these constants and these sizes."""
    task, reset, observe, step, *sizes, _ = functions
    return _known.setdefault((task, *map(fingerprint, (reset, observe, step)), *sizes), functions)


def is_shipped(task: str) -> bool:
    """Whether the environment of a class of this module and name comes with this library, where it has tests."""
    return task.startswith(f"{__package__}.")


@functools.cache
def jitted_functions(functions: Functions) -> tuple[Any, Any, Any]:
    """`reset`, `observe` and `step` for kernels of the CPU; the indices of a user's are checked."""
    plain = functions.reset, functions.observe, functions.step
    if is_shipped(functions.task):
        reset, observe, step = map(inner_function, plain)
    else:
        reset, observe, step = (inner_function(freeze(each, True), **CHECKED) for each in plain)
    return reset, observe, step
