import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evaluators
from neat.genome.genome import Genome, Genomes
from tests.support.paths import DATA
from tests.support.reference import ACTIVATIONS, AGGREGATIONS, Reference, random_genome

CASES = json.loads((DATA / "neat_python_cases.json").read_text())
# These grow what rounding leaves, or jump: fine for one node, hopeless to compare through several.
TAME = sorted(set(ACTIVATIONS) - {"inv", "step", "exp", "cube", "square", "log"})


def expected_outputs(data, x):
    """Outputs of the plain-Python network for inputs of shape (times, samples, inputs)."""
    x = np.asarray(x)
    outputs = np.empty((*x.shape[:2], data["num_outputs"]))
    for sample in range(x.shape[1]):
        network = Reference(data)
        for time in range(x.shape[0]):
            outputs[time, sample] = network.activate(x[time, sample].tolist())
    return outputs


def assert_close(actual, expected, relative=2e-4, absolute=2e-4):
    np.testing.assert_allclose(actual, expected, rtol=relative, atol=absolute)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_one_node_of_every_kind(activation, aggregation):
    rng = random.Random(f"{activation} {aggregation}")
    data = random_genome(rng, activations=[activation], aggregations=[aggregation], hidden=0)
    x = np.random.default_rng(0).uniform(-2, 2, (1, 37, data["num_inputs"]))
    outputs = evaluators.compile(Genome.from_dict(data)).activate(x[0])
    if activation == "inv":  # near its pole the argument's rounding decides
        with np.errstate(divide="ignore"):
            outputs, expected = np.arctan(1 / outputs[0]), np.arctan(1 / expected_outputs(data, x)[0])
        return assert_close(outputs, expected)
    if activation == "step":
        return np.testing.assert_allclose(outputs[0].mean(), expected_outputs(data, x)[0].mean(), atol=0.06)
    assert_close(outputs[0], expected_outputs(data, x)[0])


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans(), st.booleans(), st.integers(1, 20))
def test_random_networks(rng, feed_forward, bias_input, samples):
    data = random_genome(rng, feed_forward=feed_forward, bias_input=bias_input, activations=TAME)
    x = np.random.default_rng(samples).uniform(-2, 2, (3, samples, data["num_inputs"]))
    networks = evaluators.compile(Genome.from_dict(data))
    expected = expected_outputs(data, x)
    relative = 1e-3 * max(1.0, np.abs(expected).max())
    for time in range(3):
        assert_close(networks.activate(x[time])[0], expected[time], absolute=relative)
    networks.reset()
    assert_close(networks.activate_sequence(x)[0], expected, absolute=relative)


@pytest.mark.parametrize("feed_forward", [True, False])
def test_the_same_outputs_as_neat_python(feed_forward):
    cases = [case for case in CASES if case["genome"]["feed_forward"] == feed_forward]
    assert len(cases) == 18 * 7
    for case in cases:
        networks = evaluators.compile(Genome.from_dict(case["genome"]))
        expected = np.array(case["y"])
        x = np.array(case["x"])[:, np.newaxis]
        assert_close(
            networks.activate_sequence(x)[0, :, 0], expected, 2e-3, 1e-3 * max(1, np.abs(expected).max())
        )


@pytest.mark.parametrize("samples", [1, 7, 8, 9, 511, 512, 513, 1100])
def test_a_samples_output_does_not_depend_on_its_place(samples):
    data = random_genome(random.Random(5), activations=TAME, hidden=12)
    genomes = Genome.from_dict(data)
    x = np.random.default_rng(0).normal(size=(samples, data["num_inputs"]))
    together = evaluators.compile(genomes).activate(x)[0]
    alone = [evaluators.compile(genomes).activate(x[i : i + 1])[0, 0] for i in range(0, samples, 37)]
    np.testing.assert_allclose(together[::37], alone, rtol=1e-5, atol=1e-6)


