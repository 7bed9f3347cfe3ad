"""Mutation: rates and distributions by statistics, rules that hold for every child."""

import numpy as np
import pytest
from evolving import BUSY, NO_VALUES, STILL, as_bytes, evolve, make_children, make_config

import neat
from neat.activations import activation_index, aggregation_index

SIZE = 4000
ALL_OFF = {**STILL, "delete_node_rate": 0.0, "delete_connection_rate": 0.0}
LINK_ONLY = {"add_connection_rate": 1.0, "add_connection_tries": 200}
LIMIT = 5.0  # standard errors


def near(share, rate, count=SIZE):
    return abs(share - rate) < LIMIT * max(rate * (1 - rate) / count, 1e-9) ** 0.5


def mutated(mutation, genome=None, parent=None, size=SIZE, **settings):
    """(parents, children): many children of one parent by mutation alone; a grown genome if none is given."""
    config = make_config(
        population_size=size, mutation={**ALL_OFF, **mutation}, genome=genome or {}, **settings
    )
    population = neat.Population(config)
    if parent is None:
        parent = grown(config)
    genomes = neat.Genomes.from_list([parent])
    population.innovations.counters[:2] = 100_000
    population.innovations.links.value.fill(-1)  # the parent's numbers are not those of the first population
    children, _ = make_children(
        config, genomes, [0] * size, mutates=True, scheme=population.innovations, generation=1
    )
    children.check()
    return parent, children


def grown(config):
    """A genome with 4 hidden nodes and 13 connections, of which 3 are disabled."""
    links = [
        (0, 3, 1),
        (1, 3, 1),
        (2, 3, 0),
        (0, 4, 1),
        (1, 4, 1),
        (0, 5, 1),
        (5, 3, 1),
        (1, 6, 0),
        (5, 6, 1),
    ]
    links += [(6, 4, 1), (2, 7, 1), (7, 8, 0), (8, 3, 1)]
    return neat.Genome.from_dict(
        {
            "num_inputs": 3,
            "num_outputs": 2,
            "feed_forward": config.genome.feed_forward,
            "nodes": [
                {"id": id_, "bias": 0.25, "response": 1.5, "activation": config.genome.activation_options[0]}
                for id_ in range(3, 9)
            ],
            "connections": [
                {"innovation": 2 * n, "source": s, "target": t, "weight": 0.5, "enabled": bool(enabled)}
                for n, (s, t, enabled) in enumerate(links)
            ],
        }
    )


def rows(children, name):
    """A gene array as one row per child, where all have the same number."""
    return getattr(children.arrays, name).reshape(len(children), -1)


def pairs_of(genome):
    return {(gene["source"], gene["target"]) for gene in genome.connections}


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


@pytest.mark.parametrize("structural", ["all", "one", "alone"])
def test_structural_mutations_happen_at_their_rates(structural):
    rates = {"add_node_rate": 0.1, "add_connection_rate": 0.2, "delete_node_rate": 0.15}
    parent, children = mutated(
        {
            **rates,
            "delete_connection_rate": 0.25,
            "structural": structural,
            "add_connection_tries": 200,
            "weight": {"perturb_rate": 1.0, "replace_rate": 0.0},
        }
    )
    before, ids = pairs_of(parent), {node["id"] for node in parent.nodes}
    happened = {"split": [], "link": [], "node": [], "connection": []}
    weights = []
    for child in children:
        nodes = {node["id"] for node in child.nodes}
        new = [gene for gene in child.connections if gene["innovation"] >= 100_000]
        split = len(nodes - ids)
        missing = before - pairs_of(child)
        gone = ids - nodes
        happened["split"].append(split)
        happened["link"].append(len(new) - 2 * split)
        happened["node"].append(len(gone))
        happened["connection"].append(any(not gone & set(pair) for pair in missing))
        weights.append(all(gene["weight"] == 0.5 for gene in child.connections if gene not in new))
    happened = {kind: np.array(counts) for kind, counts in happened.items()}
    together = sum(counts > 0 for counts in happened.values())
    assert all(counts.max() == 1 for counts in happened.values())
    assert near(happened["split"].mean(), 0.1)
    assert near(happened["link"].mean(), 0.2)
    assert near(happened["node"].mean(), 0.15)
    assert near(happened["connection"].mean(), 0.25)
    if structural == "all":
        assert near((together == 0).mean(), 0.9 * 0.8 * 0.85 * 0.75)
        assert together.max() >= 3
    else:
        assert together.max() == 1
        assert near((together == 0).mean(), 0.3)
    untouched = np.array(weights)
    assert np.array_equal(untouched, (together > 0) & (structural == "alone"))


