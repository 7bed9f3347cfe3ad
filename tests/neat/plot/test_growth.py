"""The animation of the champions of a run."""

import numpy as np
import pytest
from PIL import Image

import neat
from neat import plot
from neat.plot import champion_growth as module
from neat.plot.network import Scene, draw_network
from tests.support.evolving import BUSY, evolve, make_config


@pytest.fixture(scope="module", params=[True, False], ids=["feed-forward", "recurrent"])
def lineage(request):
    config = make_config(**BUSY).updated(genome={"feed_forward": request.param})
    return evolve(neat.Population(config), 9).lineage


def places(figure):
    """Return the places of the texts at nodes, by text."""
    (axes,) = figure.axes[:1]
    return {text.get_text(): text.get_position() for text in axes.texts if text.get_text().isdigit()}


def test_nodes_stay_where_they_are(lineage):
    genomes = [lineage.champion(generation) for generation in range(9)]
    scene = Scene.of(module.unite(genomes), None, None)
    found = [(draw_network(genome, scene, "caption"), genome) for genome in genomes]
    sizes = {tuple(figure.get_size_inches()) for figure, _ in found}
    assert len(sizes) == 1
    known = {}
    for figure, genome in found:
        shown = places(figure)
        assert set(shown) == {str(node) for node in genome.hidden_ids}
        for node, place in shown.items():
            assert known.setdefault(node, place) == place
    assert len(set(known.values())) == len(known) > 3


def test_the_animation(lineage, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_DPI", 40)
    plot.growth(lineage, tmp_path / "a.gif", output_names=["left", "right"])
    changes = len(np.unique(lineage.champions["genome"]))
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == changes > 3 and picture.info["loop"] == 0
    monkeypatch.setattr(module, "_MOST_FRAMES", 3)
    shown = module.choose_champions(lineage, 3)
    assert len(shown) == 3 and shown[-1]["genome"] == lineage.champions[-1]["genome"]
    plot.growth(lineage, tmp_path / "again.gif")
    plot.growth(lineage, tmp_path / "once more.gif")
    assert (tmp_path / "again.gif").read_bytes() == (tmp_path / "once more.gif").read_bytes()


def test_connections_that_close_a_loop_together():
    def genome(*links):
        nodes = [{"id": k} for k in (1, 2, 3)]
        pairs = [(0, 2), (0, 3), (2, 1), (3, 1), *links]
        connections = [
            {"innovation": k, "source": s, "target": t, "weight": 1.0} for k, (s, t) in enumerate(pairs)
        ]
        return neat.Genome.from_dict(
            {"num_inputs": 1, "num_outputs": 1, "nodes": nodes, "connections": connections}
        )

    first, last = genome((2, 3)), genome((3, 2))
    whole = module.unite([first, last])
    assert {(c["source"], c["target"]) for c in whole.connections} == {(0, 2), (0, 3), (2, 1), (3, 1), (3, 2)}
    draw_network(first, Scene.of(whole, None, None), "an arc from 2 to 3")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda lineage, path: plot.growth(lineage, path / "a.svg"), "path: must end in .gif, got '.*a.svg'"),
        (
            lambda lineage, path: plot.growth(3, path / "a.gif"),
            "lineage: must be the lineage of a run, got 3",
        ),
        (
            lambda lineage, path: plot.growth(neat.Population(make_config()), path / "a.gif"),
            "lineage: must be the lineage of a run, got .*; pass its .lineage",
        ),
        (
            lambda lineage, path: plot.growth(neat.Population(make_config()).lineage, path / "a.gif"),
            "lineage: has no champion before the first generation is finished",
        ),
        (
            lambda lineage, path: plot.growth(lineage, path / "a.gif", output_names=["a"]),
            "output_names: must name each of 2 outputs, got 1 names",
        ),
    ],
)
def test_messages(call, message, lineage, tmp_path):
    with pytest.raises(ValueError, match=f"^{message}"):
        call(lineage, tmp_path)
