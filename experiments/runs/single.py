"""Start or resume one run, and write its results and pictures."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.cli.first_start import compile_ahead, print_device
from experiments.cli.flags import CommandLine, Options, count_retries
from experiments.cli.program_name import resume_command
from experiments.cli.settings import build_config, find_contradiction
from experiments.runs import description as descriptions
from experiments.runs import folder as folders
from experiments.tasks.experiment import Evaluator, Experiment, find_experiment
from neat import Population, Result, plot, reporting
from neat.config.config import Config
from neat.evolution.evaluator_pool import close_evaluator
from neat.genome.genome import describe_size

_KEPT_OPTIONS = ("generations", "max_evaluations", "device", "checkpoint_every", "lineage", "tensorboard")


def start(name: str, line: CommandLine, command: Sequence[str]) -> None:
    """Start a run in a new folder."""
    options = Options(**line.options)
    experiment = find_experiment(name)(**line.experiment)
    options = dataclasses.replace(options, generations=options.generations or experiment.generations)
    kept = {option: getattr(options, option) for option in _KEPT_OPTIONS}
    content = descriptions.describe(name, experiment, kept, command)
    evaluator = _make_evaluator(experiment, options)
    config = build_config(experiment, evaluator, options, line.settings)
    population = Population(config, lineage=options.lineage)
    names = folders.run_files(experiment.pictures, options.lineage)
    with (
        folders.create(name, options.output, options.overwrite, names) as folder,
        folders.write_description(folder, content, names),
    ):
        folders.write_config(folder, config)
        compile_ahead(experiment, config, options.device, options.quiet)
        _run(name, experiment, evaluator, population, options, folder)


def resume(name: str, line: CommandLine, command: Sequence[str]) -> None:
    """Resume the run in a folder.

    Raises:
        ValueError: There is no such run, its description is damaged, its data have changed, or the arguments
            contradict it.
        LockedError: Another process is running it.
    """
    resumed = Options(**line.options).resume
    assert resumed is not None
    with folders.reopen(resumed) as folder:
        description = descriptions.read(folder)
        if description.experiment != name:
            raise ValueError(f"resume: {folder} holds an experiment {description.experiment}, got {name}")
        if description.settings:
            raise ValueError(f"resume: {folder} holds a study of many runs, which cannot be resumed")
        experiment = descriptions.build_experiment(description, folder).with_absolute_paths()
        _check_arguments(experiment, line.experiment)
        kept = descriptions.build_instance(Options, folder, "options", description.options, _KEPT_OPTIONS)
        options = dataclasses.replace(kept, **line.options)
        if options.generations is None:
            raise ValueError(f"resume: {folder / descriptions.RUN}: options.generations: must be given")
        files = descriptions.check_files(description, experiment, folder)
        evaluator = _make_evaluator(experiment, options)
        population = _load_population(folder, options.lineage)
        _check_population(population, options.generations, line.settings)
        changed = {"generations": options.generations, "max_evaluations": options.max_evaluations}
        content = descriptions.describe_resumed(description, experiment, files, changed, command)
        names = folders.run_files(experiment.pictures, options.lineage)
        if description.written is not None:
            folders.refuse_foreign_files("resume", folder, names - set(description.written))
            names |= set(description.written)
        with folders.write_description(folder, content, names):
            _run(name, experiment, evaluator, population, options, folder)


def _make_evaluator(experiment: Experiment, options: Options) -> Evaluator:
    """Return the evaluator of a run, which a cluster serves if the options name one."""
    if options.cluster is None:
        return experiment.evaluator(options.device)
    from evaluators import Distributed

    distributed: Any = Distributed(
        functools.partial(experiment.with_absolute_paths().evaluator, options.device),
        cluster=options.cluster,
        workers=options.workers if options.workers > 1 else None,
        retries=count_retries(options),
        timeout=options.timeout,
    )
    return distributed


def _check_arguments(experiment: Experiment, given: dict[str, Any]) -> None:
    """Raise ValueError if an argument of the command line differs from the run's."""
    for field, value in given.items():
        kept = getattr(experiment, field)
        same = kept == value or (field in experiment.files and kept == str(Path(value).absolute()))
        if not same:
            raise ValueError(f"{field}: the run has {kept!r}, which a resumed run keeps, got {value!r}")


