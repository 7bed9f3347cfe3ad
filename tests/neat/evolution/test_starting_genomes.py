"""Populations that start from given genomes."""

import numpy as np
import pytest

import neat
from neat.evolution.innovation_kernels import cantor, szudzik
from tests.support.evolving import BUSY, SCHEMES, as_bytes, ends, evolve, make_config, state
from tests.support.marks import every_scheme


def config_of(scheme, **settings):
    return make_config(**BUSY).updated(**scheme).updated(**settings)


def with_moved_births(genomes):
    """Return a copy of the genomes, whose youngest gene is of generation 0."""
    copy = genomes.take(np.arange(len(genomes)))
    copy.arrays.connection_birth[:] -= genomes.arrays.connection_birth.max()
    return copy


def links(genomes):
    """Return the set of (number, source id, target id) of all connections."""
    return set(
        zip(genomes.arrays.connection_innovation.tolist(), *(e.tolist() for e in ends(genomes)), strict=True)
    )


@every_scheme
def test_a_run_goes_on_from_the_genomes_of_another(scheme):
    config = config_of(scheme)
    earlier = evolve(neat.Population(config), 6)
    given = earlier.genomes.take(np.arange(60))
    population = neat.Population(config.updated(seed=9), genomes=given)
    assert given.arrays.connection_birth.max() > 1
    assert as_bytes(population.genomes.arrays) == as_bytes(with_moved_births(given).arrays)
    assert (population.generation, population.genomes.generation, population.genomes.seed) == (0, 0, 9)
    old_nodes, old_links = set(given.arrays.node_id.tolist()), links(given)
    evolve(population, 6, salt=1)
    new_nodes = set(population.genomes.arrays.node_id.tolist()) - old_nodes
    assert new_nodes
    if scheme["innovation"] != "hashed":
        assert min(new_nodes) > max(old_nodes)
    meaning = {}
    for number, source, target in links(population.genomes) | old_links:
        # No old number has a new meaning.
        assert meaning.setdefault(number, (source, target)) == (source, target)
    if config.has_order:
        new_numbers = {number for number, _, _ in links(population.genomes) - old_links}
        assert new_numbers and min(new_numbers) > max(number for number, _, _ in old_links)


@every_scheme
def test_such_a_run_repeats_and_is_resumed(scheme, tmp_path):
    config = config_of(scheme)
    given = evolve(neat.Population(config), 4).genomes.take(np.arange(60))
    whole = evolve(neat.Population(config, genomes=given), 5)
    part = evolve(neat.Population(config, genomes=given), 2)
    neat.checkpoint.save(part, tmp_path / "run.npz")
    assert state(evolve(neat.checkpoint.load(tmp_path / "run.npz"), 3)) == state(whole)


def test_fewer_genomes_are_repeated_in_order():
    given = evolve(neat.Population(config_of({})), 4).genomes.take([5, 3, 8])
    population = neat.Population(config_of({}, population_size=7), genomes=given)
    assert list(population.genomes) == [with_moved_births(given)[k % 3] for k in range(7)]
    before = as_bytes(given.arrays)
    evolve(population, 3)
    assert as_bytes(given.arrays) == before


@pytest.mark.parametrize(("pairing", "function"), [("szudzik", szudzik), ("cantor", cantor)])
@pytest.mark.parametrize("origin", ["global", "generation", "pairing"])
def test_a_pairing_numbers_given_genomes_by_their_ids(origin, pairing, function):
    given = evolve(neat.Population(config_of({"innovation": origin})), 5).genomes.take(np.arange(30))
    config = config_of({"innovation": "pairing", "pairing": pairing})
    genomes = neat.Population(config, genomes=given).genomes
    source, target = ends(genomes)
    expected = [function(int(a), int(b)) for a, b in zip(source, target, strict=True)]
    assert genomes.arrays.connection_innovation.tolist() == expected
    genomes.take(np.arange(60)).check()
    for old, new in zip(with_moved_births(given), genomes, strict=False):
        key = lambda c: (c["source"], c["target"])  # noqa: E731
        unnumbered = [[c | {"innovation": 0} for c in sorted(g.connections, key=key)] for g in (old, new)]
        assert unnumbered[0] == unnumbered[1]
        assert old.nodes == new.nodes


@pytest.mark.parametrize("innovation", ["generation", "hashed"])
@every_scheme
def test_genomes_of_any_scheme_can_start_a_run_by_generations_or_hashes(scheme, innovation):
    given = evolve(neat.Population(config_of(scheme)), 4).genomes.take(np.arange(60))
    config = config_of({"innovation": innovation})
    evolve(neat.Population(config, genomes=given), 3).genomes.check()


