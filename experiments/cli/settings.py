"""The config that a command line asks for: the experiment's own, a preset's, a file's, flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neat.config.config import Config, load_settings, merge

if TYPE_CHECKING:
    from experiments.cli.flags import Options
    from experiments.tasks.experiment import Experiment
    from neat.evaluation import Task


def config_for(experiment: Experiment, task: Task, options: Options, flags: dict[str, Any]) -> Config:
    """The config of a run.

    Raises:
        ValueError: A setting is wrong, or contradicts the task.
    """
    first = experiment.settings if options.preset is None else Config.preset_settings(options.preset)
    settings = merge(first, experiment.needs)
    if options.config is not None:
        settings = merge(settings, load_settings(options.config))
        try:
            _for_task(task, settings)
        except ValueError as error:
            raise ValueError(f"{options.config}: {error}") from None
    return _for_task(task, merge(settings, flags))


def contradiction(config: Config, flags: dict[str, Any], prefix: str = "") -> str | None:
    """The first of `flags` that `config` has another value for, and that value, in words."""
    for name, value in flags.items():
        kept = getattr(config, name)
        if isinstance(value, dict):
            found = contradiction(kept, value, f"{prefix}{name}.")
            if found:
                return found
        elif kept != value:
            return f"{prefix}{name}: the run has {kept!r}, which a resumed run keeps, got {value!r}"
    return None


def _for_task(task: Task, settings: dict[str, Any]) -> Config:
    config = Config.for_task(task, **settings)
    for name in ("num_inputs", "num_outputs"):
        if getattr(config.genome, name) != getattr(task, name):
            raise ValueError(
                f"genome.{name}: must be {getattr(task, name)}, as the task has, "
                f"got {getattr(config.genome, name)}"
            )
    return config
