"""Crossover against a plain-Python reference, and its random choices by statistics."""

import numpy as np
import pytest

import neat
from tests.support.evolving import (
    BUSY,
    NO_MUTATION,
    as_bytes,
    evolve,
    make_children,
    make_config,
)
from tests.support.marks import every_scheme

PAIRS = 400


def leads_to(pairs, start, goal):
    """Whether a path leads from one node to another, or they are the same."""
    seen, left = {start}, [start]
    while left:
        node = left.pop()
        for source, target in pairs:
            if source == node and target not in seen:
                seen.add(target)
                left.append(target)
    return goal in seen


def cross(primary, secondary, both, feed_forward):
    """What a child of two plain genomes must be: ({innovation: possible genes}, {node id: possible genes})."""
    mine = {gene["innovation"]: gene for gene in primary["connections"]}
    others = {gene["innovation"]: gene for gene in secondary["connections"]}
    genes = {number: [gene, others.get(number, gene)] for number, gene in mine.items()}
    pairs = {(gene["source"], gene["target"]) for gene in mine.values()}
    for number in sorted(others.keys() - mine.keys()) if both else ():
        pair = others[number]["source"], others[number]["target"]
        if pair not in pairs and not (feed_forward and leads_to(pairs, pair[1], pair[0])):
            genes[number] = [others[number]]
            pairs.add(pair)
    nodes = {node["id"]: [node] for node in primary["nodes"]}
    for node in secondary["nodes"]:
        if both or node["id"] in nodes:
            nodes.setdefault(node["id"], []).append(node)
    inputs = primary["num_inputs"] + primary.get("bias_input", False)
    outputs = range(inputs, inputs + primary["num_outputs"])
    needed = {*outputs, *(node for pair in pairs for node in pair)}
    return genes, {id_: nodes[id_] for id_ in needed if id_ >= inputs}


def parents_and_mates(config, generations, salt=0):
    """Evolved genomes, and indices of random pairs of them with the genes that they both lack."""
    genomes = evolve(neat.Population(config), generations, salt=salt).genomes
    chosen = np.random.default_rng(salt).integers(0, len(genomes), (PAIRS, 2))
    return genomes, chosen[:, 0], chosen[:, 1]


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("feed_forward", [True, False])
@every_scheme
def test_children_are_what_the_reference_says(scheme, feed_forward, both):
    config = make_config(**BUSY, **scheme, population_size=100)
    config = config.updated(
        genome={"feed_forward": feed_forward, "bias_input": True, "hidden_layers": (2,)},
        speciation={"threshold": 100.0},
        crossover={"average_rate": 0.0, "single_point_rate": 0.0, "disable_rate": 1.0},
    )
    genomes, first, second = parents_and_mates(config, 12)
    children, _ = make_children(config, genomes, first, second, np.full(PAIRS, both))
    children.check()
    plain = [genome.to_dict() for genome in genomes]
    refused = entered = 0
    for child, a, b in zip(children, first, second, strict=True):
        genes, nodes = cross(plain[a], plain[b], both, feed_forward)
        child = child.to_dict()
        assert [gene["innovation"] for gene in child["connections"]] == sorted(genes)
        assert [node["id"] for node in child["nodes"]] == sorted(nodes)
        for gene in child["connections"]:
            parents = genes[gene["innovation"]]
            assert gene["weight"] in [parent["weight"] for parent in parents]
            assert gene["enabled"] == all(parent["enabled"] for parent in parents)
            assert gene["birth"] == parents[0]["birth"]
            ends = gene["source"], gene["target"]
            assert all(ends == (parent["source"], parent["target"]) for parent in parents)
        assert all(node in nodes[node["id"]] for node in child["nodes"])
        lacking = {g["innovation"] for g in plain[b]["connections"]} - {
            g["innovation"] for g in plain[a]["connections"]
        }
        entered += len(lacking & set(genes))
        refused += len(lacking - set(genes))
    if both:
        assert entered > PAIRS
        assert refused > 10 or not (feed_forward or scheme["innovation"] == "generation")
    else:
        assert entered == 0


def test_one_link_under_two_numbers_enters_once():
    """Under `generation` both parents can carry the same pair under two numbers."""
    config = make_config(innovation="generation")
    links = [(0, 3), (1, 3), (2, 4)]
    parents = [
        {
            "num_inputs": 3,
            "num_outputs": 2,
            "nodes": [{"id": 3}, {"id": 4}],
            "connections": [
                {"innovation": number, "source": source, "target": target, "weight": weight}
                for number, (source, target) in zip(numbers, links, strict=True)
            ],
        }
        for numbers, weight in (((0, 1, 2), 1.0), ((0, 5, 2), 2.0))
    ]
    child = make_children(config, neat.Genomes.from_list(parents), [0, 1], [1, 0], [True, True])[0]
    child.check()
    assert [gene["innovation"] for gene in child[0].connections] == [0, 1, 2]
    assert [gene["innovation"] for gene in child[1].connections] == [0, 2, 5]


