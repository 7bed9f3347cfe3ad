"""Repeated runs, with the seeds seed, seed + 1, …, and their table and figures."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from experiments.cli.first_start import compile_ahead, print_device
from experiments.cli.flags import CommandLine, Options, count_retries
from experiments.cli.settings import build_config
from experiments.runs import description as descriptions
from experiments.runs import folder as folders
from experiments.runs.run import Run
from experiments.runs.study_progress import GenerationProgress, StudyProgress
from experiments.runs.table import write_tables
from experiments.tasks.experiment import Experiment, cached, find_experiment
from neat import Genome, Population, plot
from neat.config.config import Config, merge
from neat.evaluation import Stateful
from neat.evolution.evaluator_pool import close_evaluator
from neat.processes.worker_processes import TaskLost, WorkerProcesses, share_threads
from neat.support.files import CsvFile
from neat.support.progress_display import ProgressDisplay

SCHEMES: tuple[str, ...] = get_args(Config.model_fields["innovation"].annotation)


class Setting(NamedTuple):
    """A config whose runs are a row of the table."""

    label: str
    config: Config


def run_repeatedly(name: str, line: CommandLine, command: Sequence[str]) -> None:
    """Do all the runs; print and write their table, and write figures and a row for each run."""
    options = Options(**line.options)
    experiment = find_experiment(name)(**line.experiment)
    options = dataclasses.replace(options, generations=options.generations or experiment.generations)
    kept = {
        "generations": options.generations,
        "runs": options.runs,
        "device": options.device,
        **options.limits,
    }
    content = descriptions.describe(name, experiment, kept, command)
    settings = _settings(experiment, options, line.settings)
    labels = [setting.label for setting in settings]
    content["settings"] = labels
    names = folders.study_files(experiment.pictures, labels)
    with (
        folders.create(name, options.output, options.overwrite, names) as folder,
        folders.write_description(folder, content, names),
    ):
        folders.write_config(folder, settings[0].config)
        if not options.quiet:
            print_device(experiment.evaluator(options.device))
        compile_ahead(experiment, settings[0].config, options.device, options.quiet)
        rows = folder / "summary.csv"
        try:
            with CsvFile(rows) as file, _show_progress(experiment, settings, options) as progress:
                done = {
                    setting.label: list(_runs(experiment, setting, options, file, progress))
                    for setting in settings
                }
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"interrupted; {rows} has the finished runs") from None
        for setting in settings:
            end = folders.setting_suffix(setting.label, labels)
            folders.write_config(folder, setting.config, end)
            _write_setting(folder, experiment, done[setting.label], options.device, end)
        write_tables(folder / "summary.json", experiment, done)
    print(f"{folder}: summary.csv has a row for each run, summary.json the table, runs*.svg are the figures")


def _show_progress(
    experiment: Experiment, settings: list[Setting], options: Options
) -> contextlib.closing[StudyProgress]:
    """Return what shows the progress of a study until its `with` block ends."""
    display = None if options.quiet else ProgressDisplay("run", len(settings) * options.runs)
    return contextlib.closing(StudyProgress(display, experiment.has_criterion, len(settings) > 1))


def _settings(experiment: Experiment, options: Options, flags: dict[str, Any]) -> list[Setting]:
    """Return the configs to compare: one, or one for each scheme and, with a preset, the default settings."""
    task = experiment.evaluator(options.device)
    base = options.preset or (options.config.stem if options.config else "default")
    if not options.schemes:
        config = build_config(experiment, task, options, flags)
        return [Setting(f"{base}, {config.innovation}", config)]
    settings = []
    for scheme in SCHEMES:
        config = build_config(experiment, task, options, merge(flags, {"innovation": scheme}))
        settings.append(Setting(f"{base}, {scheme}", config))
    if options.preset:
        plain = dataclasses.replace(options, preset=None, config=None)
        kept = {k: v for k, v in flags.items() if k in ("seed", "population_size")}
        config = build_config(experiment, task, plain, kept)
        settings.append(Setting(f"default, {config.innovation}", config))
    return settings


def run_seed(experiment: Experiment, config: Config, generations: int, device: str, **limits: Any) -> Run:
    """Do one run, in this process or in a worker; `limits` are further arguments of `Population.run`."""
    experiment = cached(experiment)
    evaluator = experiment.evaluator(device)
    try:
        solved = experiment.solved(evaluator)
        population = Population(config, lineage=False)
        result = population.run(evaluator, generations=generations, solved=solved, **limits)
        measures = experiment.measures(result.champion, evaluator)
    finally:
        close_evaluator(evaluator)
    return Run(
        config.seed,
        result.solved,
        result.generations,
        result.evaluations,
        result.champion_fitness,
        len(result.champion.hidden_ids),
        sum(connection["enabled"] for connection in result.champion.connections),
        measures,
        result.history.generations["best_ever"].copy(),
        result.champion.to_dict(),
        evaluator.state() if isinstance(evaluator, Stateful) else {},
    )


def _runs(
    experiment: Experiment, setting: Setting, options: Options, file: CsvFile, progress: StudyProgress
) -> Iterator[Run]:
    """Yield the runs of a setting in order of their seeds. Each adds its row to `file` when it ends."""
    assert options.generations is not None
    configs = [setting.config.updated(seed=setting.config.seed + k) for k in range(options.runs)]
    run_one = functools.partial(
        run_seed,
        experiment.with_absolute_paths(),  # a cluster's workers have another working folder
        generations=options.generations,
        device=options.device,
        **options.limits,
    )
    if options.workers == 1 and options.cluster is None:
        run_one = functools.partial(run_one, reporters=[GenerationProgress(progress)])
    columns = Run._fields[:-4]
    progress.begin(setting.label)
    for run in _run_all(run_one, configs, options):
        header = [["setting", *columns, *run.measures]] if file.is_empty else []
        file.append([*header, [setting.label, *run[:-4], *run.measures.values()]])
        progress.add(run)
        yield run


def _run_all(run_one: Any, configs: list[Config], options: Options) -> Iterator[Run]:
    """Yield the runs of the configs, in their order, done in this process or in workers."""
    if options.cluster is not None:
        from evaluators.distributed.ray_executor import RayExecutor

        with RayExecutor(options.cluster, count_retries(options), timeout=options.timeout) as executor:
            futures = [executor.submit(run_one, config) for config in configs]
            try:
                for config, future in zip(configs, futures, strict=True):
                    try:
                        yield future.result()
                    except TaskLost as loss:
                        raise TaskLost(f"{_name_run(config)}: {loss}") from None
            finally:
                executor.shutdown(cancel_futures=True)
        return
    if options.workers == 1:
        yield from map(run_one, configs)
        return
    prepare = share_threads(options.workers)
    with WorkerProcesses(run_one, options.workers, options.timeout, prepare, options.retries) as workers:
        yield from workers.map(configs, list(map(_name_run, configs)))


def _name_run(config: Config) -> str:
    return f"the run with seed {config.seed}"


def _write_setting(folder: Path, experiment: Experiment, runs: list[Run], device: str, suffix: str) -> None:
    """Draw the figure of all runs; write the champion of the best run and its model, and draw its behaviour."""
    plot.runs([run.best for run in runs], folder / f"runs{suffix}.svg")
    run = max(runs, key=lambda run: (run.solved, run.fitness))
    champion = Genome.from_dict(run.champion)
    folders.write_champion(folder, champion, experiment, suffix)
    evaluator = experiment.evaluator(device)
    champion.genomes.seed = run.seed  # the seed decides the episodes' starts
    if run.state:
        evaluator.restore(run.state)  # type: ignore[attr-defined]
    evaluator.model(champion).save(folders.add_suffix(folder / folders.MODEL, suffix))
    for picture in experiment.show(champion, evaluator, folder):
        picture.replace(folders.add_suffix(picture, suffix))
    close_evaluator(evaluator)
