"""Gradients that worker processes compute together."""

import multiprocessing
import os

import numpy as np
import pytest

from evaluators.gradient import (
    Batches,
    GradientWorkers,
    augmentation,
    check_operations,
    fit,
    losses,
    metrics,
    nn,
    optim,
    reporting,
)
from neat.processes import worker_processes
from tests.support.refusals import refuses

DRAW = np.random.default_rng(0)
X, Y = DRAW.normal(size=(23, 1, 6, 6)), DRAW.integers(0, 3, 23)


def network():
    layers = (
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm(4).freeze(), nn.Activation("tanh"), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dense(16, 3)),
    )
    return nn.Sequential(*layers).initialise(0).to(dtype=np.float64)


class Counter(nn.Module):
    """A layer that learns something of each batch."""

    buffers = ("count",)
    count = 0

    def forward(self, x):
        self.count += len(x)
        return x


@pytest.fixture(scope="module")
def pair():
    """A model with workers, and the same model; both accumulate gradients."""
    model = network()
    with GradientWorkers(model, losses.softmax_cross_entropy, 2) as workers:
        yield model, workers


def test_two_workers_equal_one_large_batch(pair):
    model, workers = pair
    twin = network()
    optimisers = [optim.SGD(each.parameters(), 0.2, momentum=0.9) for each in (model, twin)]
    for step in range(10):
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss = losses.softmax_cross_entropy(twin(X), Y)
        loss.backward()
        assert workers.backward(X, Y) == pytest.approx(loss.item(), rel=1e-12), step
        for one, other in zip(model.parameters(), twin.parameters(), strict=True):
            if other.grad is None:
                assert one.grad is None  # frozen
            else:
                np.testing.assert_allclose(one.grad, other.grad, rtol=1e-12, atol=1e-15)
        for optimiser in optimisers:
            optimiser.step()
    for name, array in model.state().items():
        np.testing.assert_allclose(array, twin.state()[name], rtol=1e-12, atol=1e-15, err_msg=name)
    workers.backward(X[:1], Y[:1])  # fewer samples than workers; gradients add up
    losses.softmax_cross_entropy(twin(X[:1]), Y[:1]).backward()
    np.testing.assert_allclose(model.layers[-1].bias.grad, twin.layers[-1].bias.grad, rtol=1e-9)


def test_what_depends_on_the_whole_batch_is_refused(pair):
    model, workers = pair
    model.layers[1].freeze(False)
    with refuses("model: layers.1 (BatchNorm) would act differently on a part of the batch; freeze it, or"):
        workers.backward(X, Y)
    model.eval()
    workers.backward(X, Y)
    model.train().layers[1].freeze()
    model.layers.append(nn.Dropout(0.5))
    with refuses(
        "model: layers.6 (Dropout) would act differently on a part of the batch; set its rate to 0, or"
    ):
        workers.backward(X, Y)
    model.layers[-1].rate = 0.0
    workers.backward(X, Y)
    model.layers.pop()
    model.layers[2] = Counter()
    with refuses("model: layers.2 (Counter) would act differently on a part of the batch; freeze it, or"):
        workers.backward(X, Y)
    model.layers[2] = nn.Activation("tanh")
    with check_operations(), refuses("check_operations: does not reach worker processes"):
        workers.backward(X, Y)


def test_mistakes(pair):
    _, workers = pair
    loss = losses.softmax_cross_entropy
    for mistake, message in (
        (
            lambda: GradientWorkers(network(), loss, 0),
            "workers: count: expected an integer from 1 to 1024, got 0",
        ),
        (
            lambda: GradientWorkers(network(), lambda z, y: z),
            "loss: workers need one that is defined at the top",
        ),
        (
            lambda: GradientWorkers(nn.Activation("tanh"), loss),
            "model: workers need one on the CPU, with at least one parameter",
        ),
        (lambda: GradientWorkers(local_model(), loss), "model: workers need one that is defined at the top"),
        (lambda: Batches(workers=0), "workers: expected an integer from 1 to 1024, got 0"),
        (
            lambda: workers.backward(X, Y[1:]),
            "batch: expected a target for each of 23 inputs, got shape (22,)",
        ),
        (
            lambda: workers.backward(X, Y + 1),
            "softmax_cross_entropy: labels: expected integers from 0 to 2, got 3",
        ),
    ):
        with refuses(message):
            mistake()
    workers.backward(X, Y)  # after an error, new processes start