def test_loops_that_both_parents_would_close_together_stay_open():
    """One parent has 5 → 6, the other 6 → 5: the primary's enters, the other's does not, whatever its number."""
    shared = [(0, 0, 5), (1, 5, 3), (2, 0, 6), (3, 6, 3)]
    parents = [
        {
            "num_inputs": 3,
            "num_outputs": 2,
            "feed_forward": feed_forward,
            "nodes": [{"id": id_} for id_ in (3, 4, 5, 6)],
            "connections": [
                {"innovation": number, "source": source, "target": target, "weight": 1.0}
                for number, source, target in [*shared, link]
            ],
        }
        for feed_forward in (True, False)
        for link in ((8, 5, 6), (7, 6, 5))
    ]
    for start, numbers in ((0, [[8], [7]]), (2, [[7, 8], [7, 8]])):
        genomes = neat.Genomes.from_list(parents[start : start + 2])
        config = make_config(genome={"feed_forward": start == 0})
        children, _ = make_children(config, genomes, [0, 1], [1, 0], [True, True])
        children.check()
        assert [
            [g["innovation"] for g in child.connections if g["innovation"] > 3] for child in children
        ] == numbers


def figure_4():
    """The parents of the paper's figure 4, our ids one below the paper's: the fitter one is unknown, both enter."""
    first = [(1, 1, 4, 1), (2, 2, 4, 0), (3, 3, 4, 1), (4, 2, 5, 1), (5, 5, 4, 1), (8, 1, 5, 1)]
    second = [(1, 1, 4, 1), (2, 2, 4, 0), (3, 3, 4, 1), (4, 2, 5, 1), (5, 5, 4, 0)]
    second += [(6, 5, 6, 1), (7, 6, 4, 1), (9, 3, 5, 1), (10, 1, 6, 1)]
    return neat.Genomes.from_list(
        [
            {
                "num_inputs": 3,
                "num_outputs": 1,
                "nodes": [{"id": id_ - 1} for id_ in nodes],
                "connections": [
                    {
                        "innovation": number,
                        "source": source - 1,
                        "target": target - 1,
                        "weight": weight,
                        "enabled": bool(enabled),
                    }
                    for number, source, target, enabled in links
                ],
            }
            for links, nodes, weight in ((first, (4, 5), 1.0), (second, (4, 5, 6), 2.0))
        ]
    )


def test_the_papers_figure_4():
    config = make_config(genome={"num_outputs": 1}, crossover={"disable_rate": 1.0})
    children, _ = make_children(config, figure_4(), [0] * 300, [1] * 300, [True] * 300)
    for child in children:
        genes = [(g["innovation"], g["source"] + 1, g["target"] + 1, g["enabled"]) for g in child.connections]
        assert genes == [
            (1, 1, 4, True), (2, 2, 4, False), (3, 3, 4, True), (4, 2, 5, True), (5, 5, 4, False),
            (6, 5, 6, True), (7, 6, 4, True), (8, 1, 5, True), (9, 3, 5, True), (10, 1, 6, True),
        ]  # fmt: skip
        assert child.hidden_ids == [4, 5]
        assert [g["weight"] for g in child.connections][5:] == [2, 2, 1, 2, 2]
    weights = np.array([[g["weight"] for g in child.connections[:5]] for child in children])
    assert (np.abs((weights == 1).mean(0) - 0.5) < 5 * 0.5 / 300**0.5).all()


def test_excess_and_disjoint_genes_come_from_the_primary_parent_alone():
    config = make_config(genome={"num_outputs": 1})
    children, _ = make_children(config, figure_4(), [0, 1], [1, 0])
    numbers = [[gene["innovation"] for gene in child.connections] for child in children]
    assert numbers == [[1, 2, 3, 4, 5, 8], [1, 2, 3, 4, 5, 6, 7, 9, 10]]
    assert [child.hidden_ids for child in children] == [[4], [4, 5]]


def switched_parents(count=20):
    """Two parents with the same genes: one all 0, one all 1; enabled alternates in four patterns."""
    parents = []
    for value in (0.0, 1.0):
        connections = [
            {
                "innovation": number,
                "source": number,
                "target": count,
                "weight": value,
                "enabled": bool((number >> int(value)) % 2),
            }
            for number in range(count)
        ]
        node = {"id": count, "bias": value, "response": 1 + value}
        parents.append({"num_inputs": count, "num_outputs": 1, "nodes": [node], "connections": connections})
    config = make_config(genome={"num_inputs": count, "num_outputs": 1})
    return config, neat.Genomes.from_list(parents)


def by_gene(children, name):
    return getattr(children.arrays, name).reshape(len(children), -1)


