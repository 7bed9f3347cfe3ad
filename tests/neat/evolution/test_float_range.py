"""Nothing overflows in float32 within the allowed settings, and values keep their bounds at all times."""

import numpy as np
import pytest

import neat
from neat.evolution.speciation import adjusted_threshold, compatibility_distance, threshold_as_float32
from neat.genome.genome import Bounds, GenomeArrays
from tests.support.compatibility import reference_distance
from tests.support.evolving import BUSY, NO_VALUES, evolve, make_children, make_config

GREATEST = 3.4e38
VALUES = {"weight": "connection_weight", "bias": "node_bias", "response": "node_response"}
EVERYTHING = {"minimum": -GREATEST, "maximum": GREATEST, "mean": 1e38, "spread": GREATEST}


def two_parents(first, second):
    """Two genomes with as many connections to one output, whose weights these are."""
    size = len(first)
    one = GenomeArrays(
        *([0, 1], [0, size], [size], [0.0], [1.0], [0], [0]),
        *(np.arange(size), np.arange(size), np.full(size, size), first, np.ones(size, bool), np.zeros(size)),
    )
    dtypes = ("i8", "i8", "i8", "f4", "f4", "u1", "u1", "i8", "i4", "i4", "f4", "?", "i4")
    genomes = [
        neat.Genomes(GenomeArrays(*(np.array(a, d) for a, d in zip(arrays, dtypes, strict=True))), size, 1)
        for arrays in (one, one._replace(connection_weight=second, node_bias=[3e38], node_response=[3.3e38]))
    ]
    genomes[0].arrays.node_bias[:], genomes[0].arrays.node_response[:] = 3.4e38, 3.3e38
    return neat.Genomes.from_list([neat.Genome(one) for one in genomes])


def averages(first, second):
    config = make_config(
        genome={"num_inputs": len(first), "num_outputs": 1, **{name: EVERYTHING for name in VALUES}},
        crossover={"average_rate": 1.0},
        population_size=2,
    )
    parents = two_parents(first, second)
    parents.check()
    children, _ = make_children(config, parents, [0, 1], [1, 0])
    children.check()
    return children


def test_the_average_of_two_large_values_is_finite():
    first = np.float32([3.4e38, -3.4e38, 3.4e38, 3.4e38, np.finfo(np.float32).max])
    second = np.float32([3.4e38, -3.4e38, -3.4e38, 3.2e38, np.finfo(np.float32).max])
    children = averages(first, second)
    expected = ((first.astype(np.float64) + second) / 2).astype(np.float32)
    assert (children.arrays.connection_weight.reshape(2, -1) == expected).all()
    assert (children.arrays.node_bias == np.float32(3.2e38)).all()
    assert (children.arrays.node_response == np.float32(3.3e38)).all()


def test_averages_without_overflow_keep_their_bits():
    """Half the sum in float32, subnormal numbers included."""
    bits = np.random.default_rng(0).integers(0, 2**32, (2, 40_000), dtype=np.uint32)
    bits[1, ::2] = bits[0, ::2] ^ np.random.default_rng(1).integers(0, 2**25, 20_000, dtype=np.uint32)
    bits[:, ::5] &= 0x80FFFFFF  # tiny ones
    values = bits.view(np.float32)
    with np.errstate(all="ignore"):
        sums = np.float32(0.5) * (values[0] + values[1])
    fits = np.isfinite(sums)
    first, second, expected = values[0, fits], values[1, fits], sums[fits]
    assert len(expected) > 30_000 and (np.abs(expected) < 1.17e-38).sum() > 1000
    assert averages(first, second).arrays.connection_weight[: len(first)].tobytes() == expected.tobytes()


def within(genomes, bounds):
    arrays = genomes.arrays
    return all(
        ((getattr(arrays, array) >= low) & (getattr(arrays, array) <= high)).all()
        for array, (low, high) in zip(VALUES.values(), bounds, strict=True)
    )


WILD = {**NO_VALUES, "perturb_rate": 0.6, "replace_rate": 0.3, "power": GREATEST}


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("spread", [None, GREATEST])
def test_evolution_at_the_end_of_the_range(distribution, spread):
    initial = {**EVERYTHING, "distribution": distribution}
    rule = {**WILD, "distribution": distribution, "replace_spread": spread}
    config = make_config(
        genome={**BUSY["genome"], **{name: initial for name in VALUES}},
        mutation={**BUSY["mutation"], **{name: rule for name in VALUES}},
        crossover={"average_rate": 0.7},
        speciation={"node_coefficient": 1.0, "threshold_step": GREATEST},
    )
    population = neat.Population(config)
    for _ in range(12):
        population.genomes.check()
        assert within(population.genomes, population.genomes.bounds)
        evolve(population, 1)
        assert 0 < population.threshold <= np.finfo(np.float32).max
    assert np.abs(population.genomes.arrays.connection_weight).max() == np.float32(GREATEST)


