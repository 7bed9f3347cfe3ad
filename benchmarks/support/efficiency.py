"""Predict how much of their time up to 10,000 workers evaluate, and draw it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from benchmarks.support.chunk_costs import make_genomes
from benchmarks.support.report import seconds
from benchmarks.support.simulated_cluster import Costs, Evaluation, simulate
from neat.plot import style

WORKERS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
COSTS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # seconds of an evaluation
GENOMES_PER_WORKER = 100
ROUND = 10  # generations between two migrations
FILE = Path(__file__).parents[2] / "docs" / "distributed" / "efficiency.svg"


def predict(measured: dict[str, Any], quick: bool) -> list[dict[str, Any]]:
    """Return the share of time in which workers evaluate, for each cost of an evaluation."""
    costs = Costs(**measured["costs"])
    workers = WORKERS[:10] if quick else WORKERS
    rows = [{"seconds": each, "population": [], "islands": []} for each in COSTS]
    for count in workers:
        genomes = make_genomes(1, GENOMES_PER_WORKER * count)
        serial = _interpolate_driver(measured["driver"], len(genomes))
        for row in rows:
            work = GENOMES_PER_WORKER * row["seconds"]  # of a worker in a generation
            spread = simulate(genomes, count, costs, Evaluation(row["seconds"], 0.0)).seconds
            row["population"].append(work / (serial + spread))
            island = measured["island"]
            # The last island begins when the driver has handed out all, and the next round when it has all back.
            row["islands"].append(ROUND * work / (ROUND * work + island["worker"] + count * island["driver"]))
    for row in rows:
        for kind in ("population", "islands"):
            row[f"{kind}_half"] = _find_half(workers, row[kind])
    return rows


def _interpolate_driver(rows: list[dict[str, float]], genomes: int) -> float:
    """Return the seconds of the driver beside its chunks, between those that were measured."""
    sizes = [row["genomes"] for row in rows]
    serial = [sum(row[name] for name in ("breed", "cut", "put", "join")) for row in rows]
    return float(np.exp(np.interp(np.log(genomes), np.log(sizes), np.log(serial))))


def _find_half(workers: tuple[int, ...], efficiency: list[float]) -> float | None:
    """Return the number of workers at which the efficiency falls to a half; None if it does not."""
    below = [place for place, value in enumerate(efficiency) if value < 0.5]
    if not below or below[0] == 0:
        return 0.0 if below else None
    last, first = below[0] - 1, below[0]
    share = (efficiency[last] - 0.5) / (efficiency[last] - efficiency[first])
    return float(workers[last] * (workers[first] / workers[last]) ** share)


def draw(rows: list[dict[str, Any]]) -> None:
    """Draw the efficiency of one population and of islands."""
    with style.style():
        figure = Figure(figsize=(7.4, 3.4), layout="constrained")
        figure.get_layout_engine().set(wspace=0.06)
        both = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, kind, title in zip(
            both, ("population", "islands"), ("one population", "islands, one for each worker"), strict=True
        ):
            axes.set_title(title)
            _draw_lines(axes, rows, kind)
        both[0].set_ylabel("time in which workers evaluate")
        lines, labels = both[0].get_legend_handles_labels()
        figure.legend(lines, labels, title="an evaluation takes", loc="outside upper center", ncols=len(rows))
        FILE.parent.mkdir(exist_ok=True)
        style.save(figure, FILE)


def _draw_lines(axes: Axes, rows: list[dict[str, Any]], kind: str) -> None:
    for number, row in enumerate(reversed(rows)):
        axes.plot(WORKERS, row[kind], label=seconds(row["seconds"]), **style.series_look(number))
    axes.axhline(0.5, color=style.GREY, linewidth=0.6, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(WORKERS[0], WORKERS[-1])
    axes.set_ylim(0, 1)
    axes.set_xlabel("workers, with 100 genomes each")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
