"""Define what notebooks show of a genome, a config, a history, a result and a population.

The classes get their `_repr_svg_` and `_repr_html_` here, because their packages may not import `neat.plot`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from neat.config.config import Config, defaults_of
from neat.config.explanation import find_changes, list_settings
from neat.evolution.history import History
from neat.evolution.result import Result
from neat.genome.genome import Genome
from neat.plot.network import topology
from neat.population import Population
from neat.support.html import table_of_facts, table_of_rows

_LAST = 5  # generations of a history that are shown
_SHOWN = (
    "generation",
    "evaluations",
    "best",
    "mean",
    "best_ever",
    "species",
    "hidden_nodes",
    "enabled_connections",
)


def _draw_genome(
    genome: Genome, input_names: Sequence[str] | None = None, output_names: Sequence[str] | None = None
) -> str:
    """Return the topology as SVG. A notebook gives no names; those of a model are given by `evaluators.Model`."""
    return topology(genome, input_names=input_names, output_names=output_names)._repr_svg_()  # type: ignore[attr-defined]


def _show_config(config: Config) -> str:
    sizes = {f"genome.{name}": str(getattr(config.genome, name)) for name in ("num_inputs", "num_outputs")}
    changes = find_changes(list_settings(Config, defaults_of(config)), config)
    table = table_of_facts("Config, where it differs from the defaults", sizes | changes)
    return f"{table}<details><summary>All settings</summary><pre>{escape(config.to_toml())}</pre></details>"


def _show_history(history: History) -> str:
    rows = history.generations[-_LAST:]
    caption = f"History of {len(history)} generations" + (
        f", the last {_LAST}" if len(history) > _LAST else ""
    )
    names = [name.replace("_", " ") for name in _SHOWN]
    return table_of_rows(caption, names, [[_number(row[name]) for name in _SHOWN] for row in rows])


def _show_result(result: Result) -> str:
    return table_of_facts(
        "Result",
        {
            "solved": "yes" if result.solved else "no",
            "stopped by": result.stopped_by,
            "champion's fitness": _number(result.champion_fitness)
            + (" in new trials" if result.validated else ""),
            "generations": _number(result.generations),
            "evaluations": _number(result.evaluations),
            "champion": repr(result.champion),
        },
    )


def _show_population(population: Population) -> str:
    history = population.history
    rows = {"generation": _number(population.generation), "genomes": _number(len(population.genomes))}
    if len(history):
        rows |= {
            "best fitness so far": _number(population.best_fitness),
            "species": _number(len(history.last_species)),
            "best genome": repr(population.best),
        }
    return table_of_facts("Population", rows)


def _number(value: Any) -> str:
    """Return an integer with separators, or another number with six digits."""
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"


for _class, _name, _show in (
    (Genome, "_repr_svg_", _draw_genome),
    (Config, "_repr_html_", _show_config),
    (History, "_repr_html_", _show_history),
    (Result, "_repr_html_", _show_result),
    (Population, "_repr_html_", _show_population),
):
    setattr(_class, _name, _show)
