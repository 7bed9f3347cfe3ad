"""Collect the ancestors of a run's champion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from experiments.runs.reader import RunSoFar
from neat.evolution.lineage import Lineage
from neat.evolution.lineage_tables import Individual
from neat.genome.genome import describe_size
from neat.support.html import table_of_rows

_MOST_ROWS, _MOST_POINTS = 300, 500
_HEAD = ("born in generation", "genome", "made by", "champion of a generation")


class Ancestry(NamedTuple):
    """Where the champion of a run came from."""

    text: str
    """A summary in sentences."""
    table: str
    """The line of primary parents as HTML, the champion first."""
    chart: dict[str, Any]
    """The number of ancestors by the generation of their birth, as the data of a chart."""


def collect_ancestry(run: RunSoFar, lineage: Lineage, names: dict[int, str]) -> Ancestry:
    """Return the ancestry of the champion of a run; `names` are those of nodes by id.

    Raises:
        ValueError: The lineage does not have the champion.
    """
    line = lineage.ancestors(run.champion)[::-1]
    family = lineage.ancestors(run.champion, both=True)
    crossed = sum(len(each.parents) == 2 for each in family)
    text = f"It was born in generation {line[0].generation:,} without parents."
    if len(line) > 1:
        text = (
            f"It was born in generation {line[0].generation:,}, and has {len(family) - 1:,} ancestors by both parents. "
            f"Crossover made {crossed:,} of these {len(family):,}. The table follows its primary parents: "
            f"{len(line):,} individuals."
        )
    if len(line) > _MOST_ROWS:
        text += f" It shows the last {_MOST_ROWS}."
    carried = _find_carried(lineage, {each.number for each in line[:_MOST_ROWS]}, names)
    size = run.population.config.population_size
    rows = [list(_describe(each, size, carried)) for each in line[:_MOST_ROWS]]
    return Ancestry(text, table_of_rows("", _HEAD, rows), _count_births([each.generation for each in family]))


def _count_births(generations: list[int]) -> dict[str, Any]:
    """Return the number of births by generation as the data of a chart, in groups of generations after a long time."""
    width = 1 + (max(generations) - min(generations)) // _MOST_POINTS
    x = np.arange(min(generations), max(generations) + 1, width)
    counts = np.bincount((np.array(generations) - x[0]) // width, minlength=len(x))
    title = "Ancestors by generation of birth" + (f", {width} generations together" if width > 1 else "")
    return {"x": x.tolist(), "charts": [{"title": title, "series": [["ancestors", counts.tolist()]]}]}


def _describe(individual: Individual, size: int, carried: dict[int, list[str]]) -> Iterator[str]:
    yield f"{individual.generation:,}"
    yield f"{individual.index:,}"
    parents = [f"{number % size:,} of generation {number // size:,}" for number in individual.parents]
    made = ("no parents", "mutation of {}", "{} × {}")[len(parents)].format(*parents)
    new = ", ".join(carried.get(individual.number, []))
    yield f"{made}; first to carry {new}" if new else made
    yield "" if individual.genome is None else describe_size(individual.genome)


def _find_carried(lineage: Lineage, wanted: set[int], names: dict[int, str]) -> dict[int, list[str]]:
    """Return the innovations after generation 0 of which these individuals were the first carriers, as text."""
    rows = lineage.innovations
    carried: dict[int, list[str]] = {}
    chosen = rows[(rows["generation"] > 0) & np.isin(rows["carrier"], list(wanted))]
    for number, _, source, target, carrier in chosen.tolist():
        text = f"{names.get(source, source)} → {names.get(target, target)} ({number})"
        carried.setdefault(carrier, []).append(text)
    return carried
