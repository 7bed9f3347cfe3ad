"""Hash everything that a build of a function depends on, so that a stale build on disk is never used.

The hash covers the code of the function and of all functions that it calls, and the constants that they read. A value
whose changes the hash would miss raises ValueError.
"""

from __future__ import annotations

import dis
import enum
import functools
import hashlib
import inspect
import sys
import types
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core.types import Type

# Modules that change only when another version is installed.
LIBRARIES = sys.stdlib_module_names | {"numpy", "scipy", "numba", "numba_cuda", "llvmlite"}

_CONSTANTS = (int, float, complex, str, bytes, type(None), np.generic, np.dtype)


def fingerprint(function: Any) -> bytes:
    """Return a hash of a function's code and of all constants and functions that it reaches, equal in every process.

    Args:
        function: A plain function, a jitted function, or an intrinsic.

    Raises:
        ValueError: The function, or one that it calls, reads a value of an unsupported type.
    """
    return _Hasher().hash_function(function)


def describe_options(options: dict[str, Any]) -> str:
    """Return numba's options as text that is the same in every process."""
    return repr([(name, _sort_if_set(option)) for name, option in sorted(options.items())])


class _UnsupportedTypeError(Exception):
    """The type of a value is not supported."""


class _Hasher:
    """Hashes a function and all that it reaches; a function that it meets again is hashed as its number."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}  # of the functions that it has met, by id

    def hash_function(self, item: Any) -> bytes:
        function = _python_function(item)
        if id(function) in self._numbers:
            return b"function %d" % self._numbers[id(function)]
        self._numbers[id(function)] = len(self._numbers)
        options = getattr(item, "targetoptions", {})
        digest = hashlib.sha256(describe_options(options).encode())
        if hasattr(item, "targetoptions"):
            digest.update(describe_options(item.locals).encode())
            if not item._can_compile:  # it has only the signatures that its decorator lists
                digest.update(repr(sorted(map(str, item.overloads))).encode())
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        kept = {name: cell.cell_contents for name, cell in cells.items() if cell != types.CellType()}
        for code in _all_codes(function.__code__):
            digest.update(code.co_code + repr(code.co_names).encode())
            if options.get("boundscheck"):  # error messages contain lines and variables
                digest.update(repr((code.co_varnames, [line for _, _, line in code.co_lines()])).encode())
            constants = [value for value in code.co_consts if not inspect.iscode(value)]
            digest.update(repr(list(map(_sort_if_set, constants))).encode())
            for path, value in _find_values(code, function.__globals__, kept):
                digest.update(self._hash_value(function, code, path, value))
        defaults = {"default": function.__defaults__ or (), **(function.__kwdefaults__ or {})}
        for name, value in defaults.items():
            digest.update(self._hash_value(function, None, (name,), value))
        return digest.digest()

    def _hash_value(
        self, function: Any, code: types.CodeType | None, path: tuple[str, ...], value: Any
    ) -> bytes:
        try:
            return self._hash(value)
        except _UnsupportedTypeError:
            if code is not None and not _reads(code, path, value):
                return b""
        name, kind = ".".join(path), type(value)
        raise ValueError(
            f"{function.__qualname__} reads {name}, a {kind.__module__}.{kind.__qualname__}, and compiled code on disk "
            "would not notice when that changes; use numbers, strings, tuples, arrays, enumerations, named tuples or "
            "functions instead"
        )

    def _hash(self, value: Any) -> bytes:
        if isinstance(value, types.ModuleType) and _is_library_module(value.__name__):
            return f"{value.__name__};".encode()
        if isinstance(value, enum.Enum):
            return self._hash(type(value)) + value.name.encode()
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            order = value.flags.c_contiguous, value.flags.f_contiguous
            return f"{value.dtype}{value.shape}{order}".encode() + value.tobytes()
        if isinstance(value, _CONSTANTS):
            return f"{type(value).__name__} {value!r};".encode()
        if isinstance(value, Type | ir.Type):  # numba's, LLVM's
            return f"{value};".encode()
        if isinstance(value, tuple | list):
            kind = value.__class__
            named = b"" if kind in (tuple, list) else self._hash(kind)
            return named + f"{len(value)}:".encode() + b"".join(map(self._hash, value))
        if isinstance(value, type):
            return self._hash_class(value)
        if _is_library_function(value):
            return _full_name(value).encode()
        if isinstance(_python_function(value), types.FunctionType):
            return self.hash_function(value)
        raise _UnsupportedTypeError

    def _hash_class(self, kind: type) -> bytes:
        """Hash what kernels use of a class: the values of an enumeration, or a named tuple's fields and defaults."""
        name = _full_name(kind).encode()
        if issubclass(kind, enum.Enum):
            return name + b"".join(
                member.encode() + self._hash(each.value) for member, each in kind.__members__.items()
            )
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return name + self._hash(kind._fields) + self._hash(tuple(vars(kind)["_field_defaults"].items()))
        if issubclass(kind, BaseException) or _is_library_module(kind.__module__):
            return name
        raise _UnsupportedTypeError


