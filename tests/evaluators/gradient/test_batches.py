"""Batch sizes that do not divide the data, single samples, and batch normalisation."""

import numpy as np
import pytest

from evaluators.gradient import Batches, fit, losses, nn, optim, reporting
from tests.support.refusals import refuses

DRAW = np.random.default_rng(0)
X, Y = DRAW.normal(size=(64, 4)), DRAW.integers(0, 3, 64)
IMAGES = DRAW.normal(size=(64, 1, 3, 3))


def dense():
    return nn.Sequential(nn.Dense(4, 6), nn.BatchNorm(6), nn.Activation("tanh"), nn.Dense(6, 3)).initialise(0)


def convolutional(window=2):
    layers = nn.Conv2d(1, 2, window), nn.BatchNorm(2), nn.Flatten()
    return nn.Sequential(*layers, nn.Dense(2 * (4 - window) ** 2, 3)).initialise(0)


def plain():
    return nn.Sequential(nn.Dense(4, 6), nn.Activation("tanh"), nn.Dense(6, 3)).initialise(0)


class BatchSizes(reporting.Reporter):
    """Counts batches, and records the sizes of a model's inputs."""

    def __init__(self, model):
        self.totals, self.sizes = set(), []
        forward = model.forward

        def remembering(x):
            if model.training:
                self.sizes.append(len(x))
            return forward(x)

        model.forward = remembering

    def batch(self, done, total):
        self.totals.add(total)


def sizes(model, inputs, count, batch_size, epochs=1):
    batches = BatchSizes(model)
    optimiser = optim.SGD(model.parameters(), 0.1)
    data = inputs[:count], Y[:count]
    fitted = fit(
        model, data, losses.softmax_cross_entropy, optimiser, epochs, Batches(batch_size), reporters=[batches]
    )
    assert batches.totals == {len(batches.sizes) // epochs}
    assert fitted.history["step"][-1] == optimiser.steps == len(batches.sizes)
    assert np.isfinite(fitted.history["training_loss"]).all()
    return batches.sizes


@pytest.mark.parametrize("count", range(2, 15))
@pytest.mark.parametrize("batch_size", [2, 3, 5, 13, 14])
def test_no_batch_of_one_with_batch_normalisation(count, batch_size):
    found = sizes(dense(), X, count, batch_size)
    expected = [min(batch_size, count - begin) for begin in range(0, count, batch_size)]
    if expected[-1] == 1:
        expected = [*expected[:-2], expected[-2] + 1]
    assert found == expected
    assert sum(found) == count and min(found) > 1


def test_all_epochs_have_the_same_batches():
    assert sizes(dense(), X, 9, 4, epochs=3) == [4, 5] * 3
    assert sizes(convolutional(window=3), IMAGES, 9, 4) == [4, 5]  # one position: one value per channel


def test_the_joined_sample_is_learnt_from(monkeypatch):
    """Compare with two manual steps, one with the larger batch."""
    from evaluators.gradient import random_numbers

    model, twin = dense(), dense()
    fitted = fit(
        model,
        (X[:9], Y[:9]),
        losses.softmax_cross_entropy,
        optim.SGD(model.parameters(), 0.5),
        1,
        Batches(4, 2),
    )
    optimiser, total = optim.SGD(twin.parameters(), 0.5), 0.0
    order = random_numbers.permutation(2, 0, 9)
    for chosen in (order[:4], order[4:]):
        optimiser.zero_grad()
        loss = losses.softmax_cross_entropy(twin(X[chosen]), Y[chosen])
        total += loss.item() * len(chosen)
        loss.backward()
        optimiser.step()
    for name, array in twin.state().items():
        np.testing.assert_array_equal(array, model.state()[name])
    assert fitted.history["training_loss"][0] == total / 9


@pytest.mark.parametrize(
    ("make", "inputs"), [(plain, X), (convolutional, IMAGES)], ids=["no normalisation", "images"]
)
def test_a_batch_of_one_stays_where_it_can(make, inputs):
    assert sizes(make(), inputs, 9, 4) == [4, 4, 1]
    assert sizes(make(), inputs, 3, 1) == [1, 1, 1]
    assert sizes(make(), inputs, 1, 32) == [1]


class Branching(nn.Module):
    """Calls batch normalisation in ways that a forward pass in evaluation mode does not reveal."""

    def __init__(self, way):
        self.way, self.first, self.last = way, nn.Dense(4, 6), nn.Dense(6, 3)
        self.norm = nn.BatchNorm(6)
        self.called = nn.BatchNorm(1)

    def forward(self, x):
        x = self.first(x)
        if self.way == "forward":
            x = self.norm.forward(x)
        elif self.way == "training" and self.training:
            x = self.norm(x)
        elif self.way == "twice":
            x = self.called(x.reshape(-1, 1, 6)).reshape(-1, 6)  # six values, then one
            x = self.norm(x) + self.called(x[:, :1])
        return self.last(x)


@pytest.mark.parametrize("way", ["forward", "training", "twice"])
def test_normalisation_that_evaluation_does_not_show(way):
    assert sizes(Branching(way).initialise(0), X, 9, 4) == [4, 5]
    assert sizes(nn.Sequential(Branching(way)).initialise(0), X, 33, 32) == [33]
    with refuses(ONE):
        sizes(Branching(way).initialise(0), X, 1, 32)


def test_looking_at_a_sample_leaves_the_model_as_it_is():
    model = nn.Sequential(nn.Dropout(0.5), dense(), nn.Dropout(0.5)).initialise(0)
    seen = []
    model.layers[0].forward = lambda x, forward=model.layers[0].forward: seen.append(x.shape) or forward(x)
    optimiser = optim.SGD(model.parameters(), 0.1)
    fit(model, (X[:5], Y[:5]), losses.softmax_cross_entropy, optimiser, 2, Batches(2))
    assert seen[1:] == [(2, 4), (3, 4)] * 2
    assert model.layers[0].calls == model.layers[2].calls == 4


def test_a_stop_between_epochs_changes_nothing(tmp_path):
    whole, parts = dense(), dense()
    for epochs, model, arguments in (
        (3, whole, {}),
        (1, parts, dict(checkpoint=tmp_path / "training.npz")),
        (3, parts, dict(checkpoint=tmp_path / "training.npz", resume=True)),
    ):
        optimiser = optim.Adam(model.parameters(), 0.1)
        fit(model, (X[:9], Y[:9]), losses.softmax_cross_entropy, optimiser, epochs, Batches(4), **arguments)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, parts.state()[name])


