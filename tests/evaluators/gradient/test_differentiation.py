"""The gradient of each gene, compared with the tape's for the same layers and with a step along it."""

import numpy as np
import pytest

import evaluators
from evaluators.gradient import losses, nn
from neat import Genomes

DRAW = np.random.default_rng(0)
INPUTS = DRAW.normal(size=(40, 4)).astype(np.float32)
NUMBERS = DRAW.normal(size=(40, 3)).astype(np.float32)
LABELS = np.arange(40) % 3
LOSSES = {
    "squared_error": (losses.mean_squared, NUMBERS),
    "absolute_error": (losses.mean_absolute, NUMBERS),
    "cross_entropy": (losses.softmax_cross_entropy, LABELS),
}


def make_model(seed):
    layers = (nn.Dense(4, 6), nn.Activation("tanh"), nn.Dense(6, 5), nn.Activation("tanh"), nn.Dense(5, 3))
    return nn.Sequential(*layers).initialise(seed)


@pytest.mark.parametrize("fitness", LOSSES)
def test_gradients_are_those_of_the_tape(fitness):
    model, (loss, targets) = make_model(1), LOSSES[fitness]
    genome = Genomes.from_layers(model)[0]
    data = genome.to_dict()
    unused = [
        {"innovation": 1000, "source": 0, "target": 4, "weight": 2.0, "enabled": False},
        {"innovation": 1001, "source": 0, "target": 99, "weight": 2.0},
    ]
    data["nodes"].append({"id": 99, "bias": 0.5, "activation": "tanh"})
    data["connections"] += unused
    genomes = Genomes.from_list([data])
    found = evaluators.differentiate(genomes, INPUTS, targets, fitness)
    loss(model(INPUTS), targets).backward()
    dense = [layer for layer in model.layers if isinstance(layer, nn.Dense)]
    weights = np.concatenate([layer.weight.grad.T.ravel() for layer in dense] + [np.zeros(2)])
    biases = np.concatenate([layer.bias.grad for layer in (dense[-1], *dense[:-1])] + [np.zeros(1)])
    np.testing.assert_allclose(found.weight, -weights, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.bias, -biases, rtol=1e-3, atol=1e-6)
    assert found.response.shape == found.bias.shape and found.response[-1] == 0 != found.response[0]
    supervised = evaluators.Supervised(INPUTS, targets, fitness, device="cpu")
    np.testing.assert_allclose(found.fitness, supervised(genomes), rtol=1e-6)


def test_a_step_along_the_gradient_improves_the_fitness():
    genomes = Genomes.from_layers([make_model(seed) for seed in range(4)])
    before = evaluators.differentiate(genomes, INPUTS, NUMBERS)
    genomes.arrays.connection_weight[:] += 0.01 * before.weight
    genomes.arrays.node_bias[:] += 0.01 * before.bias
    after = evaluators.differentiate(genomes, INPUTS, NUMBERS)
    rise = [
        float(sum((g[o[k] : o[k + 1]] ** 2).sum() for g, o in zip(before[1:3], offsets, strict=True)))
        for k in range(4)
        for offsets in [(genomes.arrays.connection_offset, genomes.arrays.node_offset)]
    ]
    np.testing.assert_allclose(after.fitness - before.fitness, 0.01 * np.array(rise), rtol=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"genomes": 3}, "genomes: expected neat.Genomes or neat.Genome, got int"),
        (
            {"fitness": "accuracy", "targets": LABELS},
            "fitness: expected one with a slope, squared_error, absolute_error, cross_entropy",
        ),
        ({"inputs": INPUTS[:, 1:]}, "genomes: expected 3 inputs, as the data set has, got 4"),
        ({"targets": NUMBERS[1:]}, "targets: expected 40 samples, got 39"),
        ({"device": "tpu"}, "device: "),
    ],
)
def test_mistakes_in_differentiate_are_refused(change, message):
    arguments = {"genomes": Genomes.from_layers(make_model(0)), "inputs": INPUTS, "targets": NUMBERS} | change
    with pytest.raises(ValueError, match=f"^{message}"):
        evaluators.differentiate(**arguments)