def _python_function(item: Any) -> Any:
    """Return the Python function of a dispatcher or an intrinsic, and anything else as it is."""
    return getattr(item, "py_func", getattr(item, "_defn", item))


def _all_codes(code: types.CodeType) -> list[types.CodeType]:
    """Return a function's code and the codes of the functions within it."""
    return [code, *(each for inner in code.co_consts if inspect.iscode(inner) for each in _all_codes(inner))]


def _find_values(
    code: types.CodeType, space: dict[str, Any], kept: dict[str, Any]
) -> list[tuple[tuple[str, ...], Any]]:
    """Return what code may read: globals, variables of enclosing functions, and attributes of modules in either.

    Args:
        code: The code of a function.
        space: The globals.
        kept: The variables of enclosing functions.

    Returns:
        The path, such as `("rng", "uniform")`, and the value of each. A module comes before its attributes.
    """
    found: list[tuple[tuple[str, ...], Any]] = [
        ((name,), values[name])
        for names, values in ((code.co_names, space), (code.co_freevars, kept))
        for name in names
        if name in values
    ]
    for path, value in found:  # the loop appends to the list
        if isinstance(value, types.ModuleType) and not _is_library_module(value.__name__):
            members, end = vars(value), len(path) + 1
            read = {each[:end] for each in _paths_read_by(code)}
            further = [(*path, name) for name in code.co_names if name in members]
            found += [(each, members[each[-1]]) for each in further if each in read]
    return found


def _reads(code: types.CodeType, path: tuple[str, ...], value: Any) -> bool:
    """Return whether code reads the value at this path, and not an attribute of the same name of something else.

    It does not read a module whose attributes alone it reads, because `_find_values` returns those.
    """
    paths = _paths_read_by(code)
    if isinstance(value, types.ModuleType):
        return path in paths
    return any(each[: len(path)] == path for each in paths)


@functools.cache
def _paths_read_by(code: types.CodeType) -> set[tuple[str, ...]]:
    """Return the path of each variable that code reads, with the attributes that it reads of it at once."""
    paths: list[tuple[str, ...]] = []
    goes_on = False
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
            paths.append((instruction.argval,))
            goes_on = True
        elif goes_on and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            paths[-1] += (instruction.argval,)
        elif instruction.opname != "EXTENDED_ARG":
            goes_on = False
    return set(paths)


def _is_library_module(module: str | None) -> bool:
    return (module or "").partition(".")[0] in LIBRARIES


def _is_library_function(value: Any) -> bool:
    """Return whether a value is a function of one of LIBRARIES, such as `math.sqrt` or `np.sqrt`."""
    is_function = isinstance(value, np.ufunc) or inspect.isroutine(value)
    return is_function and _is_library_module(_full_name(value).partition(".")[0])


def _full_name(value: Any) -> str:
    owner = getattr(value, "__self__", None)
    module = getattr(value, "__module__", None) or type(owner).__module__
    return f"{module}.{getattr(value, '__qualname__', None) or value.__name__}"


def _sort_if_set(value: Any) -> Any:
    return sorted(map(repr, value)) if isinstance(value, set | frozenset) else value
