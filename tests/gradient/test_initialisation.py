"""The first values of weights: their distributions, and what they depend on."""

import numpy as np
import pytest

from evaluators.gradient import draws, initialisation, nn
from tests.gradient.test_nn import mlp, refuses


@pytest.mark.parametrize(("inputs", "outputs"), [(30, 8), (8, 30), (12, 12)])
def test_orthogonal_initialisation(inputs, outputs):
    weight = nn.Dense(inputs, outputs, initialisation=initialisation.orthogonal(2.0)).weight.data.astype(
        float
    )
    square = weight @ weight.T if inputs < outputs else weight.T @ weight
    np.testing.assert_allclose(square, 4 * np.eye(min(inputs, outputs)), atol=1e-5)
    with refuses("gain: "):
        initialisation.orthogonal(0.0)


@pytest.mark.parametrize("name", initialisation.NAMES)
def test_initialisations_have_their_variance(name):
    inputs, outputs = 300, 200
    weight = nn.Dense(inputs, outputs, initialisation=name).weight.data
    rule, _, distribution = name.partition("_")
    variance = {"glorot": 2 / (inputs + outputs), "he": 2 / inputs, "lecun": 1 / inputs}[rule]
    assert weight.dtype == np.float32
    assert abs(weight.mean()) < 5 * np.sqrt(variance / weight.size)
    assert weight.var() == pytest.approx(variance, rel=0.03)
    kurtosis = ((weight - weight.mean()) ** 4).mean() / weight.var() ** 2
    assert kurtosis == pytest.approx(1.8 if distribution == "uniform" else 3.0, rel=0.05)
    if distribution == "uniform":
        assert abs(weight).max() <= np.sqrt(3 * variance) * (1 + 1e-6)


def test_fans_of_a_convolution():
    layer = nn.Conv2d(30, 40, (3, 5), initialisation="glorot_normal")
    assert layer.weight.data.var() == pytest.approx(2 / (15 * 70), rel=0.05)


def test_weights_depend_on_seed_and_place_alone():
    before = np.random.get_state()[1].copy()
    first, second = mlp(), mlp()
    for name, array in first.state().items():
        np.testing.assert_array_equal(array, second.state()[name])
    assert (np.random.get_state()[1] == before).all()
    other = mlp().initialise(1)
    assert (other.state()["layers.0.weight"] != first.state()["layers.0.weight"]).all()
    np.testing.assert_array_equal(
        first.initialise(1).state()["layers.4.weight"], other.state()["layers.4.weight"]
    )
    np.testing.assert_array_equal(
        first.initialise(0).state()["layers.4.weight"], second.state()["layers.4.weight"]
    )


def test_equal_layers_of_a_model_have_weights_of_their_own():
    model = nn.Sequential(nn.Dense(5, 5), nn.Sequential(nn.Dense(5, 5), nn.Dense(5, 5)))
    weights = [p.data for p in model.parameters() if p.ndim == 2]
    assert len(weights) == 3
    for k in range(3):
        assert not np.isin(weights[k], weights[k - 1]).any()


def test_a_layer_that_was_used_keeps_its_weights():
    layer = nn.Dense(5, 5)
    layer.weight.data = np.full((5, 5), 7)
    before = layer.weight.data.copy()
    nn.Sequential(nn.Flatten(), layer)
    np.testing.assert_array_equal(layer.weight.data, before)


def test_a_seed_that_was_chosen_stays():
    part = nn.Sequential(nn.Dense(5, 5), nn.Dropout(0.5)).initialise(3)
    alone = nn.Sequential(nn.Dense(5, 5), nn.Dropout(0.5)).initialise(3)
    model = nn.Sequential(nn.Dense(5, 5), part)
    x = np.ones((2, 5))
    np.testing.assert_array_equal(part(x).data, alone(x).data)
    model.initialise(4)
    assert (part.layers[0].weight.data != alone.layers[0].weight.data).all()


def test_the_random_words_are_philox():
    from neat import rng

    expected = [w for draw in range(3) for w in rng.block(np.uint64(5), 3, 2, 1, draw)]
    np.testing.assert_array_equal(draws.words(5, 1, 2, 3, 10), np.array(expected, np.uint32)[:10])
    numbers = draws.normal(0, 1, 0, 0, (100_000,))
    assert abs(numbers.mean()) < 0.02
    assert numbers.std() == pytest.approx(1, abs=0.01)
    assert sorted(draws.permutation(0, 0, 50)) == list(range(50))
    assert (draws.permutation(0, 0, 50) != draws.permutation(0, 1, 50)).any()


def test_a_dtype_is_rounded_to_and_draws_the_same():
    first, second = nn.Dense(4, 3), nn.Dense(4, 3).to(dtype=np.float64)
    assert second.weight.dtype == second(np.zeros((1, 4))).dtype == np.float64
    np.testing.assert_array_equal(first.weight.data, second.weight.data.astype(np.float32))
    assert second.to(dtype="float32").weight.data.dtype == np.float32