@pytest.mark.parametrize(
    ("minimum", "maximum", "into"), [(2.0, 5.0, 2.0), (-3.0, 0.25, 0.25), (-30, 30, 1.0)]
)
def test_a_split_keeps_the_bounds(minimum, maximum, into):
    """The connection into the new node has weight 1, or the bound next to it."""
    bounds = {"minimum": minimum, "maximum": maximum, "mean": minimum}
    config = make_config(
        genome={"weight": bounds},
        mutation={"add_node_rate": 1.0, "weight": NO_VALUES, "add_connection_rate": 0.0},
    )
    population = evolve(neat.Population(config), 3)
    assert within(population.genomes, population.genomes.bounds)
    genes = population.genomes.arrays
    first = population.genomes.input_count + config.genome.num_outputs
    assert (genes.connection_weight[genes.connection_target >= first] == np.float32(into)).sum() > 30


def test_bounds_go_with_the_genomes():
    config = make_config(genome={"weight": {"maximum": 3.0}, "bias": {"minimum": -2.0}})
    population = evolve(neat.Population(config), 2)
    expected = Bounds((-30.0, 3.0), (-2.0, 30.0), (-30.0, 30.0))
    genomes = population.ask()
    batches = (genomes, genomes.take([3, 1]), genomes[2].genomes, neat.Genomes.from_list([genomes[0]]))
    assert [batch.bounds for batch in batches] == [expected] * 4
    assert neat.Genome.from_dict(genomes[0].to_dict()).genomes.bounds.weight == (-np.inf, np.inf)


# ---------------------------------------------------------------- distances


def distant(weight, bias, response=1.0):
    nodes = [{"id": 40, "bias": bias, "response": response, "activation": "relu"}]
    links = [{"innovation": k, "source": k, "target": 40, "weight": weight} for k in range(40)]
    return {"num_inputs": 40, "num_outputs": 1, "nodes": nodes, "connections": links}


DISTANCES = [
    {"weight_coefficient": 0.0},
    {"weight_coefficient": 0.4},
    {"weight_coefficient": 1e-38},
    {"weight_coefficient": 0.0, "node_coefficient": 0.1},
    {"weight_coefficient": 1e-30, "node_coefficient": 1e-38},
]


@pytest.mark.parametrize("rule", DISTANCES, ids=str)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (distant(3.4e38, 3.4e38), distant(-3.4e38, -3.4e38)),
        (distant(1e37, 1e38, 3e38), distant(-1e37, -2e38, -1e38)),
        (distant(1.0, 2.0), distant(1.5, 1.0)),
    ],
)
def test_distances_whose_sums_float32_cannot_hold(rule, first, second):
    """A distance that itself is beyond float32 is infinite: no threshold is as great."""
    config = make_config(speciation=rule)
    for data in (first, second):  # the reference has the defaults of no gene
        data["nodes"][0]["aggregation"] = "sum"
    delta = compatibility_distance(neat.Genome.from_dict(first), neat.Genome.from_dict(second), config)
    expected = reference_distance(first, second, config.speciation)
    assert delta == pytest.approx(expected if expected <= 3.4028235e38 else np.inf, rel=1e-5)


def test_species_of_genomes_with_weights_at_the_end_of_the_range():
    """Without a weight coefficient they are all of one species; with one, they part."""
    for coefficient, species in ((0.0, 1), (1.0, 60)):
        config = make_config(
            genome={"weight": {**EVERYTHING, "mean": 0.0}}, speciation={"weight_coefficient": coefficient}
        )
        population = evolve(neat.Population(config), 1)
        assert len(population.history.species) == species


def test_a_threshold_stays_within_float32():
    config = make_config(speciation={"threshold_step": GREATEST, "target_species": 1})
    threshold = 3.0
    for count in [1000] * 5 + [1] * 5:
        threshold = adjusted_threshold(threshold, count, config)
        assert 0 < threshold_as_float32(threshold) < np.inf
    falling = make_config(
        speciation={"minimum_threshold": 1e-300, "target_species": 1000, "threshold_step": 1e6}
    )
    for _ in range(10):
        threshold = adjusted_threshold(threshold, 1, falling)
    assert threshold_as_float32(threshold) > 0


def test_equal_genomes_are_of_one_species_under_the_least_threshold():
    config = make_config(
        genome={"weight": {"spread": 0.0}, "bias": {"spread": 0.0}},
        speciation={"threshold": 1e-300, "threshold_mode": "fixed"},
    )
    population = evolve(neat.Population(config), 1)
    assert len(population.history.species) == 1
