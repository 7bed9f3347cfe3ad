"""What notebooks show, and histories as data frames."""

import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import neat
from neat import plot
from neat.evolution.history import History
from tests.support.drawn import genome, history


def cells(shown):
    """Return the texts of each row of a table."""
    return [["".join(cell.itertext()) for cell in row] for row in ElementTree.fromstring(shown).iter("tr")]


def test_a_genome_shows_its_topology():
    one = genome(2, 1, 5)
    assert one._repr_svg_() == plot.topology(one)._repr_svg_()


def test_a_config_shows_its_settings():
    config = neat.Config(
        genome={
            "num_inputs": 2,
            "num_outputs": 1,
            "activation_options": ["tanh", "sin"],
            "activation": "sin",
        },
        seed=77,
    )
    tree = ElementTree.fromstring(f"<div>{config._repr_html_()}</div>")
    assert neat.Config.from_toml(tree.find(".//pre").text) == config
    assert {row[0].text: row[1].text for row in tree.iter("tr")} == {
        "seed": "77",
        "genome.num_inputs": "2",
        "genome.num_outputs": "1",
        "genome.activation": "sin",
        "genome.activation_options": "tanh, sin",
    }


def test_a_history_shows_its_last_generations():
    head, *rows = cells(history(np.arange(8.0))._repr_html_())
    assert [row[0] for row in rows] == ["3", "4", "5", "6", "7"]
    assert rows[-1][head.index("best ever")] == "7"
    assert len(cells(History()._repr_html_())) == 1


def test_a_population_and_its_result_show_their_numbers():
    population = neat.Population(neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, population_size=10))
    assert dict(cells(population._repr_html_())) == {"generation": "0", "genomes": "10"}
    result = population.run(lambda genomes: np.arange(10.0) - 0.5, 3)
    shown = dict(cells(result._repr_html_()))
    assert shown == {
        "solved": "no",
        "stopped by": "generations",
        "champion's fitness": "8.5",
        "generations": "3",
        "evaluations": "30",
        "champion": repr(result.champion),
    }
    shown = dict(cells(population._repr_html_()))
    assert shown["best fitness so far"] == "8.5" and shown["best genome"] == repr(population.best)
    assert shown["species"] == str(len(population.history.last_species))


def test_a_history_as_a_data_frame():
    pytest.importorskip("pandas")
    some = history([1.0, 3.0, 2.0])
    frame = some.to_pandas()
    assert frame.index.name == "generation" and frame["best_ever"].tolist() == [1.0, 3.0, 3.0]
    assert [frame.index.name, *frame.columns] == list(some.generations.dtype.names)
    assert len(History().to_pandas()) == 0


def test_the_data_frames_of_several_runs_can_be_joined():
    pandas = pytest.importorskip("pandas")
    histories = {seed: history([1.0 + seed, 3.0, 2.0][: seed + 1]) for seed in range(3)}
    frame = pandas.concat({seed: each.to_pandas() for seed, each in histories.items()}, names=["seed"])
    assert frame.index.names == ["seed", "generation"]
    assert frame.groupby("seed")["best"].max().tolist() == [1.0, 3.0, 3.0]
    assert frame["best"].unstack("seed").shape == (3, 3)  # a column for each run, NaN where it has ended
    one = histories[0].to_pandas()
    one["best"] = 0.0
    assert histories[0].generations["best"].tolist() == [1.0], "a frame is a copy"


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"^to_pandas needs pandas: pip install 'batchneat\[pandas\]'$"):
        history([1.0]).to_pandas()