@pytest.mark.parametrize("structural", ["one", "alone"])
def test_exclusive_rates_above_1_are_shared_out(structural):
    rates = {"add_node_rate": 1.0, "add_connection_rate": 0.6, "structural": structural}
    parent, children = mutated({**rates, "add_connection_tries": 200})
    grew = np.diff(children.arrays.node_offset) - len(parent.nodes)
    links = np.diff(children.arrays.connection_offset) - len(parent.connections) - 2 * grew
    assert (grew + links == 1).all()
    assert near(grew.mean(), 1 / 1.6)


def test_a_split_keeps_the_old_weight_behind_a_connection_of_1_and_disables_the_old():
    parent, children = mutated(
        {"add_node_rate": 1.0},
        {"bias": {"mean": 3.0, "spread": 0.0}, "response": {"mean": 2.0, "spread": 0.0}},
        size=1000,
    )
    before = {gene["innovation"]: gene for gene in parent.connections}
    splits = []
    for child in children:
        new = [gene for gene in child.connections if gene["innovation"] >= 100_000]
        (node,) = [node for node in child.nodes if node["id"] >= 100_000]
        into, out = sorted(new, key=lambda gene: gene["target"] != node["id"])
        old = {gene["innovation"]: gene for gene in child.connections if gene["innovation"] < 100_000}
        changed = [number for number in before if old[number] != before[number]]
        assert len(changed) == 1
        gone = before[changed[0]]
        assert gone["enabled"]
        assert old[changed[0]] == {**gone, "enabled": False}
        assert (into["source"], into["target"]) == (gone["source"], node["id"])
        assert (out["source"], out["target"]) == (node["id"], gone["target"])
        assert (into["weight"], out["weight"]) == (1.0, gone["weight"])
        assert into["enabled"]
        assert out["enabled"]
        assert (node["bias"], node["response"]) == (3.0, 2.0)
        splits.append(changed[0])
    counts = np.unique(splits, return_counts=True)[1]
    assert len(counts) == 10  # each enabled connection
    assert all(near(count / 1000, 0.1, 1000) for count in counts)


def test_mistake_5_a_split_connection_is_disabled_not_deleted_and_growth_goes_on():
    config = make_config(mutation={"add_node_rate": 1.0, "add_connection_rate": 1.0}, population_size=20)
    population = neat.Population(config)
    for generation in range(1, 101):
        children, _ = make_children(
            config,
            population.genomes,
            range(20),
            mutates=True,
            scheme=population.innovations,
            generation=generation,
        )
        assert (np.diff(children.arrays.node_offset) == 2 + generation).all()
        population.genomes = children
    children.check()
    assert (np.diff(children.arrays.connection_offset) > 6 + 2 * 100 + 50).all()


def test_a_genome_without_enabled_connections_is_not_split():
    parent = grown(make_config()).to_dict()
    for gene in parent["connections"]:
        gene["enabled"] = False
    parent = neat.Genome.from_dict(parent)
    assert all(child == parent for child in mutated({"add_node_rate": 1.0}, parent=parent, size=50)[1])


def test_new_links_are_all_that_close_no_loop():
    parent, children = mutated(LINK_ONLY, {"weight": {"mean": 7.0, "spread": 0.0}})
    before = pairs_of(parent)
    new = [gene for child in children for gene in child.connections if gene["innovation"] >= 100_000]
    assert len(new) > 0.99 * SIZE
    assert all(gene["weight"] == 7.0 and gene["enabled"] for gene in new)
    found = {(gene["source"], gene["target"]) for gene in new}

    def reached(node):
        return {node}.union(*(reached(target) for source, target in before if source == node))

    possible = {(s, t) for s in range(9) for t in range(3, 9) if (s, t) not in before and s not in reached(t)}
    assert found == possible


def test_recurrent_links_may_close_loops_and_return_to_their_node():
    parent, children = mutated(LINK_ONLY, {"feed_forward": False})
    before = pairs_of(parent)
    new = [gene for child in children for gene in child.connections if gene["innovation"] >= 100_000]
    found = {(gene["source"], gene["target"]) for gene in new}
    assert found == {(s, t) for s in range(9) for t in range(3, 9)} - before
    assert (5, 5) in found


