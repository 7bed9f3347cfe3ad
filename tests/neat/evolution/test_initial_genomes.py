"""The first population: what it holds, what it needs of memory, and what is refused before any is taken."""

import tracemalloc

import numpy as np
import pytest

import neat
from neat.evolution import initial_genomes
from neat.evolution.innovation import make_scheme
from tests.support.evolving import make_config


def config(population_size=2, num_inputs=2, num_outputs=1, **genome):
    sizes = {"num_inputs": num_inputs, "num_outputs": num_outputs, **genome}
    return neat.Config(genome=sizes, population_size=population_size)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"hidden_layers": (30_000, 30_000)}, "2 inputs through 30,000 through 30,000 to 1 outputs need"),
        ({"num_inputs": 2**24 - 1, "num_outputs": 2**24 - 1}, "16,777,215 inputs to 16,777,215 outputs need"),
        ({"hidden_layers": (2**23,) * 9}, "through 8,388,608 … to 1 outputs need"),
        (
            {"population_size": 2**31 - 1},
            "^population_size: 2,147,483,647 genomes with 2 inputs to 1 outputs need",
        ),
        (
            {"population_size": 2**31 - 1, "initial_connections": "none"},
            "genomes with 2 inputs to 1 outputs need",
        ),
        (
            {"hidden_layers": (200_000, 200_000), "initial_connections": "partial", "initial_rate": 1e-6},
            "through 200,000 through 200,000 to 1 outputs need",
        ),
    ],
)
def test_more_than_memory_holds_is_refused_before_it_is_taken(values, named):
    wanted = config(**values)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=named) as caught:
            neat.Population(wanted)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
    assert "GiB, more than the" in str(caught.value)


@pytest.mark.parametrize("limit", ["container", "process"])
def test_the_smallest_limit_counts(monkeypatch, tmp_path, limit):
    wanted = config(100_000, num_inputs=50, num_outputs=50)
    if limit == "container":
        (tmp_path / "memory.max").write_text("1000000000\n")
        (tmp_path / "other").write_text("max\n")
        paths = (tmp_path / "memory.max", tmp_path / "other", tmp_path / "none")
        monkeypatch.setattr(initial_genomes, "_CONTAINER_LIMITS", paths)
    else:
        resource = pytest.importorskip("resource")
        monkeypatch.setattr(resource, "getrlimit", lambda which: (10**9, -1))
    with pytest.raises(ValueError, match=r"need 17\.7 GiB, more than the 0\.9 that this process can have"):
        neat.Population(wanted)


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_layers": (400, 400)},
        {"hidden_layers": (400, 400), "initial_connections": "partial", "initial_rate": 0.01},
        {"population_size": 20_000},
        {"population_size": 200, "num_inputs": 30, "num_outputs": 30},
    ],
    ids=range(4),
)
def test_the_need_that_is_stated_is_one_that_suffices(values):
    wanted = config(**values)
    neat.Population(config())  # compiled
    tracemalloc.start()
    try:
        neat.Population(wanted)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.15 * initial_genomes._needed_bytes(wanted) < taken < initial_genomes._needed_bytes(wanted) + 1e5


def test_layers_without_connections_take_no_memory_for_them():
    wanted = config(hidden_layers=(30_000, 30_000), initial_connections="none")
    neat.Population(config())
    tracemalloc.start()
    try:
        population = neat.Population(wanted)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert len(population.genomes.arrays.connection_weight) == 0
    assert len(population.genomes[1].hidden_ids) == 60_000
    population.genomes.check()


def test_links_of_small_layers_are_numbered_though_none_exists():
    """As always, so that runs from the same seed stay the same: a link found later gets the number of its place."""
    wanted = config(hidden_layers=(3,), initial_connections="none")
    innovations = make_scheme(wanted)
    initial_genomes.make_initial_genomes(wanted, innovations)
    assert innovations.count == 2 * 3 + 3
    # Inputs 0 and 1, output 2, hidden 3 to 5: target by target.
    assert innovations.number_links(np.array([1, 4]), np.array([4, 2])).tolist() == [3, 7]


@pytest.mark.parametrize("connections", ["full", "partial", "none"])
def test_the_first_population(connections):
    config = make_config(
        population_size=4000,
        genome={
            "initial_connections": connections,
            "initial_rate": 0.3,
            "weight": {"mean": 1.0, "spread": 0.5, "distribution": "uniform"},
            "bias": {"mean": -1.0, "spread": 2.0},
            "activation": "relu",
            "output_activation": "tanh",
            "hidden_layers": (2,),
        },
    )
    genomes = neat.Population(config).genomes
    genomes.check()
    assert (np.diff(genomes.arrays.node_offset) == 4).all()
    count = np.diff(genomes.arrays.connection_offset)
    expected = {"full": 1.0, "partial": 0.3, "none": 0.0}[connections]  # of 3 · 2 + 2 · 2 links
    assert abs(count.mean() / 10 - expected) < 0.01
    assert genomes.arrays.connection_enabled.all()
    bias, weight = genomes.arrays.node_bias.astype(float), genomes.arrays.connection_weight.astype(float)
    assert abs(bias.mean() + 1) < 5 * 2 / len(bias) ** 0.5
    assert abs(bias.std() - 2) < 0.06
    assert (genomes.arrays.node_response == 1).all()
    if connections != "none":
        assert 0.5 <= weight.min() < 0.51
        assert 1.49 < weight.max() <= 1.5
        assert abs(weight.mean() - 1) < 5 * 0.5 / len(weight) ** 0.5
    names = [neat.activations.ACTIVATIONS[index].name for index in genomes.arrays.node_activation]
    assert names == ["tanh", "tanh", "relu", "relu"] * 4000
