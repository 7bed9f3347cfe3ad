"""Copy user-defined functions with their constants, so that later changes of the constants have no effect.

numba reads the constants of a function when it compiles it, which may be long after the build was named after them. It
compiles a helper only once, with the constants of that moment. A user-defined function is therefore copied together
with the helpers that it calls.
"""

from __future__ import annotations

import inspect
import types
from typing import Any

import numpy as np
from numba.core.ccallback import CFunc
from numba.core.dispatcher import Dispatcher
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc

from neat.kernels.fingerprint import LIBRARIES
from neat.kernels.index_checks import CheckingCompiler

# Modules that do not change while a program runs.
_FIXED_MODULES = LIBRARIES | {"neat", "evaluators"}

# Functions with these decorators swallow errors, such as an index out of range, and keep the constants of their first
# compilation.
_REFUSED_DECORATORS = {DUFunc: "vectorize", GUFunc: "guvectorize", CFunc: "cfunc"}

# numba's options for checked indices; its own check covers what `CheckingCompiler` does not see.
CHECKED: dict[str, Any] = {"boundscheck": True, "pipeline_class": CheckingCompiler}


def freeze(function: Any, check_indices: bool = False) -> Any:
    """Return a copy of a function that keeps the constants, arrays and helpers that it reaches now.

    Args:
        function: A user-defined function, plain or jitted.
        check_indices: Whether the indices of arrays are checked (see `neat.kernels.index_checks`) in its helpers, and
            in the function itself if it is jitted.

    Raises:
        ValueError: The function or a helper is decorated with `numba.vectorize`, `numba.guvectorize` or `numba.cfunc`.
    """
    return _Freezer(check_indices).copy_function(function)


class _Freezer:
    def __init__(self, check_indices: bool) -> None:
        self._check = check_indices
        self._copies: dict[int, Any] = {}  # by id of the original, because a function may call itself

    def copy_function(self, function: Any) -> Any:
        _refuse_unchecked(function)
        if id(function) in self._copies:
            return self._copies[id(function)]
        plain = getattr(function, "py_func", function)
        cells = tuple(types.CellType() for _ in plain.__closure__ or ())
        copy = types.FunctionType(plain.__code__, {}, plain.__name__, plain.__defaults__, cells or None)
        copy.__kwdefaults__, copy.__qualname__ = plain.__kwdefaults__, plain.__qualname__
        copy.__module__ = plain.__module__
        result = self._jit_copy(function, copy) if isinstance(function, Dispatcher) else copy
        self._copies[id(function)] = result
        names = _names_in(plain.__code__)
        modules: dict[int, Any] = {}
        for name in {"__builtins__", "__name__", *names} & plain.__globals__.keys():
            copy.__globals__[name] = self._copy_value(plain.__globals__[name], names, modules)
        for cell, original in zip(cells, plain.__closure__ or (), strict=True):
            cell.cell_contents = self._copy_value(original.cell_contents, names, modules)
        return result

    def _jit_copy(self, dispatcher: Any, copy: Any) -> Any:
        options, compiler = dispatcher.targetoptions, dispatcher._compiler.pipeline_class
        if self._check:
            options, compiler = {**options, "boundscheck": True}, CheckingCompiler
        return type(dispatcher)(copy, dispatcher.locals, options, compiler)

    def _copy_value(self, value: Any, names: set[str], modules: dict[int, Any]) -> Any:
        """Return what a copy reads instead of a value; a module is copied with the attributes in `names` only."""
        _refuse_unchecked(value)
        if isinstance(value, Dispatcher):
            return value if _is_fixed(value.py_func.__module__) else self.copy_function(value)
        if isinstance(value, np.ndarray):
            return value.copy()
        if type(value) is tuple:
            return tuple(self._copy_value(element, names, modules) for element in value)
        if isinstance(value, types.ModuleType) and not _is_fixed(value.__name__):
            if id(value) not in modules:
                modules[id(value)] = copy = types.ModuleType(value.__name__)
                for name in names & vars(value).keys():
                    setattr(copy, name, self._copy_value(vars(value)[name], names, modules))
            return modules[id(value)]
        return value


def _refuse_unchecked(value: Any) -> None:
    decorator = _REFUSED_DECORATORS.get(type(value))
    if decorator is not None:
        raise ValueError(
            f"{value.__name__}: numba.{decorator} cannot check indices; decorate it with numba.njit instead"
        )


def _is_fixed(module: str | None) -> bool:
    return (module or "").split(".")[0] in _FIXED_MODULES


def _names_in(code: types.CodeType) -> set[str]:
    return set(code.co_names).union(*(_names_in(each) for each in code.co_consts if inspect.iscode(each)))
