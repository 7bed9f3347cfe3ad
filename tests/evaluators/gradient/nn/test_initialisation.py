"""Initial values of weights: their distributions, and what they depend on."""

import copy

import numpy as np
import pytest

from evaluators.gradient import nn, random_numbers
from evaluators.gradient.nn import initialisation, module, parameter
from tests.support.layers import mlp
from tests.support.refusals import refuses


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
    nn.Dense(4, 8)  # earlier modules have no effect
    first, second = mlp().initialise(0), mlp().initialise(0)
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


def dropped(layer):
    return layer(np.ones((4, 50))).data == 0


def test_modules_of_the_same_shape_have_different_weights():
    weights = [nn.Dense(5, 5).weight, nn.Dense(5, 5).weight]
    weights += [layer.weight for layer in nn.Sequential(nn.Dense(5, 5), nn.Dense(5, 5)).layers]
    weights += [
        nn.Dense(5, 5).initialise(0).weight,
        nn.Parameter((5, 5), initialisation.scaled("he_normal", 5, 5)),
    ]
    weights += [nn.Conv2d(5, 5, 1).weight, nn.Dense(5, 5, initialisation=initialisation.orthogonal()).weight]
    for k, weight in enumerate(weights):
        for other in weights[:k]:
            assert not np.isin(weight.data, other.data).any()
    late = nn.Dense(5, 5)
    late.first = nn.Parameter((9,), initialisation.scaled("he_normal", 5, 5))
    late.second = nn.Parameter((9,), initialisation.scaled("he_normal", 5, 5))
    assert not np.isin(late.first.data, late.second.data).any()


def test_dropouts_without_a_seed_draw_different_masks():
    layers = [nn.Dropout(0.5), nn.Dropout(0.5), *nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)).layers]
    layers += [nn.Dropout(0.5).initialise(0)]
    masks = [dropped(layer) for layer in layers]
    for k, mask in enumerate(masks):
        for other in masks[:k]:
            assert 0.35 < (mask == other).mean() < 0.65  # six deviations of 200 independent elements


def test_joining_a_model_changes_no_draw():
    alone, part = nn.Dropout(0.5).initialise(2), nn.Dropout(0.5).initialise(2)
    nn.Sequential(nn.Flatten(), part)
    np.testing.assert_array_equal(dropped(alone), dropped(part))
    layer = nn.Dense(3, 3)
    twin = copy.deepcopy(layer)
    nn.Sequential(nn.Dense(2, 3), layer)
    np.testing.assert_array_equal(layer.weight.data, twin.weight.data)


def test_the_same_order_gives_the_same_draws(monkeypatch):
    """A program that runs twice gets the same values."""

    def run():
        streams = parameter.Streams()
        for each in (module, parameter):
            monkeypatch.setattr(each, "streams", streams)
        first, second = mlp(), mlp()
        second.state()  # the order of use has no effect
        return {**first.state(), **{f"second {name}": array for name, array in second.state().items()}}

    once, again = run(), run()
    for name, array in once.items():
        np.testing.assert_array_equal(array, again[name])


def test_initialise_resets_the_model():
    model, fresh = mlp().initialise(3), mlp().initialise(3)
    x = np.random.default_rng(0).normal(size=(6, 4))
    model(x).sum().backward()
    model.initialise(3)
    for name, array in fresh.state().items():  # weights, statistics, dropout's count
        np.testing.assert_array_equal(array, model.state()[name], err_msg=name)
    np.testing.assert_array_equal(model(x).data, fresh(x).data)


def test_the_state_determines_the_masks():
    first, second = nn.Dropout(0.5), nn.Sequential(nn.Dense(1, 1), nn.Dropout(0.5)).initialise(4).layers[1]
    dropped(first)
    second.restore(first.state())
    np.testing.assert_array_equal(dropped(first), dropped(second))


def test_equal_layers_of_a_model_have_different_weights():
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


def test_joining_a_model_keeps_the_seed():
    part = nn.Sequential(nn.Dense(5, 5), nn.Dropout(0.5)).initialise(3)
    alone = nn.Sequential(nn.Dense(5, 5), nn.Dropout(0.5)).initialise(3)
    model = nn.Sequential(nn.Dense(5, 5), part)
    x = np.ones((2, 5))
    np.testing.assert_array_equal(part(x).data, alone(x).data)
    model.initialise(4)
    assert (part.layers[0].weight.data != alone.layers[0].weight.data).all()


def test_the_random_words_are_philox():
    from neat.kernels import rng

    expected = [w for draw in range(3) for w in rng.block(np.uint64(5), 3, 2, 1, draw)]
    np.testing.assert_array_equal(random_numbers.words(5, 1, 2, 3, 10), np.array(expected, np.uint32)[:10])
    numbers = random_numbers.normal(0, 1, 0, 0, (100_000,))
    assert abs(numbers.mean()) < 0.02
    assert numbers.std() == pytest.approx(1, abs=0.01)
    assert sorted(random_numbers.permutation(0, 0, 50)) == list(range(50))
    assert (random_numbers.permutation(0, 0, 50) != random_numbers.permutation(0, 1, 50)).any()


def test_a_dtype_is_rounded_to_and_draws_the_same():
    first = nn.Dense(4, 3).initialise(0)
    second = nn.Dense(4, 3).initialise(0).to(dtype=np.float64)
    assert second.weight.dtype == second(np.zeros((1, 4))).dtype == np.float64
    np.testing.assert_array_equal(first.weight.data, second.weight.data.astype(np.float32))
    assert second.to(dtype="float32").weight.data.dtype == np.float32
