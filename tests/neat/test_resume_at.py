"""A population goes on from genomes that `resume_at` is given, if they fit."""

import contextlib

import numpy as np
import pytest

import neat
from tests.support.evolving import BUSY, ends, evolve, make_config, state
from tests.support.made_genomes import changed
from tests.support.marks import every_scheme


def renumbered(genomes, name, change):
    return genomes.arrays._replace(**{name: change(getattr(genomes.arrays, name).copy())})


def test_resume_at_refuses_what_does_not_fit():
    population = evolve(neat.Population(make_config(**BUSY)), 3)
    genomes = population.ask().take(np.arange(60))
    before = state(population)

    def to_first(number):  # another link gets the number of the first
        number[np.flatnonzero(number == 1)[:1]] = 0
        return number

    swap = {0: 1, 1: 0}
    cases = [
        (3, genomes.take(np.arange(59)).arrays, "genomes: expected 60, the population_size, got 59"),
        (2, genomes.arrays, "generation: must be from 3, the current one"),
        (3.0, genomes.arrays, "generation: must be an integer, got 3.0"),
        (3, genomes, "arrays: expected GenomeArrays, got Genomes"),
        (3, changed(genomes, "connection_source", 0, 99).arrays, "genome 0: the source"),
        (
            3,
            renumbered(genomes, "connection_innovation", to_first),
            "genome .*innovation numbers must ascend",
        ),
        (
            3,
            changed(genomes, "connection_weight", 9, 1e9).arrays,
            "expected connection_weight within the config's",
        ),
        (3, changed(genomes, "node_bias", 9, -1e9).arrays, "expected node_bias within the config's bounds"),
        (3, changed(genomes, "node_activation", 9, 9).arrays, "'lelu' is no node function that the config"),
        (3, renumbered(genomes, "node_id", lambda a: np.where(a > 4, a + 2**62, a)), "innovations.counters"),
    ]
    moved = genomes.take(np.arange(60)).arrays
    first = np.flatnonzero(moved.connection_innovation == 0)[0]
    assert moved.connection_innovation[first + 1] in swap
    moved.connection_source[[first, first + 1]] = moved.connection_source[[first + 1, first]]
    moved.connection_target[[first, first + 1]] = moved.connection_target[[first + 1, first]]
    cases.append((3, moved, "connection_innovation: genome .*: a link has another number"))
    for generation, arrays, message in cases:
        with pytest.raises(ValueError, match=f"^{message}"):
            population.resume_at(generation, arrays)
        assert state(population) == before


def test_a_population_that_resumed_at_an_integer_of_numpy_can_be_saved(tmp_path):
    population = evolve(neat.Population(make_config(**BUSY)), 3)
    population.resume_at(np.int32(5), population.ask().arrays)
    neat.checkpoint.save(population, tmp_path / "run.npz")
    assert state(neat.checkpoint.load(tmp_path / "run.npz")) == state(population)


@pytest.mark.parametrize(("scheme", "is_refused"), [("global", True), ("generation", False)])
def test_only_a_scheme_that_remembers_links_compares_their_numbers(scheme, is_refused):
    population = evolve(neat.Population(make_config(**BUSY, innovation=scheme)), 3)
    arrays = population.genomes.take(np.arange(60)).arrays
    pair = np.flatnonzero(arrays.connection_target[1:] == arrays.connection_target[:-1])[0] + np.arange(2)
    arrays.connection_source[pair] = arrays.connection_source[pair[::-1]]
    with pytest.raises(ValueError, match="another number") if is_refused else contextlib.nullcontext():
        population.resume_at(3, arrays)


def test_an_output_has_the_activation_that_the_config_names(tmp_path):
    """And other nodes have not; what a run itself makes is loaded."""
    population = evolve(
        neat.Population(make_config(**BUSY).updated(genome={"output_activation": "gauss"})), 5
    )
    neat.checkpoint.save(population, tmp_path / "run.npz")
    loaded = neat.checkpoint.load(tmp_path / "run.npz")
    assert state(loaded) == state(population)
    assert loaded.best.genomes.bounds == population.best.genomes.bounds == population.genomes.bounds
    genomes = population.genomes
    last = np.flatnonzero(np.diff(genomes.arrays.node_offset) > 2)[0]
    hidden = genomes.arrays.node_offset[last] + 2
    names = [activation.name for activation in neat.activations.ACTIVATIONS]
    for position, name in ((0, "tanh"), (hidden, "gauss")):
        wrong = changed(genomes, "node_activation", position, names.index(name))
        with pytest.raises(ValueError, match=f"^'{name}' is no node function that the config allows here: "):
            population.resume_at(5, wrong.arrays)
    population.resume_at(5, genomes.arrays)


@every_scheme
def test_ids_of_genomes_from_elsewhere_are_not_given_again(scheme, tmp_path):
    config = make_config(**BUSY, **scheme)
    source = evolve(neat.Population(config), 6).genomes
    population = neat.Population(config.updated(seed=1))
    population.resume_at(9, source.arrays)
    assert (population.generation, population.ask().generation) == (9, 9)
    nodes, numbers = source.arrays.node_id.max(), source.arrays.connection_innovation.max()
    if scheme["innovation"] != "hashed":
        assert population.innovations.counters[0] > nodes
    if config.has_order:
        assert population.innovations.counters[1] > numbers
    if scheme["innovation"] == "global":
        known = population.innovations.number_links(*ends(source))
        assert (known == source.arrays.connection_innovation).all()
    for _ in range(5):
        evolve(population, 1)
        population.ask().check()
    neat.checkpoint.save(population, tmp_path / "run.npz")
    assert state(neat.checkpoint.load(tmp_path / "run.npz")) == state(population)
    source.take([0]).check()  # its arrays are its own