def chain(nodes, **genome):
    """Data of a chain: input 0, then nodes output 1, hidden 2, 3, …, the last reading the input."""
    ids = [1, *range(2, nodes + 1)]
    sources = [*ids[1:], 0]
    return {
        "num_inputs": 1,
        "num_outputs": 1,
        "nodes": [{"id": id_, "activation": "identity"} for id_ in ids],
        "connections": [
            {"innovation": i, "source": source, "target": target, "weight": 1.0}
            for i, (source, target) in enumerate(zip(sources, ids, strict=True))
        ],
        **genome,
    }


def test_recurrent_step_reads_the_step_before():
    networks = evaluators.compile(Genome.from_dict(chain(3, feed_forward=False)))
    outputs = [networks.activate([[value]])[0, 0, 0] for value in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert outputs == [0.0, 0.0, 1.0, 2.0, 3.0]
    networks.reset()
    assert networks.activate([[9.0]])[0, 0, 0] == 0.0


def test_feed_forward_passes_the_whole_chain_at_once():
    networks = evaluators.compile(Genome.from_dict(chain(300)))
    assert networks.activate([[2.5]])[0, 0, 0] == 2.5


def test_output_without_inputs_is_its_bias_whatever_the_aggregation():
    for aggregation in AGGREGATIONS:
        data = {
            "num_inputs": 1,
            "num_outputs": 1,
            "nodes": [
                {"id": 1, "bias": 0.5, "response": 3.0, "activation": "tanh", "aggregation": aggregation}
            ],
            "connections": [{"innovation": 0, "source": 0, "target": 1, "weight": 2.0, "enabled": False}],
        }
        for feed_forward in (True, False):
            networks = evaluators.compile(Genome.from_dict({**data, "feed_forward": feed_forward}))
            assert networks.activate([[1.0]])[0, 0, 0] == pytest.approx(np.tanh(0.5), rel=1e-6)


def test_samples_are_states_side_by_side_and_the_bias_input_is_one():
    data = {
        "num_inputs": 1,
        "num_outputs": 1,
        "bias_input": True,
        "feed_forward": False,
        "nodes": [{"id": 2, "activation": "identity"}],
        "connections": [
            {"innovation": 0, "source": 0, "target": 2, "weight": 1.0},
            {"innovation": 1, "source": 1, "target": 2, "weight": 0.25},
            {"innovation": 2, "source": 2, "target": 2, "weight": 1.0},
        ],
    }
    networks = evaluators.compile(Genomes.from_list([data, data]))
    networks.activate([[1.0], [10.0]])
    outputs = networks.activate([[1.0], [10.0]])
    np.testing.assert_array_equal(outputs[:, :, 0], [[2.5, 20.5]] * 2)
    networks.reset(genomes=[1])
    outputs = networks.activate([[1.0], [10.0]])
    np.testing.assert_array_equal(outputs[:, :, 0], [[3.75, 30.75], [1.25, 10.25]])
    networks.reset(genomes=np.array([True, False]))
    outputs = networks.activate([[1.0], [10.0]])
    np.testing.assert_array_equal(outputs[:, :, 0], [[1.25, 10.25], [2.5, 20.5]])


def test_an_infinite_value_is_no_nan():
    """A sum's stand-ins for missing links must not turn infinity into NaN."""
    for links in range(1, 14):
        data = {
            "num_inputs": links,
            "num_outputs": 1,
            "nodes": [
                {"id": links, "activation": "tanh"},
                *({"id": links + 1 + i, "activation": "cube", "bias": 1e30} for i in range(links)),
            ],
            "connections": [
                {"innovation": i, "source": links + 1 + i, "target": links, "weight": 1.0}
                for i in range(links)
            ],
        }
        for samples in (1, 20):
            outputs = evaluators.compile(Genome.from_dict(data)).activate(np.ones((samples, links)))
            np.testing.assert_allclose(outputs, 1.0, rtol=1e-6)
