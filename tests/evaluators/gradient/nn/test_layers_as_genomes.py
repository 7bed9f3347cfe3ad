"""Models of layers as genomes: the population's engine computes and trains them as `nn` does."""

import copy
import itertools

import numpy as np
import pytest

import evaluators
from evaluators.gradient import fit_weights, losses, nn, optim
from neat import Genomes

SIZES = (4, 7, 5, 3)
SAMPLES = 41  # odd, so that signs do not cancel to a gradient of which Adam would scale the rounding
DRAW = np.random.default_rng(0)
INPUTS = DRAW.normal(size=(SAMPLES, SIZES[0])).astype(np.float32)
NUMBERS = DRAW.normal(size=(SAMPLES, SIZES[-1])).astype(np.float32)
LABELS = np.arange(SAMPLES) % 3
LOSSES = {
    "squared_error": (losses.mean_squared, NUMBERS),
    "absolute_error": (losses.mean_absolute, NUMBERS),
    "cross_entropy": (losses.softmax_cross_entropy, LABELS),
}
OPTIMISERS = {
    "Adam": lambda parameters: optim.Adam(parameters, 0.01),
    "SGD": lambda parameters: optim.SGD(parameters, 0.05, momentum=0.9),
}


def model_of(seed, activation="tanh"):
    layers = [
        layer for pair in itertools.pairwise(SIZES) for layer in (nn.Dense(*pair), nn.Activation(activation))
    ]
    return nn.Sequential(*layers[:-1]).initialise(seed)


def losses_of(model, loss, targets, optimiser, steps):
    """Train with a loop of one's own, and return the loss before each step and after the last."""
    optimiser, found = optimiser(model.parameters()), []
    for _ in range(steps):
        optimiser.zero_grad()
        value = loss(model(INPUTS), targets)
        found.append(value.item())
        value.backward()
        optimiser.step()
    return [*found, loss(model(INPUTS), targets).item()]


def test_outputs_are_the_same():
    models = [model_of(seed, name) for seed, name in enumerate(["tanh", "selu", "hat", "scaled_softplus"])]
    found = evaluators.compile(Genomes.from_layers(models), device="cpu").activate(INPUTS)
    for model, outputs in zip(models, found, strict=True):
        np.testing.assert_allclose(outputs, model(INPUTS).data, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("fitness", LOSSES)
def test_models_train_as_genomes_do(fitness, optimiser):
    models, (loss, targets), make = (
        [model_of(seed) for seed in range(3)],
        LOSSES[fitness],
        OPTIMISERS[optimiser],
    )
    genomes = Genomes.from_layers(models)
    expected = np.array([losses_of(model, loss, targets, make, 50) for model in models])
    # Where an error crosses 0, rounding decides the sign that the absolute error passes on.
    for steps in (1, 7) if fitness == "absolute_error" else (1, 7, 50):
        learned = fit_weights(genomes, INPUTS, targets, make, steps, fitness)
        np.testing.assert_allclose(-learned.fitness_before, expected[:, 0], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(-learned.fitness, expected[:, steps], rtol=1e-5, atol=1e-5)


def test_models_and_layers():
    model = nn.Sequential(
        nn.Sequential(nn.Dense(4, 6, bias=False), nn.Dropout(0.5)), nn.Activation("relu"), nn.Dense(6, 2)
    ).to(dtype=np.float64)
    again = nn.Sequential.from_layers(model.to_layers())
    assert [type(layer).__name__ for layer in again.layers] == ["Dense", "Activation", "Dense"]
    expected = copy.deepcopy(model).eval()(INPUTS.astype(np.float64)).data
    np.testing.assert_allclose(again(INPUTS).data, expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"^activation 'step' has no derivative"):
        nn.Sequential.from_layers([layer._replace(activation="step") for layer in model.to_layers()])


@pytest.mark.parametrize(
    "modules",
    [
        [nn.Activation("tanh"), nn.Dense(2, 2)],
        [nn.Dense(2, 2), nn.Activation("tanh"), nn.Activation("tanh")],
        [nn.Dense(2, 2), nn.BatchNorm(2)],
    ],
)
def test_other_models_are_not_layers(modules):
    kind = "BatchNorm" if isinstance(modules[-1], nn.BatchNorm) else "Activation"
    with pytest.raises(
        ValueError, match=f"^layers: expected Dense, an Activation after it, or Dropout, got {kind}$"
    ):
        nn.Sequential(*modules).to_layers()
