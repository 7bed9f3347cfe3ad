"""Collect the ancestors of a run's champion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from experiments.runs.reader import RunSoFar
from neat.evolution.lineage import Lineage
from neat.evolution.lineage_tables import Individual
from neat.genome.genome import describe_size
from neat.support.html import table_of_rows

_MOST_ROWS = 300
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
    text = (
        f"It was born in generation {line[0].generation:,}. The line of its primary parents has {len(line):,} "
        f"individuals since generation {line[-1].generation:,}. By both parents it has "
        f"{len(family) - 1:,} ancestors. Crossover made {crossed:,} of these {len(family):,}."
    )
    if len(line) > _MOST_ROWS:
        text += f" The table has the last {_MOST_ROWS} of the line."
    carried = _find_carried(lineage, {each.number for each in line[:_MOST_ROWS]}, names)
    size = run.population.config.population_size
    rows = [list(_describe(each, size, carried)) for each in line[:_MOST_ROWS]]
    born = Counter(each.generation for each in family)
    x = list(range(min(born), max(born) + 1))
    series = [["ancestors", [born.get(generation, 0) for generation in x]]]
    chart = {"x": x, "charts": [{"title": "Ancestors by generation of birth", "series": series}]}
    return Ancestry(text, table_of_rows("", _HEAD, rows), chart)


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
