"""Explain settings: the meaning, default and allowed values of each, from the models and the texts under fields."""

from __future__ import annotations

import ast
import functools
import inspect
import io
import operator
import sys
import textwrap
import types
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

_WIDTH = 100  # characters of a line in a docstring
_LARGE = 1e38  # kernels store numbers as float32; its limits say nothing about a setting


class Setting(NamedTuple):
    """A setting of a config."""

    path: str
    """The names of its sections and its own, with dots between them."""
    text: str
    """What it means."""
    default: Any
    """The default; Ellipsis if the setting is required."""
    allowed: str
    """The values that it can have, in words."""


def extend_docstring(cls: type[BaseModel]) -> None:
    """Add to the docstring of a config what each setting means, which values it allows, and its default."""
    lines = [cls.__doc__ or "", "", "Settings:"]
    for setting in list_settings(cls):
        default = "required" if setting.default is ... else f"default {setting.default!r}"
        lines += _wrap(f"{setting.path}: {setting.text}", 4)
        lines += _wrap(f"{setting.allowed}; {default}", 8)
    cls.__doc__ = "\n".join(lines)


def list_settings(cls: type[BaseModel], defaults: Any = None, prefix: str = "") -> Iterator[Setting]:
    """Yield the settings of a config or section, those of its sections in place of them.

    Args:
        cls: The class.
        defaults: An instance whose values are the defaults; None for the defaults of the class.
        prefix: What the paths begin with.
    """
    texts = read_field_texts(cls)
    for name, info in cls.model_fields.items():
        default = getattr(defaults, name, ... if info.is_required() else info.default)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            own = None if default is ... else default
            yield from list_settings(info.annotation, own, f"{prefix}{name}.")
        else:
            allowed = _describe_values(info.annotation, info.metadata)
            yield Setting(prefix + name, texts.get(name, ""), default, allowed)


def format_table(settings: Iterator[Setting], values: Any, width: int) -> str:
    """Return a table of settings with their values in a config, their defaults where these differ, and their meaning.

    Args:
        settings: The rows.
        values: The config.
        width: The number of characters of a line.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", max_width=20)
    table.add_column("meaning", ratio=1)
    for setting in settings:
        value = operator.attrgetter(setting.path)(values)
        is_changed = setting.default is not ... and value != setting.default
        shown = f"{plain(value)} (default {plain(setting.default)})" if is_changed else plain(value)
        table.add_row(*map(Text, (setting.path, shown, setting.text.partition(". ")[0].removesuffix("."))))
    output = io.StringIO()
    Console(file=output, width=width, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in textwrap.dedent(output.getvalue()).strip("\n").splitlines())


def find_changes(settings: Iterator[Setting], values: Any) -> dict[str, str]:
    """Return the values in a config, as text by path, of the settings whose value is not the default."""
    found = ((setting, operator.attrgetter(setting.path)(values)) for setting in settings)
    return {setting.path: plain(value) for setting, value in found if value != setting.default}


def read_field_texts(cls: type) -> dict[str, str]:
    """Return the texts of a class's fields: descriptions, or the docstrings under them, of its base classes too.

    Classes without source code, such as those made at run time, have descriptions only.
    """
    texts: dict[str, str] = {}
    for owner in cls.__mro__:
        if owner in (BaseModel, object):
            break
        texts = _read_module_texts(owner.__module__).get(owner.__name__, {}) | texts
    if issubclass(cls, BaseModel):
        texts |= {name: info.description for name, info in cls.model_fields.items() if info.description}
    return texts


@functools.cache
def _read_module_texts(module: str) -> dict[str, dict[str, str]]:
    """Return the docstrings under the fields of each class of a module, by the names of the classes and fields."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:
        return {}
    found: dict[str, dict[str, str]] = {}
    for node in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for field, text in pairwise(node.body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    found.setdefault(node.name, {})[name] = " ".join(words.split())
    return found


def _describe_values(kind: Any, metadata: Sequence[Any]) -> str:
    """Return the values that a type with pydantic's constraints allows, in words."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _describe_values(arguments[0], [*metadata, *arguments[1:]])
    if origin in (Union, types.UnionType):
        return " or ".join(_describe_values(each, metadata) for each in arguments)
    if origin is Literal:
        *most, last = map(repr, arguments)
        return f"{', '.join(most)} or {last}"
    if origin is tuple:
        return f"a list, each {_describe_values(arguments[0], ())}"
    if kind in (int, float):
        return _describe_range(kind, metadata)
    return {bool: "True or False", str: "text", types.NoneType: "None"}[kind]


def _describe_range(kind: type, metadata: Sequence[Any]) -> str:
    limits = {
        name: getattr(constraint, name)
        for item in metadata
        for constraint in getattr(item, "metadata", [item])  # pydantic's Field holds its constraints
        for name in ("ge", "gt", "le", "lt")
        if hasattr(constraint, name)
    }
    text = "an integer" if kind is int else "a number"
    if "gt" in limits:
        text += f" above {limits['gt']}"
    elif limits["ge"] > -_LARGE:
        text += f" from {limits['ge']}"
    most = limits["lt"] - 1 if "lt" in limits else limits["le"]  # only integers are below a limit
    return text if most > _LARGE else f"{text} to {most}"


def plain(value: Any) -> str:
    """Return a value as text, and a list as its elements."""
    return (", ".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)


def _wrap(text: str, indent: int) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 4))
