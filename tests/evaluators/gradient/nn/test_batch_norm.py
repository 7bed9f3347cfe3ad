"""Batch normalisation compared with plain numpy: of a batch, of running statistics, and of a population's."""

import numpy as np
import pytest

from evaluators.gradient import nn
from tests.support.layers import mlp
from tests.support.refusals import refuses


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2, 5)], ids=str)
def test_batch_norm_in_training_and_evaluation(shape, tensor, device, host):
    layer = nn.BatchNorm(3, decay=0.8, epsilon=1e-3).to(device, np.float64)
    layer.scale.data, layer.shift.data = tensor([0.5, 1.0, 2.0]).data, tensor([1.0, 0.0, -1.0]).data
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(4):
        x = tensor(shape)
        y = host(layer(x))
        for c in range(3):
            values = host(x)[:, c].ravel()
            mu = sum(values) / len(values)
            squares = sum((v - mu) ** 2 for v in values)
            expected = (values - mu) / np.sqrt(squares / len(values) + 1e-3)
            expected = host(layer.scale)[c] * expected + host(layer.shift)[c]
            np.testing.assert_allclose(y[:, c].ravel(), expected, rtol=1e-10)
            mean[c] = 0.8 * mean[c] + 0.2 * mu
            variance[c] = 0.8 * variance[c] + 0.2 * squares / (len(values) - 1)
        np.testing.assert_allclose(host(layer.running_mean), mean, rtol=1e-12)
        np.testing.assert_allclose(host(layer.running_variance), variance, rtol=1e-12)
    layer.eval()
    x = tensor(shape)
    for c in range(3):
        expected = (host(x)[:, c] - mean[c]) / np.sqrt(variance[c] + 1e-3)
        expected = host(layer.scale)[c] * expected + host(layer.shift)[c]
        np.testing.assert_allclose(host(layer(x))[:, c], expected, rtol=1e-10)
    np.testing.assert_allclose(host(layer.running_mean), mean, rtol=1e-12)


def test_population_statistics(tensor, device, host):
    batches = [tensor((8, 3)) for _ in range(5)]
    layer = nn.BatchNorm(3).to(device, np.float64)
    layer(tensor((4, 3)))  # its statistics are replaced below
    assert layer.eval().population_statistics(batches) is layer
    assert not layer.training
    arrays = [host(batch) for batch in batches]
    np.testing.assert_allclose(host(layer.running_mean), np.mean([a.mean(0) for a in arrays], 0), rtol=1e-13)
    expected = np.mean([a.var(0) * 8 / 7 for a in arrays], 0)
    np.testing.assert_allclose(host(layer.running_variance), expected, rtol=1e-13)
    again = nn.BatchNorm(3).to(device, np.float64).population_statistics(iter(batches))
    np.testing.assert_array_equal(host(again.running_variance), host(layer.running_variance))


def test_population_statistics_of_a_model():
    generator = np.random.default_rng(0)
    model = mlp().to(dtype=np.float64)
    data = generator.normal(size=(6, 10, 4))
    model.population_statistics(data)
    assert all(module.training for _, module in model.modules())
    norm, dropout = model.layers[2], model.layers[3]
    assert dropout.calls == 0  # dropout is off
    hidden = [np.tanh(batch @ model.layers[0].weight.data + model.layers[0].bias.data) for batch in data]
    np.testing.assert_allclose(norm.running_mean, np.mean([h.mean(0) for h in hidden], 0), rtol=1e-12)
    np.testing.assert_allclose(
        norm.running_variance, np.mean([h.var(0) * 10 / 9 for h in hidden], 0), rtol=1e-12
    )
    with refuses("data: expected at least one batch, got none"):
        model.population_statistics([])


@pytest.mark.parametrize("old", [0.0, 1e6, np.inf])
def test_population_statistics_replace_the_old_ones(old):
    draw = np.random.default_rng(4)
    batches = [draw.normal(10, 0.01, (32, 3)).astype(np.float32) for _ in range(5)]
    layer = nn.BatchNorm(3)
    layer.running_mean[:], layer.running_variance[:] = old, old
    layer.population_statistics(batches)
    exact = [batch.astype(np.float64) for batch in batches]
    np.testing.assert_allclose(
        layer.running_mean, np.mean([b.mean(axis=0) for b in exact], axis=0), rtol=1e-6
    )
    variance = np.mean([b.var(axis=0, ddof=1) for b in exact], axis=0)
    np.testing.assert_allclose(layer.running_variance, variance, rtol=1e-3)


@pytest.mark.parametrize("shape", [(3,), (3, 2, 2)], ids=["features", "images"])
def test_population_statistics_of_unequal_batches(shape, tensor, device, host):
    """The mean is that of all values; the variance is pooled, by the degrees of freedom of each batch."""
    batches = [tensor((count, *shape)) for count in (2, 9, 30, 5)]
    layer = nn.BatchNorm(3).to(device, np.float64).population_statistics(batches)
    values = [np.moveaxis(host(batch), 1, 0).reshape(3, -1) for batch in batches]
    np.testing.assert_allclose(host(layer.running_mean), np.concatenate(values, 1).mean(1), rtol=1e-12)
    squares = sum(((v - v.mean(1, keepdims=True)) ** 2).sum(1) for v in values)
    pooled = squares / sum(v.shape[1] - 1 for v in values)
    np.testing.assert_allclose(host(layer.running_variance), pooled, rtol=1e-12)


def test_failed_population_statistics_change_nothing():
    layer = nn.BatchNorm(3)
    before = layer.state()
    draw = np.random.default_rng(5)
    with refuses("BatchNorm: expected more than one value per channel in training, got shape (1, 3)"):
        layer.population_statistics([draw.normal(size=(8, 3)), draw.normal(size=(1, 3))])
    for name, array in before.items():
        np.testing.assert_array_equal(layer.state()[name], array)


def test_statistics_of_a_frozen_layer_stay():
    body, head = nn.BatchNorm(3), nn.BatchNorm(3)
    model = nn.Sequential(body, head)
    x = np.random.default_rng(0).normal(2.0, 3.0, (20, 3))
    model(x)
    body.freeze()
    before = model.state()
    output = body.train()(x).data
    np.testing.assert_array_equal(output, body.eval()(x).data)  # of the running statistics
    model.train()(x[:1].repeat(2, 0) * [[1], [2]])
    model.population_statistics([x])
    after = model.state()
    for name in ("running_mean", "running_variance"):
        np.testing.assert_array_equal(before[f"layers.0.{name}"], after[f"layers.0.{name}"])
        assert (before[f"layers.1.{name}"] != after[f"layers.1.{name}"]).all()
    body.train()(x[:1])  # a single value would be refused in training
    body.freeze(False)
    body(x)
    assert (body.running_mean != after["layers.0.running_mean"]).all()
