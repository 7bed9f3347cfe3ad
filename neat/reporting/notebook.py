"""Define what notebooks show of a genome, a config, a history, a result and a population.

The classes get their `_repr_svg_` and `_repr_html_` here, because the rooms that hold them may not import `neat.plot`.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from neat.config.config import Config
from neat.evolution.history import History
from neat.evolution.result import Result
from neat.genome.genome import Genome
from neat.plot.network import topology
from neat.population import Population

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


def _draw_genome(genome: Genome) -> str:
    return topology(genome)._repr_svg_()  # type: ignore[attr-defined]


def _show_config(config: Config) -> str:
    return f"<pre>{escape(config.to_toml())}</pre>"


def _show_history(history: History) -> str:
    rows = history.generations[-_LAST:]
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in _SHOWN)
    body = "".join(
        "<tr>" + "".join(f"<td>{_number(row[name])}</td>" for name in _SHOWN) + "</tr>" for row in rows
    )
    caption = f"History of {len(history)} generations" + (
        f", the last {_LAST}" if len(history) > _LAST else ""
    )
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"


def _show_result(result: Result) -> str:
    return _table(
        "Result",
        {
            "solved": "yes" if result.solved else "no",
            "champion's fitness": _number(result.champion_fitness),
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
    return _table("Population", rows)


def _table(caption: str, rows: Mapping[str, str]) -> str:
    """Return a table of names and values."""
    body = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items()
    )
    return f"<table><caption>{caption}</caption>{body}</table>"


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
