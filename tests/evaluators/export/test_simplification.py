import random

import numpy as np
import pytest

import neat
from evaluators.export import simplify
from tests.support import exporting
from tests.support.reference import random_genome


def node(id_, bias=0.0, activation="identity", aggregation="sum", response=1.0):
    return {
        **{"id": id_, "bias": bias, "response": response},
        **{"activation": activation, "aggregation": aggregation},
    }


def link(number, source, target, weight=1.0, enabled=True):
    return {
        **{"innovation": number, "source": source, "target": target},
        **{"weight": weight, "enabled": enabled},
    }


def genome(nodes, links, **description):
    data = {"num_inputs": 2, "num_outputs": 1, "nodes": nodes, "connections": links}
    return neat.Genome.from_dict({**data, **description})


@pytest.mark.parametrize("feed_forward", [True, False])
def test_outputs_of_random_genomes_are_unchanged(feed_forward):
    rng = random.Random(5)
    smaller = 0
    for seed in range(150):
        before = neat.Genome.from_dict(
            random_genome(rng, feed_forward=feed_forward, bias_input=seed % 2 == 0)
        )
        after = simplify(before)
        assert after.genomes.description == before.genomes.description
        assert {n["id"] for n in after.nodes} <= {n["id"] for n in before.nodes}
        assert all(connection["enabled"] for connection in after.connections)
        x = exporting.draw_inputs(before, seed)
        expected = exporting.of_activate(before, x)
        exporting.compare(exporting.of_activate(after, x), expected, exporting.bounds_of(before, x))
        smaller += len(after.connections) < sum(connection["enabled"] for connection in before.connections)
        assert simplify(after) == after
    assert smaller > 50


def test_removing_what_no_output_sees_keeps_outputs_bit_for_bit():
    nodes = [node(2, 0.3, "tanh"), node(3, 0.1, "sin"), node(4), node(5)]
    seen = [link(0, 0, 3, 0.7), link(1, 3, 2, 1.3), link(4, 1, 2, -0.2)]
    unseen = [link(2, 0, 4), link(3, 4, 5), link(5, 5, 2, 9.0, enabled=False)]
    before = genome(nodes, seen + unseen)
    after = simplify(before)
    assert after == genome(nodes[:2], seen)
    x = exporting.draw_inputs(before, 0, samples=99)
    assert exporting.of_activate(after, x).tobytes() == exporting.of_activate(before, x).tobytes()


def test_constants_are_folded_into_biases():
    nodes = [node(2, 0.5, "tanh", response=2.0), node(3, 3.0, "square"), node(4, 0.25, "identity", "product")]
    links = [link(0, 3, 4, 0.5), link(1, 4, 2, 0.1), link(2, 0, 2, 0.7)]
    after = simplify(genome(nodes, links))
    # 3 is 9, so 4 is 0.25 + 4.5, and adds 2 · 0.475 to the bias of 2
    (only,) = after.nodes
    assert only["bias"] == pytest.approx(0.5 + 2 * 0.1 * 4.75, rel=1e-7)
    assert [(c["source"], c["target"]) for c in after.connections] == [(0, 2)]


def test_a_constant_that_no_sum_reads_stays():
    nodes = [node(2, 0.0, "identity", "max"), node(3, 0.5)]
    links = [link(0, 3, 2), link(1, 0, 2)]
    assert simplify(genome(nodes, links)) == genome(nodes, links)


def test_the_bias_input_is_folded():
    after = simplify(genome([node(3, 0.25)], [link(0, 2, 3, 0.5), link(1, 0, 3)], bias_input=True))
    assert after.nodes[0]["bias"] == 0.75
    assert [c["source"] for c in after.connections] == [0]


def test_a_node_of_a_recurrent_network_is_0_before_the_first_step():
    nodes = [node(2), node(3, 0.5), node(4, 0.0, "tanh")]
    links = [link(0, 3, 2), link(1, 4, 2), link(2, 0, 2)]
    before = genome(nodes, links, feed_forward=False)
    after = simplify(before)
    assert [n["id"] for n in after.nodes] == [2, 3]  # 4 is always 0, 3 is 0 at first
    x = np.ones((3, 1, 2), np.float32)
    assert exporting.of_activate(after, x)[:, 0, 0].tolist() == [1.0, 1.5, 1.5]


def test_what_overflows_is_not_folded():
    nodes = [node(2, 1.0), node(3, 3e38, "identity")]
    links = [link(0, 3, 2, 100.0), link(1, 0, 2)]
    assert simplify(genome(nodes, links)) == genome(nodes, links)


def test_settings_of_the_genome_stay():
    before = neat.Population(neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, seed=7)).ask()[0]
    after = simplify(before)
    assert (after.genomes.seed, after.genomes.bounds) == (7, before.genomes.bounds)


def test_something_else_is_refused():
    with pytest.raises(ValueError, match=r"^genome: expected a neat.Genome, got \{\}$"):
        simplify({})
