"""Collect the networks of a run's champions, laid out so that a node keeps its place as they grow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.report.numbers import shorten_numbers
from experiments.runs.reader import RunSoFar
from neat.evolution.lineage import Lineage
from neat.genome.genome import Genome
from neat.plot.champion_growth import choose_champions, unite
from neat.plot.connection_curves import arrow_head, connection_curve
from neat.plot.graph_layout import GraphLayout, lay_out

_STEP, _UNIT, _RADIUS = 1.25, 0.5, 0.13  # inches between layers and between nodes, and of a node
_DPI = 100  # units of the drawing per inch
# Hidden nodes of a layout, and their ratio to those of its smallest genome.
_LEAST_HIDDEN, _MOST_SPARE = 12, 1.5


class Names(NamedTuple):
    """Names of inputs and outputs; None for x0, x1, … and y0, y1, …."""

    inputs: Sequence[str] | None = None
    outputs: Sequence[str] | None = None

    def of_nodes(self, genome: Genome) -> dict[int, str]:
        """Return the names of all nodes by id; those of hidden nodes are their labels."""
        inputs = self.inputs or [f"x{k}" for k in range(genome.num_inputs)]
        outputs = self.outputs or [f"y{k}" for k in range(genome.num_outputs)]
        ends = dict(zip(genome.input_ids, [*inputs, *["bias"] * genome.bias_input], strict=True))
        ends |= dict(zip(genome.output_ids, outputs, strict=True))
        labels = genome.node_labels
        return ends | {node: str(labels[node]) for node in genome.hidden_ids}


class Champion(NamedTuple):
    """A champion to show."""

    generation: int | None
    """The first generation of which it was the champion; None for the champion of the run."""
    fitness: float
    genome: Genome


def list_champions(run: RunSoFar, most: int) -> list[Champion]:
    """Return the champions that differ from the one before, at most `most` of them, and the champion of the run."""
    champions = []
    if run.lineage is not None and most > 0:
        champions = [
            Champion(int(row["generation"]), float(row["fitness"]), run.lineage.champion(row["generation"]))
            for row in choose_champions(run.lineage, most)
        ]
    return [*champions, Champion(None, run.fitness, run.champion)]


def collect_networks(run: RunSoFar, names: Names, most: int) -> dict[str, Any]:
    """Return the drawings of the champions: layouts, and at most `most` networks beside that of the run's champion."""
    champions = list_champions(run, most)
    births = _find_births(run.lineage)
    functions = _Table(lambda node: [node["activation"], node["aggregation"]], "activation", "aggregation")
    layouts: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for part in _split(champions):
        layout = _Layout([champion.genome for champion in part], births)
        shown += [layout.draw(champion, functions) | {"layout": len(layouts)} for champion in part]
        layouts.append(layout.to_data(names))
    return {
        "radius": round(_DPI * _RADIUS),
        "layouts": layouts,
        "functions": functions.rows,
        "champions": shown,
        "last": int(run.history.last["generation"]),
        "leftOut": 0 if run.lineage is None else _count_changes(run.lineage) - (len(champions) - 1),
    }


def _split(champions: list[Champion]) -> list[list[Champion]]:
    """Return parts of the sequence that share a layout: together they have few more hidden nodes than each of them."""
    parts: list[list[Champion]] = []
    together: set[int] = set()
    least = 0
    for champion in champions:
        own = set(champion.genome.hidden_ids)
        together, least = together | own, min(least, len(own))
        if not parts or len(together) > max(_LEAST_HIDDEN, _MOST_SPARE * least):
            parts.append([])
            together, least = own, len(own)
        parts[-1].append(champion)
    return parts


