"""One run, from its first generation or its newest checkpoint to the pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments import folder as folders
from experiments.compiling import compile_ahead, tell_device
from experiments.experiment import Evaluator, Experiment, named
from experiments.flags import CommandLine, Options, flag
from experiments.settings import config_for, contradiction
from neat import Population, Result, plot, reporting
from neat.config import Config

_KEPT_OPTIONS = ("generations", "device", "checkpoint_every", "lineage", "tensorboard")


def start(name: str, line: CommandLine, command: Sequence[str]) -> None:
    """Begin a run in a folder of its own."""
    options = Options(**line.options)
    experiment = named(name)(**line.experiment)
    evaluator = experiment.evaluator(options.device)
    config = config_for(experiment, evaluator, options, line.settings)
    options = dataclasses.replace(options, generations=options.generations or experiment.generations)
    population = Population(config)
    folder = folders.create(name, options.output, options.overwrite)
    content = {
        "experiment": name,
        "arguments": dataclasses.asdict(experiment),
        "options": {option: getattr(options, option) for option in _KEPT_OPTIONS},
    }
    folders.describe(folder, config, content, command)
    compile_ahead(experiment, config, options.device, options.quiet)
    _run(name, experiment, evaluator, population, options, folder)


def resume(name: str, line: CommandLine, command: Sequence[str]) -> None:
    """Go on with the run in a folder.

    Raises:
        ValueError: There is no such run, or the arguments contradict it.
    """
    options = Options(**line.options)
    assert options.resume is not None
    folder = options.resume
    content = folders.read_description(folder)
    if content["experiment"] != name:
        raise ValueError(f"resume: {folder} holds an experiment {content['experiment']}, got {name}")
    if "settings" in content:
        raise ValueError(f"resume: {folder} holds a study of many runs, which cannot go on")
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in content["arguments"].items()}
    experiment = named(name)(**arguments)  # fields that the run's version did not have are as they were then
    for field, value in line.experiment.items():
        kept = getattr(experiment, field)
        if kept != value:
            raise ValueError(f"{field}: the run has {kept!r}, which a resumed run keeps, got {value!r}")
    options = Options(**{**content["options"], **line.options})
    evaluator = experiment.evaluator(options.device)
    population = _population(folder)
    wrong = contradiction(population.config, line.settings)
    if wrong:
        raise ValueError(wrong)
    assert options.generations is not None
    if options.generations < population.generation:
        raise ValueError(
            f"generations: the run has {population.generation} already, got {options.generations}"
        )
    folders.describe_resumed(folder, options.generations, command)
    _run(name, experiment, evaluator, population, options, folder)


def _population(folder: Path) -> Population:
    """The newest checkpoint's, or, before there is one, the first."""
    from neat import checkpoint

    path = folder / folders.CHECKPOINT
    if path.exists():
        return checkpoint.load(path)
    if (folder / "result.json").exists():
        raise ValueError(f"resume: {folder} holds a run that has ended, but its {folders.CHECKPOINT} is gone")
    return Population(Config.load(folder / folders.CONFIG))


def _run(
    name: str,
    experiment: Experiment,
    evaluator: Evaluator,
    population: Population,
    options: Options,
    folder: Path,
) -> None:
    assert options.generations is not None
    reporters: list[reporting.Reporter] = [reporting.Metrics(folder)]
    if options.lineage:
        reporters.append(reporting.Lineage(folder))
    if options.tensorboard:
        reporters.append(reporting.TensorBoard(folder / "tensorboard"))
    terminal = reporting.Terminal(verbose=options.verbose)
    if not options.quiet:
        tell_device(evaluator)
        reporters.append(terminal)
    try:
        result = population.run(
            evaluator,
            generations=options.generations,
            solved=experiment.solved(evaluator),
            reporters=reporters,
            checkpoint=folder / folders.CHECKPOINT,
            checkpoint_every=options.checkpoint_every,
        )
        measures, pictures = _finish(experiment, evaluator, result, folder)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_how_to_go_on(name, folder)) from None
    finally:
        terminal.close()
        close(evaluator)
    _tell(result, measures, pictures, folder)


def close(evaluator: Evaluator) -> None:
    """End the processes of an evaluator that has any."""
    getattr(evaluator, "close", lambda: None)()


def _finish(
    experiment: Experiment, evaluator: Evaluator, result: Result, folder: Path
) -> tuple[dict[str, float], list[Path]]:
    """Write what is left of a run; returns the measures and all pictures."""
    measures = experiment.measures(result.champion, evaluator)
    shown = experiment.show(result.champion, evaluator, folder)
    folders.write_champion(folder, result.champion)
    plot.fitness(result.history, folder / "fitness.svg")
    plot.species(result.history, folder / "species.svg")
    content: dict[str, Any] = {
        "solved": result.solved,
        "generations": result.generations,
        "evaluations": result.evaluations,
        "champion_fitness": result.champion_fitness,
        "measures": measures,
    }
    folders.write_json(folder / "result.json", content)
    return measures, [*(folder / f"{name}.svg" for name in ("fitness", "species", "champion")), *shown]


def _tell(result: Result, measures: dict[str, float], pictures: list[Path], folder: Path) -> None:
    champion = result.champion
    enabled = sum(c["enabled"] for c in champion.connections)
    print(f"champion: {len(champion.hidden_ids)} hidden nodes, {enabled} enabled connections")
    if measures:
        print(", ".join(f"{measure} {value:.4g}" for measure, value in measures.items()))
    print(f"pictures: {'  '.join(map(str, pictures))}\nnumbers:  {folder / 'metrics.csv'}")


def _how_to_go_on(name: str, folder: Path) -> str:
    path = folder / folders.CHECKPOINT
    state = f"the newest checkpoint is {path}" if path.exists() else "there is no checkpoint yet"
    return f"interrupted; {state}; go on with: python -m experiments {name} {flag('resume')} {folder}"