def test_mistake_8_disabled_in_either_parent_means_disabled_with_75_percent_exactly():
    config, genomes = switched_parents()
    size = 4000
    for parents in (([0] * size, [1] * size), ([1] * size, [0] * size)):
        children, _ = make_children(config, genomes, *parents)
        disabled = 1 - by_gene(children, "connection_enabled").mean(0)
        in_both_enabled = (np.arange(20) % 4) == 3
        assert (disabled[in_both_enabled] == 0).all()
        assert np.abs(disabled[~in_both_enabled] - 0.75).max() < 5 * (0.75 * 0.25 / size) ** 0.5
        # Together 15 genes: 0.75 to within 0.009, far from the 0.875 of a rule on top of inheritance.
        assert abs(disabled[~in_both_enabled].mean() - 0.75) < 5 * (0.75 * 0.25 / 15 / size) ** 0.5


def test_unmatched_disabled_genes_stay_disabled():
    config = make_config(genome={"num_outputs": 1}, crossover={"disable_rate": 0.0})
    genomes = figure_4()
    genomes.arrays.connection_enabled[:] = False
    children, _ = make_children(config, genomes, [0] * 50, [1] * 50, [True] * 50)
    enabled = by_gene(children, "connection_enabled")
    assert enabled[:, :5].all()
    assert not enabled[:, 5:].any()


def test_multipoint_draws_each_matching_gene_from_either_parent():
    config, genomes = switched_parents()
    children, _ = make_children(config, genomes, [0] * 4000, [1] * 4000)
    weight = by_gene(children, "connection_weight")
    assert set(np.unique(weight)) == {0, 1}
    assert np.abs(weight.mean(0) - 0.5).max() < 5 * 0.5 / 4000**0.5
    correlation = np.corrcoef(weight.T) - np.eye(20)
    assert np.abs(correlation).max() < 5 / 4000**0.5
    bias, response = children.arrays.node_bias, children.arrays.node_response
    assert abs(bias.mean() - 0.5) < 5 * 0.5 / 4000**0.5
    assert (response == 1 + bias).all()  # a node gene comes whole


def test_more_matching_genes_than_a_word_has_bits_are_all_drawn():
    config, genomes = switched_parents(100)
    children, _ = make_children(config, genomes, [0] * 4000, [1] * 4000)
    weight = by_gene(children, "connection_weight")
    assert np.abs(weight.mean(0) - 0.5).max() < 5 * 0.5 / 4000**0.5
    assert np.abs(np.corrcoef(weight.T) - np.eye(100)).max() < 6 / 4000**0.5


def test_average_takes_the_mean_of_matching_genes():
    config, genomes = switched_parents()
    config = config.updated(crossover={"average_rate": 1.0})
    children, _ = make_children(config, genomes, [0] * 50, [1] * 50)
    assert (children.arrays.connection_weight == 0.5).all()
    assert (children.arrays.node_bias == 0.5).all()
    assert (children.arrays.node_response == 1.5).all()


def test_single_point_changes_the_parent_once():
    config, genomes = switched_parents()
    config = config.updated(crossover={"single_point_rate": 1.0})
    children, _ = make_children(config, genomes, [0] * 4000, [1] * 4000)
    weight = by_gene(children, "connection_weight")
    changes = np.abs(np.diff(weight, axis=1))
    assert changes.sum(1).max() == 1
    places = changes.mean(0)  # 21 cuts, of which 19 lie between genes
    assert np.abs(places - 1 / 21).max() < 5 * (1 / 21 / 4000) ** 0.5
    assert abs(weight[:, 0].mean() - 0.5) < 5 * 0.5 / 4000**0.5


def test_the_rates_of_the_three_methods():
    config, genomes = switched_parents()
    config = config.updated(crossover={"average_rate": 0.3, "single_point_rate": 0.2})
    children, _ = make_children(config, genomes, [0] * 4000, [1] * 4000)
    weight = by_gene(children, "connection_weight")
    averaged = (weight == 0.5).all(1)
    assert ((weight == 0.5).any(1) == averaged).all()
    single = ~averaged & (np.abs(np.diff(weight, axis=1)).sum(1) <= 1)
    for share, rate in ((averaged.mean(), 0.3), (single.mean(), 0.2)):
        assert abs(share - rate) < 5 * (rate * (1 - rate) / 4000) ** 0.5


def test_a_genome_mated_with_itself_is_cloned():
    """Crossing it would enable a quarter of its disabled genes."""
    config = make_config(**BUSY, population_size=100)
    population = evolve(neat.Population(config), 8)
    disabled = np.bincount(
        np.repeat(np.arange(100), np.diff(population.genomes.arrays.connection_offset)),
        ~population.genomes.arrays.connection_enabled,
    )
    only = int(np.argmax(disabled))
    assert disabled[only] >= 2
    still = config.updated(
        mutation={**NO_MUTATION, **{name: 0.0 for name in BUSY["mutation"] if name.endswith("_rate")}},
        reproduction={"survival_rate": 0.001, "mutate_only_rate": 0.0, "interspecies_rate": 0.0},
        speciation={"threshold": 1e6},
    )
    heir = neat.Population(still)
    heir.resume_at(population.generation, population.genomes.arrays)
    heir.tell(np.arange(100) == only)
    expected = population.genomes.take(np.full(100, only))
    assert as_bytes(heir.genomes.arrays) == as_bytes(expected.arrays)
    assert (heir.parents == [only, -1]).all()