ONE = "BatchNorm: expected more than one value per channel in training, got shape"


def test_a_single_value_per_channel_is_refused_in_training_alone():
    layer = nn.BatchNorm(3)
    before = layer.state()
    for shape in ((1, 3), (1, 3, 1), (1, 3, 1, 1), (0, 3)):
        with refuses(f"{ONE} {shape}; take larger batches, or eval()"):
            layer(np.ones(shape))
        for name, array in before.items():
            np.testing.assert_array_equal(array, layer.state()[name])
        np.testing.assert_allclose(layer.eval()(np.ones(shape)).data, np.ones(shape), rtol=1e-5)
        layer.train()
    for shape in ((2, 3), (1, 3, 2), (1, 3, 1, 2)):
        assert np.isfinite(layer(np.ones(shape)).data).all()
    with refuses(f"{ONE} (1, 3)"):
        layer.population_statistics([np.ones((1, 3))])


def test_one_sample_in_all_is_refused():
    for count, batch_size in ((1, 32), (1, 1), (4, 1)):
        with refuses(f"{ONE} (1, 6)"):
            sizes(dense(), X, count, batch_size)


def test_evaluation_takes_what_is_left():
    model = dense()
    optimiser = optim.SGD(model.parameters(), 0.1)
    fitted = fit(
        model,
        (X[:8], Y[:8]),
        losses.softmax_cross_entropy,
        optimiser,
        1,
        Batches(4),
        validation=(X[8:13], Y[8:13]),
        test=(X[13:14], Y[13:14]),
    )
    assert np.isfinite(fitted.history["validation_loss"][0]) and np.isfinite(fitted.test_loss)
