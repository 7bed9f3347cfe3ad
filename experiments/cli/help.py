"""Print help that fits on a screen; with `--help-all`, every option and setting."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from experiments.cli.flags import (
    Options,
    default_settings,
    drop_constraints,
    flag,
    print_all,
    read_option_texts,
    typed_fields,
)
from experiments.cli.program_name import program_name
from experiments.tasks.experiment import (
    COMPARE,
    EXPORT,
    NAMES,
    PLAY,
    PREDICT,
    RECORD,
    SHOW,
    STUDY,
    Experiment,
    find_experiment,
)
from neat.config.config import Config

if TYPE_CHECKING:
    from rich.table import Table

SHORT, ALL, VERSION = "--help", "--help-all", "--version"
COMMANDS = {
    COMPARE: "Compare evolution with gradients",
    EXPORT: "Write a champion as C, NumPy, ONNX and more",
    PREDICT: "Predict with the model of a run",
    PLAY: "Run episodes with the model of a run",
    RECORD: "Film an episode with the model of a run",
    SHOW: "Write a report of a run as a web page",
    STUDY: "Compare settings over many seeds",
}
_COMMON = {
    Config: ("population_size", "seed"),
    Options: ("generations", "runs", "preset", "config", "output", "resume", "device"),
}


def asks_for_help(arguments: Collection[str]) -> bool:
    """Whether the arguments of a command have a flag for help."""
    return not {"-h", SHORT, ALL}.isdisjoint(arguments)


def show_overview(arguments: Collection[str]) -> None:
    """Print the experiments, and the options that most runs need or, with --help-all, all options and settings."""
    if ALL in arguments:
        return print_all("EXPERIMENT", None, f"The experiments are {', '.join([*NAMES, *COMMANDS])}.")
    texts = ((name, _first_clause(inspect.getdoc(find_experiment(name)) or "", ";,")) for name in NAMES)
    _print(
        f"usage: {program_name()} EXPERIMENT [OPTIONS]",
        "",
        "experiments:",
        _make_table([*texts, *COMMANDS.items()]),
        "",
        "options of every experiment:",
        _make_table(_common_rows({})),
        "",
        "EXPERIMENT --help adds its own options, --help-all shows all. Also: --version",
    )


def show_version() -> None:
    """Print the versions of batchneat, Python and the packages on which results depend."""
    from experiments.runs.description import read_versions

    versions = read_versions()
    others = ", ".join(f"{name} {version}" for name, version in versions.items() if name != "batchneat")
    print(f"batchneat {versions['batchneat']} ({others})")


def show(name: str, experiment: type[Experiment], arguments: Collection[str]) -> None:
    """Print the options of an experiment that most runs need or, with --help-all, all options and settings."""
    description = inspect.getdoc(experiment) or ""
    if ALL in arguments:
        return print_all(name, experiment, description)
    rows = list(_rows(experiment, [field for field, _, _ in typed_fields(experiment)], {}))
    own: list[str | Table] = [f"options of {name}:", _make_table(rows), ""] if rows else []
    _print(
        f"usage: {program_name()} {name} [OPTIONS]",
        "",
        description,
        "",
        *own,
        "options of every experiment:",
        _make_table(_common_rows(default_settings(experiment()))),
        "",
        "--help-all lists every option and setting.",
    )


def _common_rows(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for cls, names in _COMMON.items():
        yield from _rows(cls, names, settings)


def _rows(cls: type, names: Collection[str], settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the flag and the text of some fields of a class; `settings` override their defaults."""
    texts = read_option_texts(cls)
    for name, kind, default in typed_fields(cls):
        if name not in names:
            continue
        default = settings.get(name, default)
        words = map(str, default if isinstance(default, tuple) else (default,))
        shown = "" if default in (None, "") or kind is bool else f" [{' '.join(words)}]"
        yield _form(name, kind), _first_clause(texts.get(name, ""), ";") + shown


def _form(name: str, kind: Any) -> str:
    """Return the form of a flag with its value, such as `--seed INT`."""
    if kind is bool:
        return flag(name).replace("--", "--[no-]")
    return f"{flag(name)} {_value_name(drop_constraints(kind))}"


def _value_name(kind: Any) -> str:
    if get_origin(kind) in (Union, types.UnionType):
        return "|".join(_value_name(each) for each in get_args(kind) if each is not types.NoneType)
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return " ".join("…" if each is ... else _value_name(each) for each in get_args(kind))
    return {int: "INT", float: "NUMBER", str: "TEXT", Path: "PATH"}[kind]


def _first_clause(text: str, ends: str) -> str:
    """Return the text up to the end of its first line, its first sentence, or the first of the characters `ends`."""
    return re.split(rf"[{ends}]|\.\s|\.?$", text.split("\n")[0])[0]


def _print(*parts: str | Table) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    for part in parts:
        console.print(part)


def _make_table(rows: Iterable[tuple[str, str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for first, second in rows:
        table.add_row(Text(f"  {first}"), Text(second))
    return table