def local_model():
    class Local(nn.Module):
        def __init__(self):
            self.layer = nn.Dense(2, 2)

    return Local()


# --- within fit

POINTS = X.reshape(23, -1)


def dense():
    layers = nn.Dense(36, 8), nn.Activation("tanh"), nn.Dense(8, 3)
    return nn.Sequential(*layers).initialise(0).to(dtype=np.float64)


def train(workers, loss=losses.softmax_cross_entropy, size=11, epochs=3, model=None, **arguments):
    model = model or dense()
    weight = np.where(np.arange(23) % 5 < 4, 0, 1 + np.arange(23) % 3)  # some parts of a batch do not count
    batches = Batches(size, 1, augmentation.noise(0.1), weight, "balanced", workers)
    optimiser = optim.SGD(model.parameters(), 0.3, momentum=0.9)
    settings = dict(batches=batches, clip_norm=0.5, score=metrics.accuracy)
    return model, fit(model, (POINTS, Y), loss, optimiser, epochs, **{**settings, **arguments})


@pytest.fixture
def no_process_is_left():
    before = set(multiprocessing.active_children())
    yield
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.usefixtures("no_process_is_left")
def test_training_with_workers_equals_training_in_one_process():
    """The last batch has one sample, and of some batches one sample or none counts."""
    (one, alone), (other, together) = (train(workers, size=2) for workers in (1, 2))
    for name, array in one.state().items():
        np.testing.assert_allclose(other.state()[name], array, rtol=1e-12, atol=1e-14, err_msg=name)
    assert alone.history["training_score"].tolist() == together.history["training_score"].tolist()
    np.testing.assert_allclose(together.history["training_loss"], alone.history["training_loss"], rtol=1e-12)


def dying_loss(outputs, targets, sample_weights=None):
    """End the process, unless a file says that this has been done."""
    path = os.environ["DYING_LOSS"]
    if not os.path.exists(path):
        open(path, "w").close()
        os._exit(3)
    if path == os.devnull:
        os._exit(3)
    return losses.softmax_cross_entropy(outputs, targets, sample_weights)


def test_a_worker_that_dies_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DYING_LOSS", str(tmp_path / "has died"))
    model, _ = train(2, dying_loss, epochs=1)
    assert (tmp_path / "has died").exists()
    for name, array in train(1, epochs=1)[0].state().items():
        np.testing.assert_allclose(model.state()[name], array, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("no_process_is_left")
def test_workers_that_always_die_end_training(monkeypatch):
    monkeypatch.setenv("DYING_LOSS", os.devnull)
    monkeypatch.setattr(worker_processes, "RETRIES", 0)
    message = (
        "^shard . of the batch at step 0 .epoch 0.: a worker process ended with status 3 before its work"
    )
    with pytest.raises(RuntimeError, match=message):
        train(2, dying_loss)


class Interruption(reporting.Reporter):
    def batch(self, done, total):
        raise KeyboardInterrupt


@pytest.mark.usefixtures("no_process_is_left")
def test_an_interruption_ends_the_workers():
    with pytest.raises(KeyboardInterrupt):
        train(2, reporters=[Interruption()])


def test_mistakes_within_fit():
    with refuses("loss: workers need one that is defined at the top of a module"):
        train(2, lambda outputs, targets, sample_weights: outputs.mean())
    with refuses(
        "model: layers.0 (Dropout) would act differently on a part of the batch; set its rate to 0, or"
    ):
        train(2, model=nn.Sequential(nn.Dropout(0.5), nn.Flatten(), nn.Dense(36, 3)))
    model = dense()
    model.layers[0].weight.data = np.full((36, 8), 1e308)
    with (
        np.errstate(all="ignore"),
        refuses("loss: nan at step 0 (epoch 0): the layer layers.0 (Dense) gives"),
    ):
        train(2, model=model)
