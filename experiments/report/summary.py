"""Describe a run and its settings as tables."""

from __future__ import annotations

import operator
from pathlib import Path

from experiments.cli.flags import flag
from experiments.cli.program_name import resume_command
from experiments.runs.reader import RunSoFar
from neat.config.config import Config, defaults_of
from neat.config.explanation import find_changes, list_settings, plain
from neat.genome.genome import describe_size
from neat.support.html import table_of_facts, table_of_rows


def describe_state(run: RunSoFar, folder: Path) -> str:
    """Return whether the run has ended, and how."""
    generations = f"{len(run.history):,} generation{'s' if len(run.history) != 1 else ''}"
    if run.result is not None:
        solved = "solved the task" if run.result.get("solved") else "ended"
        return f"The run {solved} after {generations}, stopped by {run.result.get('stopped_by', 'an old version')}."
    return (
        f"The run has not ended: it was interrupted or is under way. This is its state after {generations}, the newest "
        f"checkpoint. If it was interrupted, resume it with: {resume_command(run.description.experiment, folder)}"
    )


def list_highlights(run: RunSoFar) -> dict[str, str]:
    """Return the results of a run by name."""
    row = run.history.last
    in_trials = run.result is not None and run.result.get("validated")
    measures = (run.result or {}).get("measures") or {}
    return {
        "champion": describe_size(run.champion),
        "fitness in new trials" if in_trials else "fitness of the champion": _number(run.fitness),
        **{name: _number(value) for name, value in measures.items() if isinstance(value, int | float)},
        "generations": f"{len(run.history):,}",
        "evaluations": f"{int(row['evaluations']):,}",
        "species alive": f"{int(row['species']):,}",
    }


def _number(value: float) -> str:
    text = f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.5g}"
    return text.replace("-", "−")


def describe_run(run: RunSoFar) -> str:
    """Return a table of the task and the starts of a run."""
    first, last = run.description.starts[0], run.description.starts[-1]
    facts = {
        "experiment": run.description.experiment,
        **{
            f"option {flag(name)}": plain(tuple(value) if isinstance(value, list) else value)
            for name, value in run.description.arguments.items()
            if value is not None
        },
        "seed": str(run.population.config.seed),
        "command": first.command,
        "first start": first.time,
        "starts": str(len(run.description.starts)),
        "versions at the last start": ", ".join(f"{name} {number}" for name, number in last.versions.items()),
        "machine": last.platform,
    }
    return table_of_facts("", facts)


def describe_settings(config: Config) -> str:
    """Return a table of the settings that differ from the defaults, and one of all settings."""
    settings = list(list_settings(Config, defaults_of(config)))
    sizes = {f"genome.{name}": str(getattr(config.genome, name)) for name in ("num_inputs", "num_outputs")}
    changes = table_of_facts(
        "Settings that differ from the defaults", sizes | find_changes(iter(settings), config)
    )
    rows = [
        (s.path, plain(operator.attrgetter(s.path)(config)), plain(s.default), s.text.partition(". ")[0])
        for s in settings
    ]
    everything = table_of_rows("", ("setting", "value", "default", "meaning"), rows)
    return (
        f'{changes}<details><summary>All settings</summary><div class="scroll">{everything}</div></details>'
    )
