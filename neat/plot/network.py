"""Draw a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neat.genome.genome import Genome
from neat.plot.canvas import Canvas, canvas, check_names, check_place, measure_text, show_name
from neat.plot.connection_curves import arrow_head, connection_curve, extreme_point
from neat.plot.graph_layout import GraphLayout, lay_out
from neat.plot.network_legend import draw_legend, plan_legend, weight_colours
from neat.plot.style import GREY, INK, check_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Curve

_INPUT, _NODE = "#dddddd", "#ffffff"
_PALETTE = ("#fdd49e", "#a8ddb5", "#c6b5e0", "#fbb4c4", "#9fd3e6", "#e6e29a", "#d9b38c", "#b8c4cc")
_LINE = 0.08  # inches of a line of text under a node
_SMALL = 5.5  # points of that text


class _Labels(NamedTuple):
    """What is written at nodes, by their ids."""

    name: dict[int, str]
    """Names of inputs and outputs."""
    function: dict[int, str]
    """Activation, and aggregation unless it is the sum, of all nodes but inputs."""
    bias: dict[int, str]
    """Biases of all nodes but inputs; empty unless they are shown."""

    @classmethod
    def of(cls, genome: Genome, input_names: Any, output_names: Any, biases: bool = False) -> _Labels:
        """Return what is written at the nodes of a genome."""
        nodes = genome.nodes
        functions = {
            node["id"]: node["activation"]
            + ("" if node["aggregation"] == "sum" else f", {node['aggregation']}")
            for node in nodes
        }
        shown = {node["id"]: f"bias {node['bias']:.2g}".replace("-", "−") for node in nodes} if biases else {}
        return cls(_name_ends(genome, input_names, output_names), functions, shown)

    @property
    def functions(self) -> list[str]:
        """The distinct functions."""
        return sorted(set(self.function.values()))

    def text(self, node: int) -> str:
        """Return the lines under a node; a function that all nodes share is in the legend instead."""
        lines = self.function[node].split(", ") if len(self.functions) > 1 else []
        return "\n".join([*lines, *([self.bias[node]] if self.bias else [])])

    @property
    def lines(self) -> int:
        """The largest number of lines under a node."""
        return max(len(self.text(node).splitlines()) for node in self.function)

    @property
    def width(self) -> float:
        """The width of the longest line under a node in inches."""
        lines = {line for node in self.function for line in self.text(node).splitlines()}
        return max((measure_text(line, _SMALL) for line in lines), default=0.0)


class _Drawing(NamedTuple):
    """A network on its way into axes, whose data are inches, y downwards."""

    plan: GraphLayout
    labels: _Labels
    radius: float
    """Radius of a node."""
    with_text: bool
    """Whether functions and biases are written; else colours show the functions."""
    greatest: float
    """The greatest absolute weight, which has the strongest colour."""


def topology(
    genome: Genome,
    path: str | Path | None = None,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    biases: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Draw a network in layers from left to right: inputs, hidden nodes with their ids, outputs.

    The colour and width of a connection show its weight; disabled connections are dashed. The text under a node shows
    its activation, and its aggregation unless that is the sum; if all nodes share them, they are in the legend. Nodes
    that are too close for text have colours instead. Connections that do not go from left to right are arcs with an
    arrowhead. Hashed ids are long; their genomes show the indices of nodes instead.

    Args:
        genome: The genome to draw.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        input_names: A name for each input, without the bias input; by default `x0`, `x1`, ….
        output_names: A name for each output, such as those of classes; by default `y0`, `y1`, ….
        biases: Whether to write the biases under the nodes, if there is room.
        ax: Axes to draw into, instead of a new figure. The network is laid out for the size that they have.

    Returns:
        The figure.

    Raises:
        ValueError: `genome` is not a genome, the names are not text or not as many as inputs or outputs, the path has
            another ending, or `ax` is not a matplotlib Axes or is given together with a path.
    """
    check_kind("genome", genome, Genome)
    check_place(path, ax)
    scene = Scene(genome, _Labels.of(genome, input_names, output_names, biases))
    return draw_network(genome, scene, path=path, ax=ax)