@every_scheme
def test_hashed_genomes_go_on_in_any_scheme(scheme):
    given = evolve(neat.Population(config_of({"innovation": "hashed"})), 6).genomes.take(np.arange(60))
    population = neat.Population(config_of(scheme), genomes=given)
    nodes, numbers = {}, {}
    for old, new in zip(given, population.genomes, strict=True):
        for node, other in zip(old.nodes, new.nodes, strict=True):
            assert nodes.setdefault(node["id"], other["id"]) == other["id"]
        old_links, new_links = (
            {(c["source"], c["target"]): c["innovation"] for c in genome.connections} for genome in (old, new)
        )
        for (source, target), number in old_links.items():
            ends = nodes.get(source, source), nodes[target]
            assert numbers.setdefault(number, new_links[ends]) == new_links[ends]
    assert all(len(set(known.values())) == len(known) > 20 for known in (nodes, numbers))
    if scheme["innovation"] == "hashed":
        assert as_bytes(population.genomes.arrays) == as_bytes(with_moved_births(given).arrays)
    else:
        assert max(nodes.values()) == 4 + len(nodes) - 2
    evolve(population, 3).genomes.check()


@pytest.mark.parametrize("innovation", ["global", "generation"])
def test_genomes_of_different_runs_cannot_be_aligned(innovation):
    config = config_of({"innovation": innovation})
    runs = [
        evolve(neat.Population(config.updated(seed=seed)), 8, salt=seed).genomes.take(np.arange(30))
        for seed in (0, 1)
    ]
    joined = neat.Genomes.concatenate(runs)
    with pytest.raises(ValueError, match=r"^genomes: innovation number \d+ means several links"):
        neat.Population(config, genomes=joined)


def test_a_link_with_two_numbers_is_refused_by_global_numbers_only():
    data = {
        "num_inputs": 3,
        "num_outputs": 2,
        "nodes": [{"id": 3, "activation": "tanh"}, {"id": 4, "activation": "tanh"}],
    }
    given = neat.Genomes.from_list(
        [data | {"connections": [{"innovation": k, "source": 0, "target": 3, "weight": 1}]} for k in (0, 1)]
    )
    config = make_config(genome={"activation": "tanh"})
    with pytest.raises(
        ValueError, match=r"^genomes: connection_innovation: genome 1: a link has another number"
    ):
        neat.Population(config, genomes=given)
    for innovation in ("generation", "pairing", "hashed"):
        evolve(neat.Population(config.updated(innovation=innovation), genomes=given), 2)


def test_huge_ids_are_refused_where_a_pairing_ends():
    data = {
        "num_inputs": 3,
        "num_outputs": 2,
        "nodes": [{"id": k, "activation": "tanh"} for k in (3, 4, 2**62 - 1)],
        "connections": [{"innovation": 2**62 - 1, "source": 0, "target": 2**62 - 1, "weight": 1}],
    }
    given = neat.Genomes.from_list([data])
    for scheme in SCHEMES:
        config = make_config(genome={"activation": "tanh"}, **scheme)
        if scheme["innovation"] == "pairing":
            with pytest.raises(
                ValueError, match=r"^genomes: innovation: the pairing of two node ids exceeds int64"
            ):
                neat.Population(config, genomes=given)
        else:
            neat.Population(config, genomes=given).genomes.check()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda g: list(g),
            r"genomes: expected neat\.Genomes, got .*; neat\.Genomes\.from_list joins single ones",
        ),
        (lambda g: g[0], r"genomes: expected neat\.Genomes, got Genome\("),
        (lambda g: g.take([]), "genomes: expected 1 to 60, the population_size, got 0"),
        (lambda g: g.take(np.arange(61) % 60), "genomes: expected 1 to 60, the population_size, got 61"),
        (lambda g: g.with_inputs(4), "genomes: num_inputs must be 3, as in the config, got 4$"),
        (lambda g: g.with_outputs(4), "genomes: num_outputs must be 2, as in the config, got 4$"),
    ],
)
def test_genomes_that_do_not_fit_are_refused(make, message):
    genomes = evolve(neat.Population(config_of({})), 2).genomes.take(np.arange(60))
    with pytest.raises(ValueError, match=f"^{message}"):
        neat.Population(config_of({}), genomes=make(genomes))


def test_what_the_config_forbids_is_refused():
    genomes = evolve(neat.Population(config_of({})), 2).genomes.take(np.arange(60))
    for genome, message in (
        (
            {"num_inputs": 5},
            r"genomes: num_inputs must be 5, as in the config, got 3; genomes\.with_inputs\(5\) adds them",
        ),
        ({"num_outputs": 3}, r"genomes: num_outputs must be 3, .*; genomes\.with_outputs\(3\) adds them"),
        ({"bias_input": True}, "genomes: bias_input must be True, as in the config, got False$"),
        ({"feed_forward": False}, "genomes: feed_forward must be False, as in the config, got True$"),
        (
            {"weight": {"minimum": -0.01, "maximum": 0.01}},
            "expected connection_weight within the config's bounds",
        ),
        (
            {"activation": "gauss", "activation_options": ("gauss",)},
            "'.*' is no node function that the config allows",
        ),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            neat.Population(config_of({}, genome=genome), genomes=genomes)
    broken = genomes.take([0, 1])
    broken.arrays.connection_source[0] = 999
    with pytest.raises(neat.GenomeError, match=r"^genome 0: the source"):
        neat.Population(config_of({}), genomes=broken)