class _Layout:
    """The places of the nodes of several genomes, and the curves of their connections."""

    def __init__(self, genomes: list[Genome], births: dict[Any, int]) -> None:
        self._whole, self._births = unite(genomes), births
        ordered = sorted(self._whole.connections, key=lambda c: abs(c["weight"]))
        known = [(c["source"], c["target"]) for c in ordered]
        self._plan = lay_out(self._whole, known).scale(_STEP, _UNIT)
        self._place = {node: k for k, node in enumerate(self._plan.position)}
        edges = sorted({(c["source"], c["target"]) for genome in genomes for c in genome.connections})
        self._curve = {edge: k for k, edge in enumerate(edges)}
        self._genes = _Table(self._describe_gene, "source", "target", "innovation")

    def _describe_gene(self, c: dict[str, Any]) -> list[Any]:
        # JavaScript's numbers would round innovation numbers of the schemes "pairing" and "hashed".
        return [
            self._curve[c["source"], c["target"]],
            str(c["innovation"]),
            self._births.get(c["innovation"]),
        ]

    def draw(self, champion: Champion, functions: _Table) -> dict[str, Any]:
        """Return the genes of a champion."""
        genome = champion.genome
        return {
            "generation": champion.generation,
            "fitness": shorten_numbers([champion.fitness])[0],
            "nodes": [
                [self._place[n["id"]], *shorten_numbers([n["bias"], n["response"]]), functions.find(n)]
                for n in genome.nodes
            ],
            "connections": [
                [self._genes.find(c), *shorten_numbers([c["weight"]]), int(c["enabled"])]
                for c in genome.connections
            ],
        }

    def to_data(self, names: Names) -> dict[str, Any]:
        """Return the places, the curves, and what is common to the genes of the champions that were drawn."""
        name_of = names.of_nodes(self._whole)
        inputs, hidden = set(self._whole.input_ids), set(self._whole.hidden_ids)
        nodes = [
            {
                "name": name_of[node],
                "kind": "input" if node in inputs else "hidden" if node in hidden else "output",
                "at": [round(_DPI * x), round(_DPI * y)],
                "born": self._births.get(("node", node)) if node in hidden else None,
            }
            for node, (x, y) in self._plan.position.items()
        ]
        curves = [[self._place[s], self._place[t], *_draw_curve(self._plan, s, t)] for s, t in self._curve]
        return {"nodes": nodes, "curves": curves, "genes": self._genes.rows}


class _Table:
    """Distinct rows, each with its position.

    Args:
        make_row: Makes the row of a gene.
        keys: The fields in which genes with different rows differ.
    """

    def __init__(self, make_row: Any, *keys: str) -> None:
        self._make_row, self._keys = make_row, keys
        self._position: dict[tuple[Any, ...], int] = {}
        self.rows: list[list[Any]] = []

    def find(self, gene: dict[str, Any]) -> int:
        """Return the position of the row of a gene, and add the row if it is new."""
        key = tuple(gene[name] for name in self._keys)
        if key not in self._position:
            self._position[key] = len(self.rows)
            self.rows.append(self._make_row(gene))
        return self._position[key]


def _find_births(lineage: Lineage | None) -> dict[Any, int]:
    """Return the generations in which innovation numbers, and nodes as ("node", id), first appeared."""
    births: dict[Any, int] = {}
    for number, generation, source, target, _ in [] if lineage is None else lineage.innovations.tolist():
        births[number] = generation
        for node in (source, target):
            key = "node", node
            births[key] = min(generation, births.get(key, generation))
    return births


def _count_changes(lineage: Lineage) -> int:
    return int(np.count_nonzero(np.diff(lineage.champions["genome"], prepend=-1)))


def _draw_curve(plan: GraphLayout, source: int, target: int) -> list[str]:
    """Return the path of a connection for SVG, and the corners of its arrowhead, which those to the right lack."""
    curve = connection_curve(plan, source, target, _RADIUS)
    (x, y), *rest = np.rint(_DPI * np.asarray(curve.vertices)).astype(int).tolist()
    path = f"M{x} {y}C" + " ".join(f"{x} {y}" for x, y in rest)
    if (source, target) in plan.route:
        return [path, ""]
    corners = np.rint(_DPI * arrow_head(curve, 0.5 * _RADIUS)).astype(int).tolist()
    return [path, " ".join(f"{x},{y}" for x, y in corners)]
