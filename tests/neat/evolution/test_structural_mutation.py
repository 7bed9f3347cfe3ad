"""Nodes and connections that come and go: rates by statistics, rules that hold for every child."""

import numpy as np
import pytest

import neat
from neat.activations import activation_index, aggregation_index
from tests.support.evolving import BUSY, evolve, make_children, make_config
from tests.support.mutants import ALL_OFF, SIZE, grown, mutated, near, pairs_of

LINK_ONLY = {"add_connection_rate": 1.0, "add_connection_tries": 200}


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
        assert {gene["birth"] for gene in new} == {1}
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
    genomes = population.genomes
    for generation in range(1, 101):
        children, _ = make_children(
            config,
            genomes,
            range(20),
            mutates=True,
            scheme=population.innovations,
            generation=generation,
        )
        assert (np.diff(children.arrays.node_offset) == 2 + generation).all()
        genomes = children
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
    data = grown(make_config()).to_dict()
    for gene in data["connections"]:
        gene["birth"] = gene["innovation"] * 7 % 5  # those of equal age are in the order of their numbers
    parent, children = mutated(rule, parent=neat.Genome.from_dict(data))
    by_age_first = sorted(parent.connections, key=lambda gene: (gene["birth"], gene["innovation"]))
    enabled = [gene["innovation"] for gene in by_age_first if gene["enabled"]]
    assert enabled != sorted(enabled)
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
