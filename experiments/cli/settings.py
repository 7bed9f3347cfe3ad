"""Build the config of a run from the experiment's settings, a preset, a file and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neat.config.config import Config, load_settings, merge
from neat.config.data_settings import check_outputs, choose_settings, log_choices

if TYPE_CHECKING:
    from experiments.cli.flags import Options
    from experiments.tasks.experiment import Experiment
    from neat.evaluation import Task


def build_config(experiment: Experiment, task: Task, options: Options, flags: dict[str, Any]) -> Config:
    """Return the config of a run. Flags override a file, and both override a preset or the experiment's settings.

    For data of the user's and without a preset, further settings are chosen as `Config.for_task` does. The built-in
    tasks keep the settings by which they were tuned and measured.

    Raises:
        ValueError: A setting is not allowed or contradicts the task, or a field of the experiment changes nothing.
    """
    experiment.refuse_unused()
    base = experiment.settings if options.preset is None else Config.preset_settings(options.preset)
    settings = merge(base, experiment.needs)
    if options.config is not None:
        settings = merge(settings, load_settings(options.config))
        try:
            _build_for_task(task, settings)
        except ValueError as error:
            raise ValueError(f"{options.config}: {error}") from None
    settings = merge(settings, flags)
    chosen = choose_settings(task, settings) if experiment.has_own_data and options.preset is None else {}
    config = _build_for_task(task, merge(chosen, settings))
    log_choices(chosen, settings)
    return config


def find_contradiction(config: Config, flags: dict[str, Any], prefix: str = "") -> str | None:
    """Return a message about the first of `flags` that differs from `config`, or None."""
    for name, value in flags.items():
        current = getattr(config, name)
        if isinstance(value, dict):
            found = find_contradiction(current, value, f"{prefix}{name}.")
            if found:
                return found
        elif current != value:
            return f"{prefix}{name}: the run has {current!r}, which a resumed run keeps, got {value!r}"
    return None


def _build_for_task(task: Task, settings: dict[str, Any]) -> Config:
    sizes = {name: getattr(task, name) for name in ("num_inputs", "num_outputs")}
    config = Config(**merge({"genome": sizes}, settings))
    for name, size in sizes.items():
        if getattr(config.genome, name) != size:
            raise ValueError(
                f"genome.{name}: must be {size}, as the task has, got {getattr(config.genome, name)}"
            )
    check_outputs(task, config.genome)
    return config