class Scene(NamedTuple):
    """What decides where a network is drawn, and how large."""

    whole: Genome
    """The genome whose nodes and connections are laid out."""
    labels: _Labels
    """What is written at its nodes."""
    room_above: float = 0.0
    """Inches for a caption."""

    @classmethod
    def of(cls, whole: Genome, input_names: Any, output_names: Any) -> Scene:
        """Return a scene with a caption."""
        return cls(whole, _Labels.of(whole, input_names, output_names), 0.25)


def draw_network(
    genome: Genome,
    scene: Scene,
    caption: str = "",
    path: str | Path | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw a genome, whose nodes are all in `scene.whole`, at the places that they have there."""
    whole, labels = scene.whole, scene.labels
    everything = sorted(whole.connections, key=_drawing_order)
    plan = lay_out(whole, [(c["source"], c["target"]) for c in everything])
    available = None if ax is None else np.array(ax.get_window_extent().size) / ax.figure.dpi
    step, unit = _choose_distances(plan, available)
    radius = 0.27 * min(unit, 0.8 * step)
    plan = plan.scale(step, unit)
    connections = sorted(genome.connections, key=_drawing_order)
    curves, own = (
        [connection_curve(plan, c["source"], c["target"], radius) for c in genes]
        for genes in (everything, connections)
    )

    left, right = (_margin(labels, ids, radius) for ids in (whole.input_ids, whole.output_ids))
    x, y = _find_limits(plan, [*curves, *own], (left, step * (plan.layer_count - 1) + right))
    with_text = labels.lines * _LINE <= 0.406 * unit and labels.width <= 1.1 * step
    legend = plan_legend(everything, _legend_entries(labels, with_text), x[1] - x[0])
    y[0] += 0.5 * unit + 0.5 + legend.further_height  # the texts of the lowest node, and the legend
    # The network lies in the middle if the legend or the axes of the caller are larger.
    least = (legend.width, 0) if available is None else np.maximum(available, (legend.width, 0))
    x += np.array([-0.5, 0.5]) * max(0.0, least[0] - (x[1] - x[0]))
    y += np.array([0.5, -0.5]) * max(0.0, least[1] - (y[0] - y[1]))
    y[1] -= scene.room_above
    size = float(x[1] - x[0]), float(y[0] - y[1])
    with canvas(path, ax, size, (0, 0, 0, 0)) as result:
        _set_up_axes(result, x, y)
        drawing = _Drawing(plan, labels, radius, with_text, legend.greatest or 1.0)
        _draw_connections(result.axes, drawing, connections, own)
        _draw_nodes(result.axes, drawing, genome)
        draw_legend(result.axes, legend, size)
        if caption:
            result.axes.text(x[0] + 0.1, y[1] + 0.1, caption, ha="left", va="top", fontsize=8)
    return result.figure


def _drawing_order(connection: dict[str, Any]) -> tuple[bool, float]:
    return connection["enabled"], abs(connection["weight"])


def _find_limits(
    plan: GraphLayout, curves: list[Curve], ends: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the left and right limit, and the lower and upper one; `ends` are how far names reach to both sides."""
    extremes = np.array([extreme_point(curve) for curve in curves]).reshape(-1, 2)
    right = max([ends[1], *(extremes[:, 0] + 0.1)])
    top = min([plan.lowest - 0.2, *extremes[:, 1]]) - 0.1
    return np.array([-ends[0], right]), np.array([plan.highest, top])


def _choose_distances(plan: GraphLayout, available: np.ndarray | None) -> tuple[float, float]:
    """Return the inches between layers, and between nodes of a layer; `available` is the size of given axes."""
    rows, gaps = plan.highest - plan.lowest + 1, plan.layer_count - 1
    if available is not None:
        width, height = available
        return float(np.clip((width - 1.3) / gaps, 0.2, 1.6)), float(
            np.clip((height - 0.6) / rows, 0.08, 0.6)
        )
    unit = float(np.clip(7.0 / rows, 0.22, 0.6))
    return float(np.clip(6.0 / gaps, max(0.9, 1.2 * unit), 1.6)), unit


def _name_ends(genome: Genome, input_names: Any, output_names: Any) -> dict[int, str]:
    """Return the names of inputs and outputs by id."""
    inputs = [f"x{k}" for k in range(genome.num_inputs)]
    if input_names is not None:
        inputs = check_names("input_names", input_names, genome.num_inputs, "inputs")
    outputs = [f"y{k}" for k in range(genome.num_outputs)]
    if output_names is not None:
        outputs = check_names("output_names", output_names, genome.num_outputs, "outputs")
    names = [*inputs, *(["bias"] if genome.bias_input else []), *outputs]
    return dict(zip([*genome.input_ids, *genome.output_ids], map(show_name, names), strict=True))


def _margin(labels: _Labels, ids: list[int], radius: float) -> float:
    """Return the inches beside a layer of inputs or outputs that hold their names."""
    longest = max(measure_text(labels.name[node], _font_size(radius) + 1.5) for node in ids)
    return max(0.65, longest + 1.35 * radius + 0.1)


def _font_size(radius: float) -> float:
    return float(np.clip(72 * radius * 0.62, 3.0, 7.5))


def _legend_entries(labels: _Labels, with_text: bool) -> dict[str, str | None]:
    """Return the legend's texts, each with the colour of nodes that it explains."""
    if len(labels.functions) == 1:
        return {f"all nodes: {labels.functions[0]}": None}
    return {} if with_text else {name: _PALETTE[k % len(_PALETTE)] for k, name in enumerate(labels.functions)}


def _set_up_axes(result: Canvas, x: np.ndarray, y: np.ndarray) -> None:
    axes = result.axes
    axes.set_axis_off()
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    if not result.is_new:
        axes.set_aspect("equal")


def _draw_connections(
    axes: Axes, drawing: _Drawing, connections: list[dict[str, Any]], curves: list[Curve]
) -> None:
    from matplotlib.collections import PathCollection, PolyCollection

    greatest = drawing.greatest
    thin = 1.0 if len(connections) <= 60 else 0.6 if len(connections) <= 250 else 0.4
    thin *= min(1.0, drawing.radius / 0.08)
    colours = weight_colours()(np.array([0.5 + 0.5 * c["weight"] / greatest for c in connections]))
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
            if (connections[k]["source"], connections[k]["target"]) not in drawing.plan.route:
                heads.append(arrow_head(curves[k], 0.4 * drawing.radius + 0.012 * width))
                head_colours.append(stroke)
    axes.add_collection(
        PolyCollection(heads, facecolors=head_colours, linewidths=0, zorder=2.5), autolim=False
    )


def _draw_nodes(axes: Axes, drawing: _Drawing, genome: Genome) -> None:
    """Draw nodes and what is written at them."""
    from matplotlib.collections import EllipseCollection

    plan, labels, radius, with_text, _ = drawing
    outputs = genome.output_ids
    colour_of = _legend_entries(labels, with_text)
    nodes = [*genome.input_ids, *outputs, *genome.hidden_ids]
    faces = [
        (colour_of.get(labels.function[node]) or _NODE) if node in labels.function else _INPUT
        for node in nodes
    ]
    circles = EllipseCollection(
        [2 * radius] * len(nodes),
        [2 * radius] * len(nodes),
        [0.0] * len(nodes),
        units="xy",
        offsets=[plan.position[node] for node in nodes],
        offset_transform=axes.transData,
        facecolors=faces,
        edgecolors=INK,
        linewidths=[(1.2 if node in outputs else 0.7) * min(1.0, radius / 0.1) for node in nodes],
        zorder=3,
    )
    axes.add_collection(circles, autolim=False)

    size, label_of = _font_size(radius), genome.node_labels
    for node in nodes:
        x, y = plan.position[node]
        if node in labels.name:
            end, side = (1, "left") if node in outputs else (-1, "right")
            look: Any = {"ha": side, "va": "center", "fontsize": size + 1.5, "parse_math": False}
            axes.text(x + end * 1.35 * radius, y, labels.name[node], **look)
        else:
            text = str(label_of[node])
            small = size * min(1.0, 3.2 / len(text))
            axes.text(x, y, text, ha="center", va="center", fontsize=small, zorder=4)
        if with_text and node in labels.function and (text := labels.text(node)):
            # A halo around the letters would turn the text of an SVG into curves.
            back = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.3}
            axes.text(
                x, y + 1.2 * radius, text,
                ha="center", va="top", fontsize=_SMALL, linespacing=0.95, zorder=4, bbox=back,
            )  # fmt: skip
