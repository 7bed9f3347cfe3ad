"""The command line, read by tyro: general options, the experiment's own, and every setting of neat.Config."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import inspect
import io
import itertools
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import tyro
from pydantic import BaseModel

from experiments.tasks.experiment import Experiment, suggestion
from neat.config.config import Config, merge

_BY_THE_TASK = ("num_inputs", "num_outputs")


_MOST_WORKERS = 1024


@dataclass(frozen=True)
class Options:
    """What every experiment can be told."""

    generations: int | None = None
    """Generations in all; default: the experiment's own. A resumed run may be given more."""
    runs: int = 1
    """Runs with the seeds seed, seed + 1, …; more than one gives a table and a figure of all."""
    schemes: bool = False
    """Do the runs once with each innovation scheme, and with the plain default where a preset is given."""
    workers: int = 1
    """Processes that share the runs. One that dies is replaced and its run done again, twice at most."""
    timeout: float | None = None
    """Seconds that a run may take in a worker process; one that takes longer is replaced like one that died."""
    preset: str | None = None
    """Published settings, for instance stanley2002."""
    config: Path | None = None
    """TOML file of settings; overrides a preset, and is overridden by flags."""
    output: Path | None = None
    """Folder to write; default: runs/<experiment>, or the next that is free."""
    overwrite: bool = False
    """Write into the output folder even if an earlier run is in it, whose files are deleted; others stay."""
    resume: Path | None = None
    """Folder of a run that is to go on from its newest checkpoint."""
    checkpoint_every: int = 10
    """Generations between checkpoints."""
    device: str = "auto"
    """Where networks are evaluated: cpu, cuda, cuda:1, or cuda:* for all GPUs; auto: a GPU if there is one."""
    threads: int | None = None
    """Threads that share the genomes; default: one per core. The run is the same with any number."""
    lineage: bool = True
    """Keep each genome's parents, 16 bytes per genome and generation."""
    tensorboard: bool = False
    """Write a log for TensorBoard."""
    quiet: bool = False
    """Say nothing but the result."""
    verbose: bool = False
    """Show the species also during the run."""

    def __post_init__(self) -> None:
        for name in ("generations", "runs", "workers", "checkpoint_every", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: must be at least 1, got {value}")
            if value is not None and value >= 2**31:
                raise ValueError(f"{name}: must be less than {2**31}, got {value}")
        if self.workers > _MOST_WORKERS:
            raise ValueError(f"workers: must be at most {_MOST_WORKERS}, got {self.workers}")
        if self.timeout is not None and not 0 < self.timeout <= 1e6:
            raise ValueError(f"timeout: must be above 0 and at most 1e6 seconds, got {self.timeout}")
        if self.timeout is not None and self.workers == 1:
            raise ValueError("timeout: needs workers of at least 2, since only processes can be ended, got 1")
        if self.quiet and self.verbose:
            raise ValueError("quiet: cannot be combined with verbose")
        if self.resume is None:
            return
        for name in ("runs", "schemes", "preset", "config", "output", "overwrite"):
            if getattr(self, name) not in (None, False, 1):
                raise ValueError(f"{name}: cannot be combined with resume, which takes the run as it is")

    @property
    def is_study(self) -> bool:
        """Whether there are many runs to compare."""
        return self.runs > 1 or self.schemes


class CommandLine(NamedTuple):
    """What the arguments say."""

    options: dict[str, Any]
    """The options that were given."""
    experiment: dict[str, Any]
    """The experiment's own fields that were given."""
    settings: dict[str, Any]
    """The config's settings that were given, as nested dictionaries."""


def parse(name: str, experiment: type[Experiment], arguments: list[str]) -> CommandLine:
    """Read the arguments that follow the experiment's name.

    Raises:
        ValueError: An argument is unknown, or not of its type.
        SystemExit: Help was asked for, and has been printed.
    """
    classes: dict[str, type] = {"options": Options, "experiment": experiment, "settings": Config}
    known = {form: path for cls in classes.values() for path in _paths(cls) for form in _forms(path)}
    given = _given(arguments, known)
    # tyro takes its time for each flag: it hears of those that were given, and of all only for the help.
    wants_help = bool({"-h", "--help"} & set(arguments))
    shown = set(known.values()) if wants_help else given
    plain = experiment()
    first = {"settings": merge(plain.needs, plain.settings)}
    parts = {part: _mirror(cls, first.get(part, {}), shown, wants_help) for part, cls in classes.items()}
    fields = [
        (part, Annotated[mirror, tyro.conf.arg(name="", help="")], dataclasses.field(default_factory=mirror))
        for part, mirror in parts.items()
    ]
    whole = dataclasses.make_dataclass("Arguments", fields)
    description = inspect.getdoc(experiment) or ""
    parsed = _quietly(
        lambda: tyro.cli(whole, prog=f"experiments {name}", description=description, args=arguments)
    )
    chosen = {part: _chosen(getattr(parsed, part), given) for part in parts}
    return CommandLine(**chosen)


def read(cls: type[Any], name: str, arguments: list[str]) -> Any:
    """An instance of a dataclass from the arguments that follow a command's name.

    Raises:
        ValueError: An argument is unknown, not of its type, or not allowed.
        SystemExit: Help was asked for, and has been printed.
    """
    _given(arguments, {form: path for path in _paths(cls) for form in _forms(path)})
    whole = _mirror(cls, {}, set(_paths(cls)), True)
    parsed = _quietly(
        lambda: tyro.cli(whole, prog=f"experiments {name}", description=inspect.getdoc(cls), args=arguments)
    )
    return cls(**vars(parsed))


def flag(path: str) -> str:
    """The flag of a field: "genome.bias_input" is --genome.bias-input."""
    return "--" + path.replace("_", "-")


def _mirror(cls: type, own: dict[str, Any], shown: set[str], explained: bool, prefix: str = "") -> type:
    """A dataclass with those fields of `cls` whose paths are `shown`, with first values `own`, without checks.

    The checks come later and say more than tyro makes of their exceptions.
    """
    texts = _field_texts(cls) if explained else {}
    fields: list[tuple[str, Any, Any]] = []
    for name, kind, default in typed_fields(cls):
        if _is_section(kind):
            start = default.model_dump() if isinstance(default, BaseModel) else {}
            section: Any = _mirror(kind, {**start, **own.get(name, {})}, shown, explained, f"{prefix}{name}.")
            quiet: Any = Annotated[
                section, tyro.conf.arg(help="")
            ]  # or tyro would look for a text in the source
            fields.append((name, quiet, dataclasses.field(default_factory=section)))
        elif prefix + name in shown:
            annotation: Any = Annotated[_unbounded(kind), tyro.conf.arg(help=texts.get(name, ""))]
            fields.append((name, annotation, dataclasses.field(default=own.get(name, default))))
    return dataclasses.make_dataclass(cls.__name__, fields, frozen=True)


def _paths(cls: type, prefix: str = "") -> Iterator[str]:
    """Paths of the fields that flags can set."""
    for name, kind, _ in typed_fields(cls):
        if _is_section(kind):
            yield from _paths(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def _forms(path: str) -> tuple[str, str]:
    """The flag of a field, and its other form if the field is a switch."""
    section, dot, name = path.rpartition(".")
    return flag(path), flag(f"{section}{dot}no_{name}")


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def typed_fields(cls: Any) -> list[tuple[str, Any, Any]]:
    """Name, type and default of the fields that flags can set."""
    if issubclass(cls, BaseModel):
        items = cls.model_fields.items()
        return [(name, info.annotation, info.default) for name, info in items if name not in _BY_THE_TASK]
    kinds = get_type_hints(cls)
    return [(field.name, kinds[field.name], field.default) for field in dataclasses.fields(cls)]


def _unbounded(kind: Any) -> Any:
    """A type without pydantic's checks, which come later and say more."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _unbounded(arguments[0])
    if origin is tuple:
        return tuple.__class_getitem__(tuple(a if a is Ellipsis else _unbounded(a) for a in arguments))
    if origin in (types.UnionType, Union):
        return Union[tuple(map(_unbounded, arguments))]  # noqa: UP007
    return kind


def _field_texts(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings under the fields of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0].body  # type: ignore[attr-defined]
    texts = {}
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                texts[name] = " ".join(words.split())
    return texts


def _given(arguments: list[str], flags: dict[str, str]) -> set[str]:
    """Paths of the fields that the arguments name."""
    given = set()
    for argument in arguments:
        if not argument.startswith("--") or argument in ("--", "--help"):
            continue
        name = argument.split("=")[0].replace("_", "-")
        if name not in flags:
            raise ValueError(f"{name}: there is no such option{suggestion(name, flags)}")
        given.add(flags[name])
    return given


def _chosen(parsed: Any, given: set[str], prefix: str = "") -> dict[str, Any]:
    """The values of the fields that were given, as nested dictionaries."""
    chosen: dict[str, Any] = {}
    for field in dataclasses.fields(parsed):
        value, path = getattr(parsed, field.name), prefix + field.name
        if dataclasses.is_dataclass(value):
            section = _chosen(value, given, f"{path}.")
            if section:
                chosen[field.name] = section
        elif path in given:
            chosen[field.name] = value
    return chosen


def _quietly(parse: Any) -> Any:
    """Call tyro, and turn what it prints about a mistake into a ValueError of one line."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return parse()
    except SystemExit as stop:
        if not stop.code:
            raise
    raise ValueError(_first_paragraph(complaint.getvalue())) from None


def _first_paragraph(box: str) -> str:
    """The first paragraph that tyro writes after the title of its box, whose frame is ASCII on some terminals."""
    lines = [line.strip("│ ") for line in box.splitlines()]
    paragraphs = [
        list(group)
        for is_rule, group in itertools.groupby(lines, lambda line: not line.strip("─╰╯-"))
        if not is_rule
    ]
    (_, *beside_title), *others = paragraphs
    return " ".join(beside_title or (others[0] if others else paragraphs[0]))
