"""Let Python pass the fields of records to compiled code, in place of the records.

In each call, numba identifies the types of the arguments. For a named tuple, it encodes the names of all fields, which
takes 0.1 µs each and is most of the time of a call. A kernel is therefore compiled as a function of fields, which makes
the records, and Python calls it through a function that takes records apart.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

Function = Callable[..., Any]


def takes_records(function: Function) -> bool:
    """Return whether a parameter of a plain function is annotated with a named tuple."""
    return any(map(_is_record, _parameters(function).values()))


def take_fields(function: Function, inner: Function) -> Function:
    """Return a function that calls `inner`, which has the parameters of `function`, with records of the fields it gets.

    The fields of records within records are parameters too.
    """
    parameters, classes = _parameters(function), dict[str, Any]()
    values = [_source_of_value(path, kind, classes) for path, kind in parameters.items()]
    names = [path.replace(".", "_") for path in _paths(parameters)]
    return _define(function, names, f"inner({', '.join(values)})", {"inner": inner, **classes})


def pass_fields(function: Function, compiled: Function) -> Function:
    """Return a function with the parameters of `function` that calls `compiled` with the fields of the records."""
    parameters = _parameters(function)
    call = f"compiled({', '.join(_paths(parameters))})"
    return _define(function, parameters, call, {"compiled": compiled})


def _define(
    function: Function, parameters: typing.Iterable[str], call: str, names: dict[str, Any]
) -> Function:
    """Return a function that makes a call, with the name, file and line of `function`, by which builds are saved."""
    name, code = function.__name__, function.__code__
    source = "\n" * (code.co_firstlineno - 1) + f"def {name}({', '.join(parameters)}): return {call}"
    names = {"__name__": function.__module__, **names}
    exec(compile(source, code.co_filename, "exec"), names)
    defined: Function = names[name]
    defined.__doc__ = function.__doc__
    return defined


def _parameters(function: Function) -> dict[str, Any]:
    """Return the annotation of each parameter, or None."""
    hints = typing.get_type_hints(function)
    return {name: hints.get(name) for name in inspect.signature(function).parameters}


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


_hints = functools.cache(typing.get_type_hints)  # of a record's fields


def _paths(values: Mapping[str, Any]) -> list[str]:
    """Return the paths of all fields within values, such as "drafts.genes.node_id", given the class of each value."""
    paths = []
    for path, kind in values.items():
        fields = {f"{path}.{name}": each for name, each in _hints(kind).items()} if _is_record(kind) else {}
        paths += _paths(fields) or [path]
    return paths


def _source_of_value(path: str, kind: Any, classes: dict[str, Any]) -> str:
    """Return the expression that makes the value at a path, and add the classes in it to `classes`."""
    if not _is_record(kind):
        return path.replace(".", "_")
    classes[kind.__name__] = kind
    fields = (_source_of_value(f"{path}.{name}", each, classes) for name, each in _hints(kind).items())
    return f"{kind.__name__}({', '.join(fields)})"