@pytest.mark.parametrize(("below", "by_age"), [(14, True), (13, False)])
def test_small_genomes_split_their_oldest_connections_first(below, by_age):
    rule = {"split_oldest_rate": 0.6, "split_oldest_below": below, "add_node_rate": 1.0}
    parent, children = mutated(rule)
    enabled = [gene["innovation"] for gene in parent.connections if gene["enabled"]]
    counts = dict.fromkeys(enabled, 0)
    for child in children:
        old = [gene for gene in child.connections if gene["innovation"] < 100_000]
        gone = {gene["innovation"] for gene in old if not gene["enabled"]} & set(enabled)
        assert len(gone) == (len(child.nodes) > len(parent.nodes))
        for number in gone:
            counts[number] += 1
    for position, number in enumerate(enabled):
        rate = 0.6 * 0.4**position if by_age else 0.1
        assert near(counts[number] / SIZE, rate)


def test_connections_from_the_bias_input_can_be_kept_whole():
    for whole in (False, True):
        config = make_config(
            population_size=500,
            genome={"bias_input": True},
            mutation={**ALL_OFF, "add_node_rate": 1.0, "split_bias": not whole},
        )
        population = neat.Population(config)
        children, _ = make_children(
            config, population.genomes, range(500), mutates=True, scheme=population.innovations
        )
        children.check()
        assert (np.diff(children.arrays.node_offset) == 3).all()
        split = children.arrays.connection_source[~children.arrays.connection_enabled]
        assert set(split.tolist()) == ({0, 1, 2} if whole else {0, 1, 2, 3})


def test_a_full_genome_gets_no_link():
    config = make_config()
    parent = neat.Population(config).genomes[0].to_dict()
    innovation = len(parent["connections"])
    parent["connections"].append({"innovation": innovation, "source": 3, "target": 4, "weight": 1.0})
    parent = neat.Genome.from_dict(parent)
    children = mutated({"add_connection_rate": 1.0}, parent=parent, size=50)[1]
    assert all(child == parent for child in children)


def test_deleted_nodes_take_their_connections_with_them():
    parent, children = mutated({"delete_node_rate": 1.0}, size=1000)
    gone = []
    for child in children:
        (node,) = {n["id"] for n in parent.nodes} - {n["id"] for n in child.nodes}
        assert node >= 5  # outputs stay
        expected = [g for g in parent.connections if node not in (g["source"], g["target"])]
        assert child.connections == expected
        assert child.nodes == [n for n in parent.nodes if n["id"] != node]
        gone.append(node)
    shares = np.bincount(gone)[5:] / 1000
    assert all(near(share, 0.25, 1000) for share in shares)


def test_deleted_connections_leave_the_rest():
    parent, children = mutated({"delete_connection_rate": 1.0}, size=2000)
    before, gone = parent.connections, []
    for child in children:
        kept = {gene["innovation"] for gene in child.connections}
        assert [gene for gene in before if gene["innovation"] in kept] == child.connections
        gone += [position for position, gene in enumerate(before) if gene["innovation"] not in kept]
    assert len(gone) == 2000
    assert all(near(share, 1 / 13, 2000) for share in np.bincount(gone, minlength=13) / 2000)


@pytest.mark.parametrize("recurrent", [False, True])
def test_genomes_can_shrink_to_nothing_and_grow_again(recurrent):
    config = make_config(genome={"feed_forward": not recurrent}, mutation=ALL_OFF)
    shrinking = config.updated(mutation={"delete_node_rate": 1.0, "delete_connection_rate": 1.0})
    population = evolve(
        neat.Population(make_config(**BUSY).updated(genome={"feed_forward": not recurrent})), 8
    )
    genomes = population.genomes
    for generation in range(60):
        genomes, _ = make_children(
            shrinking, genomes, range(60), mutates=True, scheme=population.innovations, generation=generation
        )
        genomes.check()
    assert len(genomes.arrays.connection_weight) == 0
    assert (np.diff(genomes.arrays.node_offset) == 2).all()
    growing = config.updated(mutation={"add_node_rate": 1.0, "add_connection_rate": 1.0})
    for generation in range(5):
        genomes, _ = make_children(
            growing, genomes, range(60), mutates=True, scheme=population.innovations, generation=generation
        )
        genomes.check()
    assert (np.diff(genomes.arrays.connection_offset) >= 5).all()


def test_new_nodes_draw_their_functions_where_these_are_random():
    genome = {"activation": "random", "activation_options": ("relu", "sin"), "aggregation": "max"}
    _, children = mutated({"add_node_rate": 1.0}, genome)
    new = children.arrays.node_id >= 100_000
    activation = children.arrays.node_activation[new]
    assert new.sum() == SIZE
    assert near((activation == activation_index("relu")).mean(), 0.5)
    assert set(activation) == {activation_index("relu"), activation_index("sin")}
    assert set(children.arrays.node_aggregation[new]) == {aggregation_index("max")}


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
