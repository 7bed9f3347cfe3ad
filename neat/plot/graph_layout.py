"""Compute the positions of nodes and connections in a figure: layers from left to right (Sugiyama 1981).

A connection that passes layers gets its own place in each of them, so that it goes around nodes, not through them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from neat.genome.genome import Genome

Edge = tuple[int, int]
# A node's id, or (source, target, layer) where a connection passes a layer.
Place = int | tuple[int, int, int]

_SWEEPS = 12
_MOST_PLACES = 4000  # if a network would need more, its connections are drawn straight
_GAP = {0: 0.3, 1: 0.6, 2: 1.0}  # between neighbours in a layer, by the number of nodes among the two
_CLOSE_GAP = {0: 0.08, 1: 0.5, 2: 1.0}  # used instead of _GAP if many connections pass layers


class GraphLayout(NamedTuple):
    """Positions: x is the number of the layer; y points down, and nodes of a layer are at least 1 apart."""

    position: dict[int, tuple[float, float]]
    """Position of each node by id."""
    route: dict[Edge, list[tuple[float, float]]]
    """Points that each connection from left to right passes, both ends included, by (source, target)."""
    layer_count: int

    @property
    def lowest(self) -> float:
        """The least y."""
        return min(y for _, y in self._points())

    @property
    def highest(self) -> float:
        """The greatest y."""
        return max(y for _, y in self._points())

    def _points(self) -> list[tuple[float, float]]:
        return [*self.position.values(), *(point for points in self.route.values() for point in points)]

    def scale(self, width: float, height: float) -> GraphLayout:
        """Return a copy with a distance of `width` between layers and of `height` between nodes of a layer."""
        return GraphLayout(
            {node: (x * width, y * height) for node, (x, y) in self.position.items()},
            {edge: [(x * width, y * height) for x, y in points] for edge, points in self.route.items()},
            self.layer_count,
        )


def lay_out(genome: Genome, edges: Sequence[Edge]) -> GraphLayout:
    """Place the nodes of `genome` and route its connections, given as `edges` of (source, target) ids."""
    layer = _assign_layers(genome, edges)
    layer_count = max(layer.values()) + 1
    forward = [(s, t) for s, t in edges if layer[s] < layer[t]]
    places = sum(layer[t] - layer[s] - 1 for s, t in forward)
    through = places <= _MOST_PLACES

    columns: list[list[Place]] = [[] for _ in range(layer_count)]
    for node in sorted(layer):
        columns[layer[node]].append(node)
    chains: dict[Edge, list[Place]] = {}
    for s, t in forward:
        middle = [(s, t, k) for k in range(layer[s] + 1, layer[t])] if through else []
        for place in middle:
            columns[place[2]].append(place)
        chains[s, t] = [s, *middle, t]

    left: dict[Place, list[Place]] = defaultdict(list)
    right: dict[Place, list[Place]] = defaultdict(list)
    for chain in chains.values():
        for a, b in pairwise(chain):
            right[a].append(b)
            left[b].append(a)

    _reduce_crossings(columns, left, right)
    y = _place_vertically(columns, left, right, _GAP if places <= 300 else _CLOSE_GAP)
    position = {node: (float(layer[node]), y[node]) for node in layer}
    route = {
        edge: [(float(layer[p] if isinstance(p, int) else p[2]), y[p]) for p in chain]
        for edge, chain in chains.items()
    }
    return GraphLayout(position, route, layer_count)


def _assign_layers(genome: Genome, edges: Sequence[Edge]) -> dict[int, int]:
    """Return each node's layer: the longest path from an input, or the shortest in a recurrent genome."""
    import networkx as nx

    inputs, outputs = genome.input_ids, set(genome.output_ids)
    graph = nx.DiGraph()
    graph.add_nodes_from([*inputs, *genome.output_ids, *genome.hidden_ids])
    graph.add_edges_from((s, t) for s, t in edges if s not in outputs and s != t)
    for node in genome.hidden_ids:
        if graph.in_degree(node) == 0:
            graph.add_edge(inputs[0], node)  # so that the first layer contains only inputs

    find = nx.topological_generations if genome.feed_forward else lambda g: nx.bfs_layers(g, inputs)
    layer = {node: k for k, nodes in enumerate(find(graph)) for node in nodes}
    hidden = {node: layer.get(node, 1) for node in genome.hidden_ids}
    last = max(hidden.values(), default=0) + 1
    return {**dict.fromkeys(inputs, 0), **hidden, **dict.fromkeys(outputs, last)}


def _reduce_crossings(columns: list[list[Place]], left: dict, right: dict) -> None:
    """Sort the inner layers by barycentres, so that fewer connections cross."""
    rank = {place: k / max(len(column) - 1, 1) for column in columns for k, place in enumerate(column)}
    inner = range(1, len(columns) - 1)
    for sweep in range(_SWEEPS):
        neighbours = left if sweep % 2 == 0 else right
        for index in inner if sweep % 2 == 0 else reversed(inner):
            column = columns[index]
            centre = {p: _mean([rank[q] for q in neighbours[p] or [p]]) for p in column}
            column.sort(key=lambda place: centre[place])
            for k, place in enumerate(column):
                rank[place] = (k + 0.5) / len(column)


def _place_vertically(columns: list[list[Place]], left: dict, right: dict, gap: dict) -> dict[Place, float]:
    """Return heights close to those of neighbours that keep the order and the gaps of each column."""
    offsets = []
    y: dict[Place, float] = {}
    for column in columns:
        nodes = [isinstance(place, int) for place in column]
        gaps = [gap[a + b] for a, b in pairwise(nodes)]
        offset = np.cumsum([0.0, *gaps])
        offsets.append(offset)
        y.update(zip(column, (offset - offset[-1] / 2).tolist(), strict=True))
    for sweep in range(_SWEEPS):
        order = list(zip(columns, offsets, strict=True))[1:]
        for column, offset in order if sweep % 2 == 0 else reversed(order):
            wanted = [_mean([y[q] for q in left[p] + right[p] or [p]]) for p in column]
            y.update(
                zip(column, (_fit_nondecreasing(np.array(wanted) - offset) + offset).tolist(), strict=True)
            )
    return y


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _fit_nondecreasing(values: np.ndarray) -> np.ndarray:
    """Return the least-squares fit to `values` that never decreases (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for value in values.tolist():
        total, size = value, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / size:
            before = blocks.pop()
            total, size = total + before[0], size + before[1]
        blocks.append((total, size))
    return np.concatenate([np.full(size, total / size) for total, size in blocks])
