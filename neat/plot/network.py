"""Draw a network."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.genome.genome import Genome
from neat.plot.graph_layout import GraphLayout, lay_out
from neat.plot.style import BLUE, GREY, INK, ORANGE, check_kind, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Curve

Point = tuple[float, float]

_INPUT, _HIDDEN, _OUTPUT = "#dddddd", "#ffffff", "#ffffff"
_PALETTE = ("#fdd49e", "#a8ddb5", "#c6b5e0", "#fbb4c4", "#9fd3e6", "#e6e29a", "#d9b38c", "#b8c4cc")
_SPACING_FOR_TEXT = 0.4  # inches between nodes; text does not fit below this


def topology(genome: Genome, path: str | Path) -> None:
    """Draw a network in layers from left to right: inputs `x0 …` and `bias`, outputs `y0 …`, hidden nodes with ids.

    The colour and width of a connection show its weight; disabled connections are dashed. The label of a node shows
    its activation, and its aggregation unless that is the sum. Nodes that are too close for labels have colours
    instead. Connections that do not go from left to right are arcs with an arrowhead.

    Args:
        genome: The genome to draw.
        path: The file to write; its ending (svg, pdf, png) selects the format.

    Raises:
        ValueError: `genome` is not a genome, or the path has another ending.
    """
    check_kind("genome", genome, Genome)
    with style():
        save(_draw(genome), path)


def _draw(genome: Genome) -> Figure:
    from matplotlib.figure import Figure

    connections = sorted(genome.connections, key=lambda c: (c["enabled"], abs(c["weight"])))
    plan = lay_out(genome, [(c["source"], c["target"]) for c in connections])
    rows = plan.highest - plan.lowest + 1
    unit = float(np.clip(7.0 / rows, 0.22, 0.6))  # inches between nodes of a layer, then between layers
    step = float(np.clip(6.0 / (plan.layer_count - 1), max(0.9, 1.2 * unit), 1.6))
    radius = 0.27 * unit
    plan = plan.scale(step, unit)
    curves = [_curve(plan, c["source"], c["target"], radius) for c in connections]

    top = min([plan.lowest - radius, *(_highest_point(curve) for curve in curves)]) - 0.1
    bottom = plan.highest + 0.5 * unit + 0.5
    width = step * (plan.layer_count - 1) + 1.3
    figure = Figure(figsize=(width, bottom - top))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-0.65, width - 0.65)  # data are inches, y downwards
    axes.set_ylim(bottom, top)

    greatest = max((abs(c["weight"]) for c in connections), default=0.0) or 1.0
    _draw_connections(axes, connections, curves, plan, radius, greatest)
    entries = _draw_nodes(axes, genome, plan, radius, unit >= _SPACING_FOR_TEXT)
    _draw_legend(figure, entries, connections, greatest)
    return figure


def _draw_connections(
    axes: Axes,
    connections: list[dict[str, Any]],
    curves: list[Curve],
    plan: GraphLayout,
    radius: float,
    greatest: float,
) -> None:
    from matplotlib.collections import PathCollection, PolyCollection

    thin = 1.0 if len(connections) <= 60 else 0.6 if len(connections) <= 250 else 0.4
    colours = _weight_colours()(np.array([0.5 + 0.5 * c["weight"] / greatest for c in connections]))
    heads, head_colours = [], []
    for enabled in (False, True):
        chosen = [k for k, c in enumerate(connections) if c["enabled"] is enabled]
        relative = [abs(connections[k]["weight"]) / greatest for k in chosen]
        widths = [thin * (0.5 + 2.5 * size if enabled else 0.7) for size in relative]
        strokes = colours[chosen] if enabled else [GREY] * len(chosen)
        collection = PathCollection(
            [curves[k] for k in chosen],
            facecolors="none",
            edgecolors=strokes,
            linewidths=widths,
            linestyles=["solid" if enabled else (0, (3, 2))],
            zorder=1 + enabled,
        )
        axes.add_collection(collection, autolim=False)
        for k, width, stroke in zip(chosen, widths, strokes, strict=True):
            if (connections[k]["source"], connections[k]["target"]) not in plan.route:
                heads.append(_arrow_head(curves[k], 0.4 * radius + 0.012 * width))
                head_colours.append(stroke)
    axes.add_collection(
        PolyCollection(heads, facecolors=head_colours, linewidths=0, zorder=2.5), autolim=False
    )


def _draw_nodes(
    axes: Axes, genome: Genome, plan: GraphLayout, radius: float, with_text: bool
) -> dict[str, str]:
    """Draw nodes and labels; return the legend's colours by function, or {} if text replaces them."""
    from matplotlib.collections import EllipseCollection
    from matplotlib.patheffects import withStroke

    outputs = genome.output_ids
    labels = {node: f"x{k}" for k, node in enumerate(genome.input_ids)}
    if genome.bias_input:
        labels[genome.input_ids[-1]] = "bias"
    functions = {
        node["id"]: node["activation"] + ("" if node["aggregation"] == "sum" else f"\n{node['aggregation']}")
        for node in genome.nodes
    }
    distinct = sorted(set(functions.values()))
    colour_of = {name: _PALETTE[k % len(_PALETTE)] for k, name in enumerate(distinct)}
    face = {node: colour_of[name] for node, name in functions.items()}
    if with_text:
        face = dict.fromkeys(functions, _HIDDEN)
    nodes = list(plan.position)
    diameters = [2 * radius] * len(nodes)
    circles = EllipseCollection(
        diameters,
        diameters,
        [0.0] * len(nodes),
        units="xy",
        offsets=[plan.position[node] for node in nodes],
        offset_transform=axes.transData,
        facecolors=[face.get(node, _INPUT) for node in nodes],
        edgecolors=INK,
        linewidths=[(1.2 if node in outputs else 0.7) * min(1.0, radius / 0.1) for node in nodes],
        zorder=3,
    )
    axes.add_collection(circles, autolim=False)

    size = float(np.clip(72 * radius * 0.62, 3.0, 7.5))
    for node, (x, y) in plan.position.items():
        if node in labels:
            axes.text(x - 1.35 * radius, y, labels[node], ha="right", va="center", fontsize=size + 1.5)
            continue
        if node in outputs:
            name = f"y{outputs.index(node)}"
            axes.text(x + 1.35 * radius, y, name, ha="left", va="center", fontsize=size + 1.5)
        else:
            small = size if node < 1000 else size * 3.2 / len(str(node))
            axes.text(x, y, str(node), ha="center", va="center", fontsize=small, zorder=4)
        if with_text:
            halo = [withStroke(linewidth=1.6, foreground="white")]
            axes.text(
                x, y + 1.2 * radius, functions[node],
                ha="center", va="top", fontsize=5.5, linespacing=0.95, zorder=4, path_effects=halo,
            )  # fmt: skip
    return {} if with_text else colour_of


