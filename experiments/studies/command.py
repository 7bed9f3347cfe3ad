"""The command `study`."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiments.cli.flags import check_limits, count_retries, read
from experiments.studies.plan_file import StudyPlan, load_plan, make_study, parse_factor
from experiments.tasks.experiment import NAMES, STUDY, suggestion
from neat.study import StudyProgress
from neat.support.progress_display import ProgressDisplay
from neat.support.text_files import shorten_path

_EXAMPLE = f"{STUDY} plan.toml, or {STUDY} xor parity --vary innovation=global,pairing"


@dataclass(frozen=True)
class StudyOptions:
    """Compare settings over many seeds: study PLAN.toml, or study EXPERIMENT … --vary NAME=VALUE,VALUE.

    A study goes on where it was interrupted. The docs describe plans.
    """

    vary: tuple[str, ...] = ()
    """Settings to vary, such as innovation=global,pairing; every combination is an arm."""
    compare: str | None = None
    """Setting whose values are compared, each with the first; default: the first that varies."""
    seeds: int | None = None
    """Runs of each arm on each task; default: the plan's, or 20."""
    first_seed: int | None = None
    """First seed; default: the plan's, or 0."""
    generations: int | None = None
    """Most generations of a run; default: the plan's, or the experiment's own."""
    margin: float | None = None
    """Relative difference of the mean evaluations up to which two arms are equivalent; default: the plan's, or 0.1."""
    record: Literal["mating"] | None = None
    """What else to keep of each generation: mating is how alike mates are, and which innovations arise again."""
    share: float = 1.0
    """Do only this share of the seeds, the first ones."""
    workers: int = 1
    """Processes that share the runs. If one dies, it is replaced and its run is repeated (see --retries)."""
    cluster: str | None = None
    """Ray cluster that does the runs instead: local, auto or an address."""
    timeout: float | None = None
    """Seconds that a run may take in a worker process or on a cluster. One that takes longer is lost."""
    retries: int | None = None
    """How often a run is repeated after its worker died; default: 2."""
    output: Path | None = None
    """Folder of the study; default: runs/study-NAME."""
    device: str = "cpu"
    """Device that evaluates networks: cpu, cuda, or auto."""
    quiet: bool = False
    """Print only the result."""

    def __post_init__(self) -> None:
        if self.workers > 1 and self.cluster is not None:
            raise ValueError(
                "workers: cannot be combined with cluster, because the cluster decides how many runs it does at once"
            )
        check_limits(self)


def study(arguments: list[str]) -> None:
    """Run the command with the arguments that follow its name."""
    if {"-h", "--help"} & set(arguments):
        read(StudyOptions, STUDY, ["--help"])
    given, options = parse(arguments)
    plan, folder, name = _read_plan(given)
    made = make_study(_with_options(plan, options), options.device, folder)
    output = options.output or Path("runs") / f"{STUDY}-{name}"
    with contextlib.closing(_Progress()) as progress, _executor(options) as executor:
        shown = None if options.quiet else progress
        timeout, retries = (None, None) if executor else (options.timeout, options.retries)
        report = made.run(output, options.workers, executor, options.share, timeout, shown, retries)
    _print_markdown(report.to_markdown())
    print(f"{output}: report.md has these tables, runs.csv a row for each run, curves.csv.gz each generation")


def parse(arguments: list[str]) -> tuple[list[str], StudyOptions]:
    """Return the plan or the experiments that the arguments name, and the options.

    Raises:
        ValueError: There is none, or an option is wrong.
    """
    given = list(itertools.takewhile(lambda word: not word.startswith("-"), arguments))
    options: StudyOptions = read(StudyOptions, STUDY, _join_repeated(arguments[len(given) :], "--vary"))
    if not given:
        raise ValueError(f"{STUDY}: expected a plan or experiments first, such as {_EXAMPLE}")
    return given, options


def _executor(options: StudyOptions) -> contextlib.AbstractContextManager[Executor | None]:
    """Return the executor of a cluster, or a context without one."""
    if options.cluster is None:
        return contextlib.nullcontext()
    from evaluators.distributed.ray_executor import RayExecutor

    return RayExecutor(options.cluster, count_retries(options), timeout=options.timeout)


def _print_markdown(text: str) -> None:
    """Print Markdown; a cell that is too narrow for a word continues it in the next line, and cuts nothing off."""
    from rich.console import Console
    from rich.markdown import Markdown, TableElement

    class FoldedTable(TableElement):
        def __rich_console__(self, *options: Any) -> Iterator[Any]:
            table: Any
            for table in super().__rich_console__(*options):
                for column in table.columns:
                    column.overflow = "fold"
                yield table

    class Report(Markdown):
        elements = {**Markdown.elements, "table_open": FoldedTable}

    console = Console()
    Console(width=None if console.is_terminal else 140).print(Report(text))


def _join_repeated(arguments: list[str], flag: str) -> list[str]:
    """Return the arguments with all values of a repeated flag behind the first one."""
    values, others, follows = [], [], False
    for word in arguments:
        if word == flag or word.startswith(f"{flag}="):
            values += [word.partition("=")[2]] if word != flag else []
            follows = word == flag
        elif follows and not word.startswith("-"):
            values.append(word)
        else:
            follows = False
            others.append(word)
    return [*others, *([flag, *values] if values else [])]


def _read_plan(given: list[str]) -> tuple[StudyPlan, Path, str]:
    """Return the plan, the folder to which its paths are relative, and a name for the output."""
    first = Path(given[0])
    if first.suffix == ".toml":
        if len(given) > 1:
            raise ValueError(f"{STUDY}: expected only {shorten_path(first)}, got {given[1]!r} too")
        return load_plan(first), first.parent, first.stem
    for name in given:
        if name not in NAMES:
            raise ValueError(
                f"{STUDY}: expected a plan that ends in .toml, or experiments, got {name!r}{suggestion(name, NAMES)}"
            )
    return StudyPlan(tasks={name: {} for name in given}), Path(), "-".join(given)


def _with_options(plan: StudyPlan, options: StudyOptions) -> StudyPlan:
    """Return the plan with what the command line overrides."""
    values: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("compare", "seeds", "first_seed", "generations", "margin", "record")
        if getattr(options, name) is not None
    }
    if options.vary:
        values["vary"] = {**plan.vary, **dict(map(parse_factor, options.vary))}
    return StudyPlan(**{**plan.model_dump(exclude_unset=True), **values})


class _Progress:
    """Shows how far the study is, from its first run on."""

    def __init__(self) -> None:
        self._display: ProgressDisplay | None = None

    def __call__(self, progress: StudyProgress) -> None:
        if self._display is None:
            self._display = ProgressDisplay("run", progress.total, progress.done - 1)
        self._display.update(progress.done, dict)

    def close(self) -> None:
        if self._display is not None:
            self._display.close()
