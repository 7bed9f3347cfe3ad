"""Animate how the champion of a run grew."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neat.evolution.lineage import Lineage
from neat.genome.genome import Genome
from neat.plot.network import Scene, draw_network
from neat.plot.style import render, style
from neat.support.files import as_path, write_atomically
from neat.support.messages import quote

_MOST_FRAMES = 60
_DPI = 110
_COLOURS = 192
_SAMPLES = 10  # frames whose colours make the palette of all
_DURATION, _LAST_FRAME = 9000, 2500  # ms, of the animation and of its last frame
_LEAST_FRAME, _MOST_FRAME = 120, 700  # ms


def growth(
    lineage: Lineage,
    path: str | Path,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
) -> None:
    """Write a GIF of the champions of a run, generation by generation.

    A node has the same place in all frames. There is a frame for each change of the champion, or for a selection if
    there are more than 60. The colours of weights have one scale.

    Args:
        lineage: The lineage of a run, `result.lineage`.
        path: The file to write; it ends in .gif.
        input_names: A name for each input, without the bias input; by default `x0`, `x1`, ….
        output_names: A name for each output; by default `y0`, `y1`, ….

    Raises:
        ValueError: `lineage` is not one or has no champion yet, the path has another ending, or the names are not text
            or not as many as inputs or outputs.
    """
    if not isinstance(lineage, Lineage):
        hint = "; pass its .lineage" if hasattr(lineage, "lineage") else ""
        raise ValueError(f"lineage: must be the lineage of a run, got {quote(lineage)}{hint}")
    if as_path(path).suffix.lower() != ".gif":
        raise ValueError(f"path: must end in .gif, got {quote(str(path))}")
    shown = choose_champions(lineage, _MOST_FRAMES)
    genomes = [lineage.champion(row["generation"]) for row in shown]
    scene = Scene.of(unite(genomes), input_names, output_names)
    pictures = []
    for row, genome in zip(shown, genomes, strict=True):
        caption = f"generation {row['generation']}   fitness {row['fitness']:.4g}".replace("-", "−")
        with style():
            pictures.append(render(draw_network(genome, scene, caption), "png", _DPI))
    write_atomically(path, _to_gif(pictures))


def _to_gif(pictures: list[bytes]) -> bytes:
    """Return a GIF of PNG pictures, which share a palette, so that colours do not flicker."""
    from PIL import Image

    frames = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
    samples = [np.asarray(frame) for frame in frames[:: -(len(frames) // _SAMPLES + 1)]]
    palette = Image.fromarray(np.concatenate(samples)).quantize(_COLOURS)
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    # Pillow compares six bits of each channel, and would take a white background for 252.
    colours[colours.min(axis=1) >= 248] = 255
    palette.putpalette(colours.ravel().tolist())
    first, *others = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    time = int(np.clip(_DURATION / len(frames), _LEAST_FRAME, _MOST_FRAME))
    durations = [time] * len(others) + [_LAST_FRAME]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return file.getvalue()


def choose_champions(lineage: Lineage, most: int) -> np.ndarray:
    """Return the rows of the champions that differ from the one before, at most `most` of them, the last included."""
    champions = lineage.champions
    if len(champions) == 0:
        raise ValueError("lineage: has no champion before the first generation is finished")
    changed = champions[np.diff(champions["genome"], prepend=-1) != 0]
    count = min(len(changed), most)
    return changed[np.linspace(0, len(changed) - 1, count).round().astype(int)]


def unite(genomes: list[Genome]) -> Genome:
    """Return a genome with the nodes and connections of all; each connection has its greatest weight.

    Feed-forward genomes can have connections that would together close a loop; it then lacks those of earlier ones.
    """
    import networkx as nx

    nodes: dict[int, dict[str, Any]] = {}
    connections: dict[tuple[int, int], dict[str, Any]] = {}
    graph = nx.DiGraph()
    for genome in reversed(genomes):
        nodes = {node["id"]: node for node in genome.nodes} | nodes
        graph.add_nodes_from([*genome.input_ids, *nodes])
        for gene in genome.connections:
            ends = gene["source"], gene["target"]
            known = connections.get(ends, gene)
            if ends not in connections and genome.feed_forward and nx.has_path(graph, *reversed(ends)):
                continue
            graph.add_edge(*ends)
            weight = max(known["weight"], gene["weight"], key=abs)
            connections[ends] = {**gene, "weight": weight, "enabled": known["enabled"] and gene["enabled"]}
    genes = [{**gene, "innovation": k} for k, gene in enumerate(connections.values())]
    return Genome.from_dict({**genomes[-1].to_dict(), "nodes": list(nodes.values()), "connections": genes})
