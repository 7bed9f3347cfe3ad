"""Collect the curves of a run, and the sizes of its species over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.report.numbers import choose_rows, shorten_numbers
from neat.evolution.history import History
from neat.evolution.lineage import Lineage

_MOST_COLUMNS = 150  # generations in the chart of species
# Titles, and the columns of metrics.csv with the names of their lines.
_CHARTS = (
    ("Fitness", {"best_ever": "best so far", "best": "best", "median": "median", "mean": "mean"}),
    ("Species", {"species": "species alive"}),
    ("Compatibility threshold", {"threshold": "threshold"}),
    (
        "Mean size of a genome",
        {
            "hidden_nodes": "hidden nodes",
            "connections": "connections",
            "enabled_connections": "enabled connections",
        },
    ),
    ("Innovation numbers given", {"innovations": "innovations"}),
    ("Invalid genomes", {"invalid": "invalid"}),
)


def collect_curves(history: History) -> dict[str, Any]:
    """Return the charts of a run: their titles and lines, over the same generations."""
    rows = history.generations[choose_rows(len(history))]
    charts = [
        {"title": title, "series": [[name, shorten_numbers(rows[column])] for column, name in lines.items()]}
        for title, lines in _CHARTS
        if _is_known(title, rows)
    ]
    return {"x": shorten_numbers(rows["generation"]), "charts": charts}


def _is_known(title: str, rows: np.ndarray) -> bool:
    """Whether there is something to draw: invalid genomes, and counted innovations."""
    shown = {"Invalid genomes": rows["invalid"] > 0, "Innovation numbers given": rows["innovations"] >= 0}
    return bool(shown[title].any()) if title in shown else True


def collect_species(history: History, lineage: Lineage | None) -> dict[str, Any]:
    """Return the sizes of all species over time, in the order in which they were founded.

    The data of a species are its number, the generation in which it was founded, the species of its founder's parent or
    None, the position of its first size on the horizontal axis, and its sizes.
    """
    chosen = history.generations["generation"][choose_rows(len(history), _MOST_COLUMNS)]
    rows = history.species[np.isin(history.species["generation"], chosen)]
    column = np.searchsorted(chosen, rows["generation"])
    parents = {} if lineage is None else dict(lineage.species[["species", "parent"]].tolist())
    series = []
    order = np.argsort(rows["id"], kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(rows["id"][order])) + 1):
        first = rows[own[0]]
        number, since = int(first["id"]), int(first["generation"] - first["age"])
        parent = parents.get(number, -1)
        # A species lives without a break.
        sizes = rows["size"][own].tolist()
        series.append([number, since, None if parent < 0 else parent, int(column[own[0]]), sizes])
    return {"x": chosen.tolist(), "series": series}