def _draw_legend(
    figure: Figure, entries: dict[str, str], connections: list[dict[str, Any]], greatest: float
) -> None:
    """Draw the legend in a line under the network: weights, disabled connections, functions by colour."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    if connections:
        bar = figure.add_axes((0.55 / width, 0.27 / height, 0.9 / width, 0.07 / height))
        figure.colorbar(
            ScalarMappable(Normalize(-greatest, greatest), _weight_colours()), bar, orientation="horizontal"
        )
        bar.set_xticks([-greatest, 0, greatest], [f"−{greatest:.3g}", "0", f"{greatest:.3g}"], fontsize=5.5)
        bar.tick_params(length=1.5, pad=1)
        figure.text(0.5 / width, 0.3 / height, "weight", fontsize=6, ha="right", va="center")
    dot: dict[str, Any] = {
        "marker": "o",
        "color": "none",
        "markeredgecolor": INK,
        "markeredgewidth": 0.5,
        "markersize": 5,
    }
    handles = [
        Line2D([], [], **dot, markerfacecolor=colour, label=name.replace("\n", ", "))
        for name, colour in entries.items()
    ]
    if not all(c["enabled"] for c in connections):
        handles.insert(0, Line2D([], [], color=GREY, linewidth=0.7, linestyle=(0, (3, 2)), label="disabled"))
    columns = max(1, int((width - 1.7) / 0.75))
    figure.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1.65 / width, 0.3 / height),
        ncols=columns,
        fontsize=6,
        borderpad=0,
        handlelength=1.6,
        columnspacing=1.0,
    )


def _weight_colours() -> Colormap:
    """Return a map from orange (negative) over a grey that is visible on white to blue (positive)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("weight", [ORANGE, "#c9c9c9", BLUE])


def _curve(plan: GraphLayout, source: int, target: int, radius: float) -> Curve:
    if (source, target) in plan.route:
        return _forward_curve(plan.route[source, target], radius)
    return _arc(plan.position[source], plan.position[target], radius)


def _highest_point(curve: Curve) -> float:
    """Return the least y of a curve: it stays within three quarters of the way to its control points."""
    heights = np.asarray(curve.vertices)[:, 1]
    return float(heights[0] + 0.75 * (heights.min() - heights[0]))


def _forward_curve(points: list[Point], radius: float) -> Curve:
    """Return a smooth curve through the points, horizontal at each, between the edges of the end nodes."""
    from matplotlib.path import Path as Curve

    (x0, y0), (x1, y1) = points[0], points[-1]
    points = [(x0 + radius, y0), *points[1:-1], (x1 - radius, y1)]
    vertices = [points[0]]
    for (xa, ya), (xb, yb) in pairwise(points):
        reach = 0.45 * (xb - xa)
        vertices += [(xa + reach, ya), (xb - reach, yb), (xb, yb)]
    return Curve(vertices, [Curve.MOVETO] + [Curve.CURVE4] * (len(vertices) - 1))


def _arc(source: Point, target: Point, radius: float) -> Curve:
    """Return an arc over the nodes, for a self-loop or a connection within a layer or backwards."""
    from matplotlib.path import Path as Curve

    (xs, ys), (xt, yt) = source, target
    if source == target:
        side, top = 0.7 * radius, 0.72 * radius
        vertices = [(xs - side, ys - top), (xs - 3 * side, ys - 4 * top), (xs + 3 * side, ys - 4 * top),
                    (xs + side, ys - top)]  # fmt: skip
    elif abs(xs - xt) < radius:
        bulge = 0.25 + 0.25 * abs(yt - ys)
        lean = 0.7 * radius * np.sign(yt - ys)
        vertices = [(xs + 0.7 * radius, ys + lean), (xs + bulge, ys + 2 * lean), (xt + bulge, yt - 2 * lean),
                    (xt + 0.7 * radius, yt - lean)]  # fmt: skip
    else:
        rise = 0.25 + 0.22 * abs(xs - xt)
        vertices = [(xs, ys - radius), (xs, ys - rise), (xt, yt - rise), (xt, yt - radius)]
    return Curve(vertices, [Curve.MOVETO] + [Curve.CURVE4] * 3)


def _arrow_head(curve: Curve, size: float) -> np.ndarray:
    """Return the three corners of an arrowhead at the end of `curve`."""
    before, end = np.asarray(curve.vertices)[-2:]
    along = (end - before) / max(float(np.hypot(*(end - before))), 1e-9) * size
    across = np.array([-along[1], along[0]]) * 0.6
    return np.array([end, end - 1.8 * along + across, end - 1.8 * along - across])
