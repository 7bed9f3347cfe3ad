"""Mutation of values and functions: rates and distributions by statistics, rules that hold for every child."""

import numpy as np
import pytest

import neat
from neat.activations import activation_index, aggregation_index
from tests.support.evolving import BUSY, NO_VALUES, as_bytes, evolve, make_children, make_config
from tests.support.mutants import ALL_OFF, LIMIT, SIZE, grown, mutated, near, rows


def test_without_rates_children_are_their_parents():
    parent, children = mutated({}, size=50)
    assert all(child == parent for child in children)


VALUES = [
    ("weight", "connection_weight", 0.5),
    ("bias", "node_bias", 0.25),
    ("response", "node_response", 1.5),
]


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize(("kind", "name", "old"), VALUES)
def test_values_are_perturbed_and_replaced_at_their_rates(kind, name, old, distribution):
    rule = {"perturb_rate": 0.5, "replace_rate": 0.2, "power": 0.3, "distribution": distribution}
    initial = {"mean": 10.0, "spread": 0.9, "distribution": distribution}
    _, children = mutated({kind: rule}, {kind: initial})
    value = rows(children, name).astype(float)
    replaced = value > 5  # old values and their neighbours lie below, initial ones above
    kept = value == np.float32(old)
    perturbed = ~replaced & ~kept
    for share, rate in ((replaced, 0.2), (kept, 0.3), (perturbed, 0.5)):
        assert near(share.mean(), rate, value.size)
        for gene in share.T:
            assert near(gene.mean(), rate)
    # Neighbouring genes are drawn independently.
    assert np.abs(np.corrcoef(kept.T) - np.eye(kept.shape[1])).max() < 6 / SIZE**0.5
    for sample, mean, spread in ((value[perturbed] - old, 0.0, 0.3), (value[replaced], 10.0, 0.9)):
        deviation = spread if distribution == "normal" else spread / 3**0.5
        kurtosis = 3 if distribution == "normal" else 1.8
        assert abs(sample.mean() - mean) < LIMIT * deviation / len(sample) ** 0.5
        assert abs(sample.var() / deviation**2 - 1) < LIMIT * ((kurtosis - 1) / len(sample)) ** 0.5
        fourth = ((sample - mean) ** 4).mean() / deviation**4
        assert abs(fourth - kurtosis) < (0.35 if distribution == "normal" else 0.1)
        if distribution == "uniform":
            assert np.abs(sample - mean).max() <= spread * 1.000001
    untouched = {n for _, n, _ in VALUES} - {name}
    assert all(len(np.unique(getattr(children.arrays, other))) == 1 for other in untouched)


@pytest.mark.parametrize("mixed", [("normal", "uniform"), ("uniform", "normal")])
def test_perturbation_and_replacement_have_distributions_of_their_own(mixed):
    perturbation, initial = mixed
    rule = {"perturb_rate": 0.5, "replace_rate": 0.5, "power": 0.3, "distribution": perturbation}
    _, children = mutated(
        {"weight": rule}, {"weight": {"mean": 10.0, "spread": 1.0, "distribution": initial}}
    )
    weight = rows(children, "connection_weight").astype(float)
    replaced = weight > 5
    assert near(replaced.mean(), 0.5, weight.size)
    for sample, distribution in (
        ((weight[~replaced] - 0.5) / 0.3, perturbation),
        (weight[replaced] - 10, initial),
    ):
        assert (np.abs(sample).max() <= 1.00001) == (distribution == "uniform")
        deviation = 1 if distribution == "normal" else 3**-0.5
        assert abs(sample.std() / deviation - 1) < 0.02


@pytest.mark.parametrize(("kind", "name", "old"), VALUES)
def test_the_genome_rate_is_the_share_of_children_whose_values_mutate(kind, name, old):
    _, children = mutated({kind: {"genome_rate": 0.3, "perturb_rate": 1.0, "replace_rate": 0.0}})
    changed = rows(children, name) != np.float32(old)
    assert (changed.all(1) == changed.any(1)).all()
    assert near(changed.any(1).mean(), 0.3)


@pytest.mark.parametrize(("kind", "name", "old"), VALUES)
def test_values_keep_their_bounds(kind, name, old):
    bounds = {"mean": 0.5, "minimum": -1.0, "maximum": 2.0, "spread": 30.0}
    for rates in ((1.0, 0.0), (0.0, 1.0)):
        rule = {"perturb_rate": rates[0], "replace_rate": rates[1], "power": 30.0}
        _, children = mutated({kind: rule}, {kind: bounds}, size=500)
        value = getattr(children.arrays, name)
        assert value.min() == -1
        assert value.max() == 2
        assert (np.abs(value) < 1).any()


def test_switches_flip_at_their_rates():
    parent, children = mutated({"enable_rate": 0.3, "disable_rate": 0.1})
    was = parent.genomes.arrays.connection_enabled
    enabled = rows(children, "connection_enabled")
    assert near(enabled[:, ~was].mean(), 0.3, SIZE * 3)
    assert near(enabled[:, was].mean(), 0.9, SIZE * 10)


def test_functions_are_drawn_from_their_options():
    genome = {
        "activation": "tanh",
        "activation_options": ("tanh", "relu", "sin"),
        "aggregation": "sum",
        "aggregation_options": ("sum", "max"),
    }
    _, children = mutated({"activation_rate": 0.6, "aggregation_rate": 1.0}, genome)
    activation, aggregation = rows(children, "node_activation"), rows(children, "node_aggregation")
    for name in ("relu", "sin"):
        assert near((activation == activation_index(name)).mean(), 0.2, activation.size)
    assert near((activation == activation_index("tanh")).mean(), 0.6, activation.size)
    for name in ("sum", "max"):
        assert near((aggregation == aggregation_index(name)).mean(), 0.5, aggregation.size)


def test_the_outputs_activation_is_fixed_where_it_is_set():
    genome = {
        **BUSY["genome"],
        "output_activation": "sigmoid",
        "initial_connections": "partial",
        "hidden_layers": (2,),
    }
    config = make_config(**BUSY).updated(genome=genome, mutation={"activation_rate": 1.0})
    population = neat.Population(config)
    sigmoid, options = activation_index("sigmoid"), {activation_index(n) for n in ("tanh", "relu", "sin")}
    for _ in range(8):
        for genome in population.genomes:
            activation = genome.genomes.arrays.node_activation.tolist()
            assert activation[:2] == [sigmoid, sigmoid]
            assert set(activation[2:]) <= options
        evolve(population, 1)
    assert set(population.genomes.arrays.node_activation) == {sigmoid, *options}


def test_children_and_generations_draw_differently_and_seeds_too():
    config = make_config(
        mutation={**ALL_OFF, "weight": {"perturb_rate": 1.0, "replace_rate": 0.0}, "bias": NO_VALUES}
    )
    genomes = neat.Genomes.from_list([grown(config)])
    weights = []
    for seed, generation in ((0, 1), (0, 2), (1, 1)):
        children, _ = make_children(
            config.updated(seed=seed),
            genomes,
            [0] * 60,
            mutates=True,
            scheme=neat.Population(config).innovations,
            generation=generation,
        )
        weights += children.arrays.connection_weight.tolist()
    assert len(set(weights)) > 0.99 * len(weights)


def test_parents_are_not_touched():
    config = make_config(**BUSY)
    population = evolve(neat.Population(config), 6)
    before = as_bytes(population.genomes.arrays)
    parents = population.genomes
    population.tell(np.arange(60.0))
    assert as_bytes(parents.arrays) == before
