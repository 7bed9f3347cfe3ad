"""Parse command lines with tyro: general options, the experiment's fields, and every setting of `neat.Config`."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import itertools
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import tyro
from pydantic import BaseModel

from experiments.cli.program_name import program_name
from experiments.tasks.experiment import Experiment, suggestion
from neat.config.config import Config, merge
from neat.config.explanation import read_field_texts
from neat.processes.worker_processes import RETRIES

_SET_BY_TASK = ("num_inputs", "num_outputs")
_HELP = {"-h", "--help"}
_MAX_WORKERS = 1024


@dataclass(frozen=True)
class Options:
    """The options of every experiment."""

    generations: int | None = None
    """Total number of generations; default: the experiment's own. You may give a resumed run more."""
    max_evaluations: int | None = None
    """Most genomes to evaluate in a run, including those before it was resumed."""
    max_seconds: float | None = None
    """Seconds after which a run begins no further generation. It then depends on the speed of the machine."""
    runs: int = 1
    """Number of runs, with the seeds seed, seed + 1, …; with more than one, write a table and a figure of all runs."""
    schemes: bool = False
    """Repeat the runs with each innovation scheme and, if you give a preset, with the default settings."""
    workers: int = 1
    """Processes that share the runs. If one dies, it is replaced and its run is repeated (see --retries)."""
    cluster: str | None = None
    """Ray cluster that does the work: local, auto or an address. Of several, it does the runs. Of one, it evaluates the
    genomes, and --workers is the number of its workers; default: as many as it has room for."""
    timeout: float | None = None
    """Seconds that a run, or a genome of a single run with --cluster, may take in a worker. A worker that takes longer
    is replaced as if it had died."""
    retries: int | None = None
    """How often a run, or a genome of a single run with --cluster, is repeated after its worker died; default: 2."""
    preset: str | None = None
    """Published settings:"""
    config: Path | None = None
    """TOML file of settings. It overrides a preset, and flags override it."""
    output: Path | None = None
    """Output folder; default: runs/<experiment>, with a number if that exists."""
    overwrite: bool = False
    """Write into the output folder even if it is not empty. An earlier run's files are deleted; other files stay."""
    resume: Path | None = None
    """Folder of a run to resume from its newest checkpoint."""
    checkpoint_every: int = 10
    """Generations between checkpoints of a single run."""
    device: str = "auto"
    """Device that evaluates networks: cpu, cuda, cuda:1, cuda:* for all GPUs, or auto; auto prefers a GPU."""
    threads: int | None = None
    """Threads that share the genomes; default: one per core. The number does not change the results."""
    lineage: bool = True
    """Keep champions, births, innovations and origins of species, and each genome's parents in lineage.npy, which takes
    16 bytes per genome and generation."""
    tensorboard: bool = False
    """Write a log of a single run for TensorBoard."""
    quiet: bool = False
    """Print only the result."""
    verbose: bool = False
    """Print the species during a single run too."""

    def __post_init__(self) -> None:
        for name in ("generations", "max_evaluations", "runs", "workers", "checkpoint_every", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: must be at least 1, got {value}")
            if value is not None and value >= 2**31 and name != "max_evaluations":
                raise ValueError(f"{name}: must be less than {2**31}, got {value}")
        if self.workers > _MAX_WORKERS:
            raise ValueError(f"workers: must be at most {_MAX_WORKERS}, got {self.workers}")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ValueError(f"max_seconds: must be above 0, got {self.max_seconds}")
        check_limits(self)
        if self.workers > 1 and self.cluster is not None and self.is_study:
            raise ValueError(
                "workers: cannot be combined with cluster and several runs, because the cluster decides how many runs "
                "it does at once"
            )
        if self.workers > 1 and self.cluster is None and not self.is_study:
            raise ValueError(f"workers: needs several runs, schemes or cluster, got {self.workers}")
        for name in ("checkpoint_every", "tensorboard", "verbose"):
            if self.is_study and getattr(self, name) != getattr(Options, name):
                raise ValueError(f"{name}: needs a single run, got {getattr(self, name)} and several runs")
        if self.quiet and self.verbose:
            raise ValueError("quiet: cannot be combined with verbose")
        if self.resume is None:
            return
        for name in ("runs", "schemes", "preset", "config", "output", "overwrite"):
            if getattr(self, name) not in (None, False, 1):
                raise ValueError(f"{name}: cannot be combined with resume, which keeps the run's settings")

    @property
    def limits(self) -> dict[str, Any]:
        """The arguments of `Population.run` that end a run early."""
        return {"max_evaluations": self.max_evaluations, "max_seconds": self.max_seconds}

    @property
    def is_study(self) -> bool:
        """Whether the command line asks for several runs."""
        return self.runs > 1 or self.schemes


def check_limits(options: Any) -> None:
    """Raise ValueError if the options `timeout` or `retries` are wrong beside `workers` and `cluster`."""
    timeout, retries = options.timeout, options.retries
    if timeout is not None and not 0 < timeout <= 1e6:
        raise ValueError(f"timeout: must be above 0 and at most 1e6 seconds, got {timeout}")
    if retries is not None and not 0 <= retries < 2**31:
        raise ValueError(f"retries: must be from 0 to {2**31 - 1}, got {retries}")
    for name, value in (("timeout", timeout), ("retries", retries)):
        if value is not None and options.workers == 1 and options.cluster is None:
            raise ValueError(f"{name}: needs cluster or workers of at least 2, which can be ended")


def count_retries(options: Any) -> int:
    """Return the value of the option `retries`, or its default."""
    return RETRIES if options.retries is None else options.retries


class CommandLine(NamedTuple):
    """The options and settings that a command line gives."""

    options: dict[str, Any]
    """Fields of `Options`, by name."""
    experiment: dict[str, Any]
    """Fields of the experiment, by name."""
    settings: dict[str, Any]
    """Settings of the config, as nested dictionaries."""


def parse(name: str, experiment: type[Experiment], arguments: list[str]) -> CommandLine:
    """Parse the arguments that follow the experiment's name.

    Raises:
        ValueError: An argument is unknown or has the wrong type.
    """
    known = {
        form: path
        for cls in _parts(experiment).values()
        for path in _paths(cls)
        for form in _flag_forms(path)
    }
    for former, now in experiment.former_names.items():
        if any(argument.split("=")[0] == flag(former) for argument in arguments):
            raise ValueError(f"{flag(former)}: is now called {flag(now)}")
    given = _find_given(arguments, known)
    # tyro is slow for each flag that it knows, so it gets just those given.
    mirror = _mirror_parts(experiment, given, False)
    parsed = _run_tyro(lambda: tyro.cli(mirror, prog=f"{program_name()} {name}", args=arguments))
    chosen = {part: _select_given(getattr(parsed, part), given) for part in CommandLine._fields}
    return CommandLine(**chosen)


def print_all(name: str, experiment: type[Experiment] | None, description: str) -> None:
    """Print the help of every option of an experiment, or without one, of the options that all experiments share."""
    shown = {path for cls in _parts(experiment).values() for path in _paths(cls)}
    mirror = _mirror_parts(experiment, shown, True)
    with contextlib.suppress(SystemExit):
        tyro.cli(mirror, prog=f"{program_name()} {name}", description=description, args=["--help"])


def read(cls: type[Any], name: str, arguments: list[str]) -> Any:
    """Return an instance of a dataclass, made from the arguments that follow a command's name.

    Raises:
        ValueError: An argument is unknown, has the wrong type, or is not allowed.
        SystemExit: The arguments asked for help, which was printed.
    """
    _find_given(arguments, {form: path for path in _paths(cls) for form in _flag_forms(path)})
    whole = _mirror(cls, {}, set(_paths(cls)), True)
    prog, description = f"{program_name()} {name}", inspect.getdoc(cls)
    parsed = _run_tyro(lambda: tyro.cli(whole, prog=prog, description=description, args=arguments))
    return cls(**vars(parsed))


def read_after_paths(
    cls: type[Any], name: str, arguments: list[str], wanted: Sequence[str], example: str
) -> tuple[list[Path], Any]:
    """Return the paths with which a command's arguments begin, and `read` of the arguments that follow them.

    `wanted` says what each path is, and `example` gives right arguments, both for messages.

    Raises:
        ValueError: A path is missing, or an argument is wrong.
        SystemExit: The arguments asked for help, which was printed.
    """
    if not _HELP.isdisjoint(arguments):
        read(cls, name, ["--help"])
    given, rest = arguments[: len(wanted)], arguments[len(wanted) :]
    if len(given) < len(wanted) or any(word.startswith("-") for word in given):
        raise ValueError(f"{name}: expected {' and '.join(wanted)} first, such as {name} {example}")
    return list(map(Path, given)), read(cls, name, rest)


def _parts(experiment: type[Experiment] | None) -> dict[str, type]:
    """Return the classes whose fields are flags, by the names of CommandLine."""
    own = {} if experiment is None else {"experiment": experiment}
    return {"options": Options, **own, "settings": Config}


def _mirror_parts(experiment: type[Experiment] | None, shown: set[str], explained: bool) -> Any:
    """Return a dataclass of the mirrors of all parts. Its settings have the experiment's defaults."""
    settings = {} if experiment is None else default_settings(experiment())
    fields = []
    for part, cls in _parts(experiment).items():
        mirror = _mirror(cls, settings if cls is Config else {}, shown, explained)
        annotated: Any = Annotated[mirror, tyro.conf.arg(name="", help="")]
        fields.append((part, annotated, dataclasses.field(default_factory=mirror)))
    return dataclasses.make_dataclass("Arguments", fields)


def default_settings(experiment: Experiment) -> dict[str, Any]:
    """Return the settings of an experiment that differ from the config's defaults, as nested dictionaries."""
    return merge(experiment.settings, experiment.needs)


def read_option_texts(cls: type) -> dict[str, str]:
    """Return the texts of a class's fields for help. That of `Options.preset` lists the presets."""
    texts = read_field_texts(cls)
    if cls is Options:
        texts["preset"] += f" {' or '.join(Config.presets())}."
    return texts


def flag(path: str) -> str:
    """Return the flag of a field: "genome.bias_input" gives --genome.bias-input."""
    return "--" + path.replace("_", "-")


def _mirror(cls: type, own: dict[str, Any], shown: set[str], explained: bool, prefix: str = "") -> type:
    """Return a dataclass with the fields of `cls` whose paths are in `shown`; `own` overrides their defaults.

    It leaves out the checks of `cls`. They run later, and their messages say more than tyro's.
    """
    texts = read_option_texts(cls) if explained else {}
    fields: list[tuple[str, Any, Any]] = []
    for name, kind, default in typed_fields(cls):
        if _is_section(kind):
            start = default.model_dump() if isinstance(default, BaseModel) else {}
            section: Any = _mirror(kind, {**start, **own.get(name, {})}, shown, explained, f"{prefix}{name}.")
            # Without a help text, tyro would search the source for one.
            annotated: Any = Annotated[section, tyro.conf.arg(help="")]
            fields.append((name, annotated, dataclasses.field(default_factory=section)))
        elif prefix + name in shown:
            annotation: Any = Annotated[drop_constraints(kind), tyro.conf.arg(help=texts.get(name, ""))]
            fields.append((name, annotation, dataclasses.field(default=own.get(name, default))))
    return dataclasses.make_dataclass(cls.__name__, fields, frozen=True)


def _paths(cls: type, prefix: str = "") -> Iterator[str]:
    """Yield the paths of the fields that flags can set."""
    for name, kind, _ in typed_fields(cls):
        if _is_section(kind):
            yield from _paths(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def _flag_forms(path: str) -> tuple[str, str]:
    """Return the flag of a field, and the flag that switches it off if it is a switch."""
    section, dot, name = path.rpartition(".")
    return flag(path), flag(f"{section}{dot}no_{name}")


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def typed_fields(cls: Any) -> list[tuple[str, Any, Any]]:
    """Return name, type and default of each field that flags can set."""
    if issubclass(cls, BaseModel):
        items = cls.model_fields.items()
        return [(name, info.annotation, info.default) for name, info in items if name not in _SET_BY_TASK]
    kinds = get_type_hints(cls)
    return [(field.name, kinds[field.name], field.default) for field in dataclasses.fields(cls)]


def drop_constraints(kind: Any) -> Any:
    """Return a type without pydantic's constraints. They are checked later, with better messages."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return drop_constraints(arguments[0])
    if origin is tuple:
        return tuple.__class_getitem__(tuple(a if a is Ellipsis else drop_constraints(a) for a in arguments))
    if origin in (types.UnionType, Union):
        return Union[tuple(map(drop_constraints, arguments))]  # noqa: UP007
    return kind


def _find_given(arguments: list[str], flags: dict[str, str]) -> set[str]:
    """Return the paths of the fields that the arguments name."""
    given = set()
    for argument in arguments:
        if not argument.startswith("--") or argument in ("--", "--help"):
            continue
        name = argument.split("=")[0].replace("_", "-")
        if name not in flags:
            raise ValueError(f"{name}: there is no such option{suggestion(name, flags)}")
        given.add(flags[name])
    return given


def _select_given(parsed: Any, given: set[str], prefix: str = "") -> dict[str, Any]:
    """Return the values of the given fields as nested dictionaries."""
    chosen: dict[str, Any] = {}
    for field in dataclasses.fields(parsed):
        value, path = getattr(parsed, field.name), prefix + field.name
        if dataclasses.is_dataclass(value):
            section = _select_given(value, given, f"{path}.")
            if section:
                chosen[field.name] = section
        elif path in given:
            chosen[field.name] = value
    return chosen


def _run_tyro(parse: Any) -> Any:
    """Call tyro, and turn the error that it prints into a ValueError of one line."""
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            return parse()
    except SystemExit as stop:
        if not stop.code:
            raise
    raise ValueError(_first_paragraph(errors.getvalue())) from None


def _first_paragraph(box: str) -> str:
    """Return the first paragraph after the title of tyro's box, whose frame is ASCII on some terminals."""
    lines = [line.strip("│ ") for line in box.splitlines()]
    paragraphs = [
        list(group)
        for is_rule, group in itertools.groupby(lines, lambda line: not line.strip("─╰╯-"))
        if not is_rule
    ]
    (_, *beside_title), *others = paragraphs
    return " ".join(beside_title or (others[0] if others else paragraphs[0]))