def _check_population(population: Population, generations: int, settings: dict[str, Any]) -> None:
    """Raise ValueError if the command line contradicts the run's config or has too few generations."""
    message = find_contradiction(population.config, settings)
    if message:
        raise ValueError(message)
    if generations < population.generation:
        raise ValueError(f"generations: the run has {population.generation} already, got {generations}")


def _load_population(folder: Path, lineage: bool) -> Population:
    """Return the population of the run's checkpoint or, if there is none yet, the first generation.

    Args:
        folder: The folder of the run.
        lineage: Whether the first generation keeps a lineage.

    Raises:
        ValueError: The run has ended and its checkpoint is gone, or a file is damaged.
    """
    from neat.io import checkpoint

    path = folder / folders.CHECKPOINT
    if path.exists():
        return checkpoint.load(path)
    if (folder / folders.RESULT).exists():
        raise ValueError(f"resume: {folder} holds a run that has ended, but its {folders.CHECKPOINT} is gone")
    return Population(Config.load(folder / folders.CONFIG), lineage=lineage)


def _run(
    name: str,
    experiment: Experiment,
    evaluator: Evaluator,
    population: Population,
    options: Options,
    folder: Path,
) -> None:
    assert options.generations is not None
    results = _Results(experiment, evaluator, folder, options.lineage)
    reporters: list[reporting.Reporter] = [reporting.Metrics(folder)]
    if options.lineage:
        reporters.append(reporting.Lineage(folder))
    if options.tensorboard:
        reporters.append(reporting.TensorBoard(folder / "tensorboard"))
    reporters.append(results)
    if not options.quiet:
        print_device(evaluator)
        status = None if options.cluster is None else functools.partial(getattr, evaluator, "status")
        reporters.append(reporting.Progress(options.verbose, max_seconds=options.max_seconds, status=status))
    try:
        result = population.run(
            evaluator,
            generations=options.generations,
            solved=experiment.solved(evaluator),
            reporters=reporters,
            checkpoint=folder / folders.CHECKPOINT,
            checkpoint_every=options.checkpoint_every,
            **options.limits,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(resume_hint(name, folder)) from None
    finally:
        close_evaluator(evaluator)
    _print_result(result, results, folder)


class _Results(reporting.Reporter):
    """A reporter that writes the results of a run. It must precede the one that shows progress, whose output may fail.

    Attributes:
        measures: Measures of the champion, by name.
        pictures: Paths of all pictures.
    """

    def __init__(self, experiment: Experiment, evaluator: Evaluator, folder: Path, lineage: bool) -> None:
        self._experiment, self._evaluator, self._folder = experiment, evaluator, folder
        self._lineage = lineage
        self.measures: dict[str, float] = {}
        self.pictures: list[Path] = []

    def finish(self, population: Population, result: Result) -> None:
        """Write the numbers, then the pictures."""
        folder = self._folder
        self.measures = self._experiment.measures(result.champion, self._evaluator)
        content: dict[str, Any] = {
            "solved": result.solved,
            "stopped_by": result.stopped_by,
            "generations": result.generations,
            "evaluations": result.evaluations,
            "champion_fitness": result.champion_fitness,
            "validated": result.validated,
            "champion_generation": result.champion.genomes.generation,
            "measures": self.measures,
        }
        folders.write_json(folder / folders.RESULT, content)
        folders.write_champion(folder, result.champion, self._experiment)
        self._evaluator.model(result.champion).save(folder / folders.MODEL)
        if self._lineage and result.lineage is not None:
            result.lineage.save(folder)
        plot.fitness(result.history, folder / "fitness.svg")
        plot.species(result.history, folder / "species.svg")
        shown = self._experiment.show(result.champion, self._evaluator, folder)
        self.pictures = [*(folder / f"{name}.svg" for name in ("fitness", "species", "champion")), *shown]


def _print_result(result: Result, results: _Results, folder: Path) -> None:
    print(f"champion: {describe_size(result.champion)}")
    if results.measures:
        print(", ".join(f"{measure} {value:.4g}" for measure, value in results.measures.items()))
    print(f"folder:   {folder}\npictures: {'  '.join(picture.name for picture in results.pictures)}")
    print("numbers:  metrics.csv")


def resume_hint(name: str, folder: Path) -> str:
    """Return the message of an interrupted run: its newest checkpoint, and the command that resumes it."""
    path = folder / folders.CHECKPOINT
    state = f"the newest checkpoint is {path}" if path.exists() else "there is no checkpoint yet"
    return f"interrupted; {state}; resume with: {resume_command(name, folder)}"
