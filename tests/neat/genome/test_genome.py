"""Genomes as arrays and as plain data: round trips, and every rule broken on purpose."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neat
from neat import activations
from neat.genome.genome import GenomeArrays
from tests.support.evolving import BUSY, as_bytes, evolve, make_config
from tests.support.scripts import run_python

GREATEST = float(np.finfo(np.float32).max)
FLOATS = st.floats(-GREATEST, GREATEST, width=32)
BIRTHS = st.integers(-(2**31), 2**31 - 1)
NODE = {"id": 3, "bias": 0.0, "response": 1.0, "activation": "tanh", "aggregation": "sum"}
DATA = {
    "num_inputs": 2,
    "num_outputs": 1,
    "nodes": [{**NODE, "id": 2}, {**NODE, "id": 7}, {**NODE, "id": 9}],
    "connections": [
        {"innovation": 0, "source": 0, "target": 2, "weight": 0.5, "enabled": True, "birth": 0},
        {"innovation": 3, "source": 0, "target": 7, "weight": 1.5, "enabled": False},
        {"innovation": 4, "source": 7, "target": 9, "weight": -1.0, "enabled": True},
        {"innovation": 8, "source": 9, "target": 2, "weight": 2.0, "enabled": True},
    ],
}


@st.composite
def plain_genomes(draw):
    """Any valid genome as plain data, its lists in any order."""
    inputs, outputs, bias_input = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.booleans())
    feed_forward = draw(st.booleans())
    first = inputs + bias_input
    hidden = draw(st.lists(st.integers(first + outputs, 2**63 - 1), max_size=5, unique=True))
    ids = [*range(first, first + outputs), *hidden]
    names = [f.name for f in activations.ACTIVATIONS], [f.name for f in activations.AGGREGATIONS]
    nodes = [
        {
            "id": id_,
            "bias": draw(FLOATS),
            "response": draw(FLOATS),
            "activation": draw(st.sampled_from(names[0])),
            "aggregation": draw(st.sampled_from(names[1])),
        }
        for id_ in ids
    ]
    order = [*range(first), *draw(st.permutations(ids))]  # a feed-forward link leads to the right in it
    pairs = [(s, t) for s in order for t in ids if not feed_forward or order.index(s) < order.index(t)]
    pairs = draw(st.lists(st.sampled_from(pairs), max_size=12, unique=True))
    innovations = draw(
        st.lists(st.integers(0, 2**63 - 1), min_size=len(pairs), max_size=len(pairs), unique=True)
    )
    connections = [
        {
            "innovation": i,
            "source": s,
            "target": t,
            "weight": draw(FLOATS),
            "enabled": draw(st.booleans()),
            "birth": draw(BIRTHS),
        }
        for i, (s, t) in zip(innovations, pairs, strict=True)
    ]
    return {
        "num_inputs": inputs,
        "num_outputs": outputs,
        "bias_input": bias_input,
        "feed_forward": feed_forward,
        "nodes": draw(st.permutations(nodes)),
        "connections": draw(st.permutations(connections)),
    }


@given(plain_genomes())
@settings(max_examples=200, deadline=None)
def test_plain_data_gives_the_same_genome_back(data):
    genome = neat.Genome.from_dict(data)
    again = neat.Genome.from_dict(json.loads(json.dumps(genome.to_dict())))
    assert as_bytes(again.genomes.arrays) == as_bytes(genome.genomes.arrays)
    assert again == genome
    plain = genome.to_dict()
    assert [n["id"] for n in plain["nodes"]] == sorted(n["id"] for n in data["nodes"])
    given_connections = {c["innovation"]: c for c in data["connections"]}
    for connection in plain["connections"]:
        expected = given_connections[connection["innovation"]]
        assert np.float32(connection.pop("weight")) == np.float32(expected["weight"])
        assert connection == {k: v for k, v in expected.items() if k != "weight"}


@pytest.mark.parametrize("recurrent", [False, True])
def test_evolved_genomes_survive_plain_data(recurrent):
    config = make_config(**BUSY).updated(genome={"feed_forward": not recurrent, "bias_input": True})
    genomes = evolve(neat.Population(config), 12).genomes
    assert max(len(genome.hidden_ids) for genome in genomes) > 2
    again = neat.Genomes.from_list([genome.to_dict() for genome in genomes])
    assert as_bytes(again.arrays) == as_bytes(genomes.arrays)
    assert (again.num_inputs, again.bias_input, again.feed_forward) == (3, True, not recurrent)


def test_left_out_fields_have_their_defaults():
    genome = neat.Genome.from_dict(
        {
            "num_inputs": 1,
            "num_outputs": 1,
            "nodes": [{"id": 1}],
            "connections": [{"innovation": 0, "source": 0, "target": 1, "weight": 2}],
        }
    )
    assert genome.nodes == [
        {"id": 1, "bias": 0.0, "response": 1.0, "activation": "sigmoid", "aggregation": "sum"}
    ]
    assert genome.connections[0]["enabled"] is True
    assert (genome.feed_forward, genome.bias_input) == (True, False)


def test_ids_of_inputs_outputs_and_hidden_nodes():
    data = {**DATA, "bias_input": True, "nodes": [{**NODE, "id": 3}, {**NODE, "id": 4}], "connections": []}
    genome = neat.Genome.from_dict(data)
    assert (genome.input_ids, genome.output_ids, genome.hidden_ids) == ([0, 1, 2], [3], [4])
    assert genome.to_dict()["bias_input"] is True
    assert "2 inputs, 1 outputs, 1 hidden nodes, 0 of 0" in repr(genome)


def with_connection(**changes):
    return {**DATA, "connections": [*DATA["connections"], {**DATA["connections"][0], **changes}]}


def with_node(**changes):
    return {**DATA, "nodes": [*DATA["nodes"], {**NODE, **changes}]}


BAD_DATA = [
    ([], "genome: expected a dictionary, got list"),
    ({}, r"genome: num_inputs: must be given \(and 3 more\)"),
    ({**DATA, "num_inputs": 0}, "genome: num_inputs: .* got 0"),
    ({**DATA, "num_inputs": "2"}, "genome: num_inputs: .* got '2'"),
    ({**DATA, "num_inputs": 10**12}, "genome: num_inputs: .* got 1000000000000"),
    ({**DATA, "num_outputs": 1.0}, "genome: num_outputs: .* got 1.0"),
    ({**DATA, "num_outputs": 2}, "genome 0: the first nodes must be the outputs"),
    ({**DATA, "weights": []}, "genome: weights: there is no such field"),
    ({**DATA, "nodes": [{**NODE, "id": 3}]}, "connection 0: there is no node 2"),
    ({**DATA, "nodes": [], "connections": []}, "genome 0: the first nodes must be the outputs"),
    (with_node(id=1), "genome 0: the first nodes must be the outputs"),
    (with_node(id=7), "genome 0: node ids must ascend and be unique"),
    (with_node(id=-1), r"genome: nodes\.3\.id: .* got -1"),
    (with_node(id=2**63), r"genome: nodes\.3\.id: .* got 9223372036854775808"),
    (with_node(id=7.5), r"genome: nodes\.3\.id: .* got 7.5"),
    (with_node(bias=float("nan")), r"genome: nodes\.3\.bias: .*finite.* got nan"),
    (with_node(bias=1e39), r"genome: nodes\.3\.bias: .* got 1e\+39"),
    (
        with_node(activation="tnh"),
        r"genome: nodes\.3\.activation: activation 'tnh' is not known \(did you mean tanh\?\); known are",
    ),
    (with_node(aggregation="avg"), r"genome: nodes\.3\.aggregation: aggregation 'avg' is not known"),
    (with_node(colour="red"), r"genome: nodes\.3\.colour: there is no such field"),
    (with_connection(innovation=9, source=5), "connection 9: there is no node 5"),
    (with_connection(innovation=9, target=5), "connection 9: there is no node 5"),
    (with_connection(innovation=9, target=1), "genome 0: the target .* must not be an input"),
    (with_connection(source=1), "genome 0: innovation numbers must ascend and be unique"),
    (with_connection(innovation=-1), r"genome: connections\.4\.innovation: .* got -1"),
    (with_connection(innovation=9), "genome 0: no two connections may join the same"),
    (with_connection(innovation=9, source=2, target=7), "genome 0: .* free of loops"),
    (with_connection(innovation=9, source=7, target=7), "genome 0: .* free of loops"),
    (with_connection(innovation=9, weight=float("inf")), r"genome: connections\.4\.weight: .*finite"),
    (
        with_connection(innovation=9, enabled="no"),
        r"genome: connections\.4\.enabled: must be true or .* got 'no'",
    ),
    (with_connection(innovation=9, enabled=1), r"genome: connections\.4\.enabled: must be true or .* got 1"),
    ({**DATA, "bias_input": 0}, "genome: bias_input: must be true or false, got 0"),
    ({**DATA, "feed_forward": "true"}, "genome: feed_forward: must be true or false, got 'true'"),
    (with_connection(innovation=9, weight="heavy"), r"genome: connections\.4\.weight: .* got 'heavy'"),
    (with_connection(innovation=9, weight=None), r"genome: connections\.4\.weight: .* got None"),
]


@pytest.mark.parametrize(("data", "message"), BAD_DATA)
def test_bad_plain_data_is_refused_in_one_line(data, message):
    with pytest.raises(neat.GenomeError, match=f"^{message}") as caught:
        neat.Genome.from_dict(data)
    assert "\n" not in str(caught.value)


def good_genomes():
    """Three genomes with room for mistakes; the middle one is DATA."""
    other = {**DATA, "nodes": DATA["nodes"][:1], "connections": DATA["connections"][:1]}
    return neat.Genomes.from_list([other, DATA, other])


def broken(genomes, name, position, value):
    """The genomes with one value changed, at this position in the middle genome."""
    offset = genomes.arrays[0 if name.startswith("node") else 1][1]
    array = getattr(genomes.arrays, name).copy()
    array[offset + position] = value
    return genomes.with_arrays(genomes.arrays._replace(**{name: array}))


# In DATA by index: inputs 0 and 1, output 2, hidden 3 and 4.
BROKEN = [
    ("node_id", 2, 7, "node ids must ascend"),
    ("node_id", 2, 6, "node ids must ascend"),
    ("node_id", 0, 1, "the first nodes must be the outputs"),
    ("node_id", 0, 3, "the first nodes must be the outputs"),
    ("node_bias", 0, np.nan, "biases and responses must be finite"),
    ("node_bias", 2, -np.inf, "biases and responses must be finite"),
    ("node_response", 1, np.inf, "biases and responses must be finite"),
    ("node_activation", 2, len(activations.ACTIVATIONS), "activations must be in the table"),
    ("node_activation", 0, 255, "activations must be in the table"),
    ("node_aggregation", 1, len(activations.AGGREGATIONS), "aggregations must be in the table"),
    ("connection_innovation", 1, 0, "innovation numbers must ascend"),
    ("connection_innovation", 3, 4, "innovation numbers must ascend"),
    ("connection_innovation", 3, 2, "innovation numbers must ascend"),
    ("connection_innovation", 0, -1, "innovation numbers must not be negative"),
    ("connection_source", 0, -1, "the source of a connection must exist"),
    ("connection_source", 3, 5, "the source of a connection must exist"),
    ("connection_target", 0, 1, "the target of a connection must exist and must not be an input"),
    ("connection_target", 0, -1, "the target of a connection must exist"),
    ("connection_target", 3, 5, "the target of a connection must exist"),
    ("connection_weight", 3, np.nan, "weights must be finite"),
    ("connection_weight", 1, np.inf, "weights must be finite"),
    ("connection_target", 1, 2, "no two connections may join"),
    ("connection_source", 2, 4, "a feed-forward network must be free of loops"),  # node 4 to itself
    ("connection_target", 3, 3, "a feed-forward network must be free of loops"),  # 3 → 4 → 3
]


@pytest.mark.parametrize(("name", "position", "value", "rule"), BROKEN)
def test_mistake_13_each_broken_rule_is_found(name, position, value, rule):
    genomes = good_genomes()
    genomes.check()
    with pytest.raises(neat.GenomeError, match=f"^genome 1: {rule}"):
        broken(genomes, name, position, value).check()


def test_disabled_connections_close_loops_too():
    genomes = good_genomes()
    loop = broken(genomes, "connection_target", 3, 3)
    disabled = np.zeros_like(loop.arrays.connection_enabled)
    with pytest.raises(neat.GenomeError, match="free of loops"):
        loop.with_arrays(loop.arrays._replace(connection_enabled=disabled)).check()


def test_recurrent_genomes_may_have_loops():
    genomes = neat.Genomes.from_list([{**DATA, "feed_forward": False}] * 2)
    for position, target in ((2, 3), (3, 3)):
        broken(genomes, "connection_target", position, target).check()


@pytest.mark.parametrize("kind", ["node", "connection"])
def test_broken_offsets_are_found(kind):
    genomes = good_genomes()
    offset = getattr(genomes.arrays, f"{kind}_offset")
    for wrong in (offset + 1, offset[[0, 2, 1, 3]], offset - [0, 0, 0, 1], offset[:-1], offset[:0]):
        with pytest.raises(neat.GenomeError, match="_offset: "):
            genomes.with_arrays(genomes.arrays._replace(**{f"{kind}_offset": wrong})).check()


@pytest.mark.parametrize("name", GenomeArrays._fields)
def test_wrong_dtypes_shapes_and_lengths_are_found(name):
    genomes = good_genomes()
    array = getattr(genomes.arrays, name)
    for wrong in (array.astype(np.float64), array[:, None], array[:-1]):
        with pytest.raises(neat.GenomeError, match=r"expected|must rise"):
            genomes.with_arrays(genomes.arrays._replace(**{name: wrong})).check()


def test_a_genome_without_its_outputs_is_found():
    genomes = good_genomes()
    arrays = genomes.arrays._replace(node_offset=np.array([0, 0, 4, 5]))
    with pytest.raises(neat.GenomeError, match="genome 0: the first nodes must be the outputs"):
        genomes.with_arrays(arrays).check()


def test_take_and_iteration_give_the_genomes_asked_for():
    genomes = evolve(neat.Population(make_config(**BUSY)), 6).genomes
    plain = [genome.to_dict() for genome in genomes]
    assert len(plain) == len(genomes) == 60
    chosen = np.random.default_rng(0).integers(0, 60, 100)
    taken = genomes.take(chosen)
    taken.check()
    assert [genome.to_dict() for genome in taken] == [plain[index] for index in chosen]
    assert taken.generation == 6
    assert genomes[-1].to_dict() == plain[-1]
    assert len(genomes.take(np.array([], np.int64))) == 0
    assert as_bytes(neat.Genomes.from_list(list(genomes)).arrays) == as_bytes(genomes.arrays)


def test_taken_genomes_are_copies():
    genomes = good_genomes()
    taken = genomes.take(np.arange(3))
    taken.arrays.connection_weight[:] = 9
    assert genomes[1].to_dict() == neat.Genome.from_dict(DATA).to_dict()


@pytest.mark.parametrize("indices", [[3], [-4], [-1], [0.5], [True, False, True]])
def test_take_refuses_what_is_no_index(indices):
    with pytest.raises((IndexError, ValueError)):
        good_genomes().take(np.array(indices))


@pytest.mark.parametrize("index", [3, -4])
def test_genomes_outside_do_not_exist(index):
    with pytest.raises(IndexError, match=f"genome {index} of 3"):
        good_genomes()[index]


def test_lists_must_be_of_one_kind():
    with pytest.raises(ValueError, match="genomes: expected at least one"):
        neat.Genomes.from_list([])
    for name, value in (("feed_forward", False), ("bias_input", True)):
        other = {
            **DATA,
            name: value,
            "nodes": [{**NODE, "id": 2 + (name == "bias_input")}],
            "connections": [],
        }
        with pytest.raises(neat.GenomeError, match=f"genome 1: {name} is {value}"):
            neat.Genomes.from_list([DATA, other])


def is_free_of_loops(links):
    """By taking away targets that are no sources, until nothing changes."""
    links = set(links)
    while links and (left := {link for link in links if link[1] in {source for source, _ in links}}) != links:
        links = left
    return not links


def test_random_graphs_are_judged_as_by_sets():
    """Many genomes in one batch: what one leaves in the scratch memory may not count for the next."""
    random, input_count, node_count = np.random.default_rng(0), 3, 5
    judged = set()
    for _ in range(300):
        graphs = []
        for _ in range(3):
            source = random.integers(0, input_count + node_count, random.integers(0, 7))
            graphs.append(list(zip(source, random.integers(input_count, 8, len(source)), strict=True)))
        source, target = (
            np.array([link for graph in graphs for link in graph], np.int32).reshape(-1, 2).T.copy()
        )
        sizes = [len(graph) for graph in graphs]
        nodes, links = 3 * node_count, sum(sizes)
        arrays = GenomeArrays(
            np.arange(4) * node_count,
            np.cumsum([0, *sizes]),
            np.tile(np.arange(input_count, input_count + node_count), 3),
            *np.zeros((2, nodes), np.float32),
            *np.zeros((2, nodes), np.uint8),
            np.arange(links),
            source,
            target,
            np.zeros(links, np.float32),
            np.ones(links, bool),
            np.zeros(links, np.int32),
        )
        for feed_forward in (True, False):
            expected = "none"
            for genome, graph in enumerate(graphs):
                if len(set(graph)) < len(graph):
                    expected = f"genome {genome}: no two"
                elif feed_forward and not is_free_of_loops(graph):
                    expected = f"genome {genome}: a feed-forward"
                if expected != "none":
                    break
            try:
                neat.Genomes(arrays, input_count, 1, feed_forward=feed_forward).check()
                message = "none"
            except neat.GenomeError as error:
                message = str(error)
            assert message.startswith(expected)
            judged.add(expected)
    assert len(judged) == 7


# With 2**24 inputs and one node each, a step for every input of every genome would take minutes.
MANY_INPUTS = """
import sys, neat
config = neat.Config(
    population_size=1000, genome={"num_inputs": 2**24 - 1, "num_outputs": 1, "initial_connections": "none"}
)
neat.checkpoint.save(neat.Population(config), sys.argv[1])
neat.checkpoint.load(sys.argv[1]).genomes.take(range(1000)).check()
"""


def test_unused_inputs_take_no_time(tmp_path):
    run_python("-c", MANY_INPUTS, tmp_path / "run.npz", timeout=100)
