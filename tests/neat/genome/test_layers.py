"""Genomes made of layers, compared with matrix products, and layers read from genomes."""

import re

import numpy as np
import pytest

import neat
from neat import Genome, Genomes, Layer
from tests.support.reference import ACTIVATIONS, Reference

SIZES = (3, 5, 4, 2)
NAMES = ("tanh", "relu", "sigmoid")


def layers(seed, sizes=SIZES, names=NAMES):
    draw = np.random.default_rng(seed)
    return [
        Layer(draw.normal(size=pair), draw.normal(size=pair[1]), name)
        for *pair, name in zip(sizes[:-1], sizes[1:], names, strict=True)
    ]


def outputs_of(model, x):
    for weight, bias, name in model:
        x = np.vectorize(ACTIVATIONS[name])(x @ weight + bias)
    return x


def test_a_genome_computes_what_its_layers_do():
    genomes = Genomes.from_layers([layers(0), layers(1), layers(2)])
    genomes.check()
    x = np.random.default_rng(9).normal(size=(6, SIZES[0]))
    for seed, genome in enumerate(genomes):
        network = Reference(genome.to_dict())
        found = [network.activate(row.tolist()) for row in x]
        np.testing.assert_allclose(found, outputs_of(layers(seed), x), rtol=1e-5, atol=1e-6)


def test_models_agree_on_innovation_numbers_and_with_generation_0():
    genomes = Genomes.from_layers([layers(0), layers(1)])
    config = neat.Config(
        population_size=2,
        genome={"num_inputs": 3, "num_outputs": 2, "hidden_layers": [5, 4], "initial_connections": "full"},
    )
    first = neat.Population(config).ask().arrays
    for name in ("node_id", "connection_innovation", "connection_source", "connection_target"):
        np.testing.assert_array_equal(getattr(genomes.arrays, name), getattr(first, name), err_msg=name)


def test_layers_return_unchanged():
    model = layers(3)
    for weight, bias, name in [Genomes.from_layers(model)[0].to_layers()[k] for k in range(3)]:
        expected = model.pop(0)
        np.testing.assert_array_equal(weight, expected.weight.astype(np.float32))
        np.testing.assert_array_equal(bias, expected.bias.astype(np.float32))
        assert name == expected.activation


def test_a_genome_is_a_model():
    genomes = Genomes.from_layers(layers(4))
    assert Genomes.from_layers([genomes[0], genomes[0]])[1] == genomes[0]


def changed(change):
    """Return the data of a small layered genome after a change: inputs 0 and 1, output 2, hidden nodes 3 and 4."""
    data = Genomes.from_layers(layers(5, (2, 2, 1), ("tanh", "identity")))[0].to_dict()
    change(data)
    return Genome.from_dict(data)


def outputs_of_genome(genome, x):
    network = Reference(genome.to_dict())
    return [network.activate(row.tolist()) for row in x]


def use_a_bias_input(data):
    """Make input 1 the bias input."""
    data.update(num_inputs=1, bias_input=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["connections"].pop(1),
        lambda data: data["connections"][2].update(enabled=False),
        lambda data: data["nodes"][1].update(response=-0.5),
        lambda data: data["nodes"].append({"id": 9, "activation": "sin", "aggregation": "median"}),
        use_a_bias_input,
    ],
    ids=["a missing connection", "a disabled one", "a response", "an unused node", "a bias input"],
)
def test_layers_of_genomes_that_are_not_full(change):
    genome = changed(change)
    x = np.random.default_rng(0).normal(size=(4, genome.num_inputs))
    found = genome.to_layers()
    assert [layer.weight.shape for layer in found] == [(genome.num_inputs, 2), (2, 1)]
    np.testing.assert_allclose(outputs_of(found, x), outputs_of_genome(genome, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda data: data["connections"].append(
                {"innovation": 9, "source": 1, "target": 2, "weight": 1.0}
            ),
            "connection 9: expected one from a layer to the next, got one from node 1 in layer 0 to node 2 in layer 2",
        ),
        (
            lambda data: data["nodes"][2].update(activation="sin"),
            "node 4: expected tanh, as node 3 of the same layer has, got sin",
        ),
        (
            lambda data: data["nodes"][0].update(aggregation="max"),
            "node 2: expected the aggregation sum, as in a layer, got max",
        ),
        (
            lambda data: data.update(feed_forward=False),
            "genome: expected a feed-forward one, since layers have no memory",
        ),
    ],
)
def test_genomes_without_layers_are_refused(change, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        changed(change).to_layers()


GOOD = Layer(np.ones((2, 3)), np.zeros(3), "tanh")


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (3, "models: expected one with layers, or a list of such, got 3"),
        ([], "models: expected one with layers, or a list of such, got []"),
        ([3], "model 0: expected a list of Layer, or a model with to_layers(), got 3"),
        ([[GOOD], []], "model 1: expected a list of Layer, or a model with to_layers(), got []"),
        ([GOOD, GOOD], "model 0: layer 1: weight: expected 3 inputs, as the layer before has outputs, got 2"),
        (
            [[GOOD], [GOOD._replace(weight=np.ones((4, 3)))]],
            "model 1: has layers of [4, 3], model 0 of [2, 3]",
        ),
        (
            [GOOD._replace(weight=np.ones(2))],
            "model 0: layer 0: weight: expected shape (inputs, outputs), got (2,)",
        ),
        ([GOOD._replace(bias=np.ones(2))], "model 0: layer 0: bias: expected shape (3,), got (2,)"),
        (
            [GOOD._replace(weight="a")],
            "model 0: layer 0: weight: expected an array of numbers, got dtype <U1",
        ),
        ([GOOD._replace(bias=[0, 1e39, 0])], "model 0: layer 0: bias: expected finite float32 numbers"),
        (
            [GOOD._replace(activation="tank")],
            "model 0: layer 0: activation 'tank' is not known (did you mean tanh?)",
        ),
        (
            [GOOD._replace(activation=np.tanh)],
            "model 0: layer 0: activation <ufunc 'tanh'> is not known; known are: ",
        ),
    ],
)
def test_mistakes_in_layers_are_refused(models, message):
    with pytest.raises(neat.GenomeError, match=f"^{re.escape(message)}"):
        Genomes.from_layers(models)
