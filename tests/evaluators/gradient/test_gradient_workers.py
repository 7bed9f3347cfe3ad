"""Gradients that worker processes compute together."""

import re

import numpy as np
import pytest

from evaluators.gradient import GradientWorkers, losses, nn, optim

DRAW = np.random.default_rng(0)
X, Y = DRAW.normal(size=(23, 1, 6, 6)), DRAW.integers(0, 3, 23)


def refuses(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}")


def network():
    layers = (
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm(4).freeze(), nn.Activation("tanh"), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dense(16, 3)),
    )
    return nn.Sequential(*layers).initialise(0).to(dtype=np.float64)


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
    with refuses("model: layers.1 (BatchNorm) would act differently on a part of the batch"):
        workers.backward(X, Y)
    model.eval()
    workers.backward(X, Y)
    model.train().layers[1].freeze()
    model.layers.append(nn.Dropout(0.5))
    with refuses("model: layers.6 (Dropout) would act differently on a part of the batch"):
        workers.backward(X, Y)
    model.layers[-1].rate = 0.0
    workers.backward(X, Y)
    model.layers.pop()


def test_mistakes(pair):
    _, workers = pair
    loss = losses.softmax_cross_entropy
    for mistake, message in (
        (lambda: GradientWorkers(network(), loss, 0), "count: expected an integer from 1 to 1024, got 0"),
        (
            lambda: GradientWorkers(network(), lambda z, y: z),
            "loss: workers need one that is defined at the top",
        ),
        (
            lambda: GradientWorkers(nn.Activation("tanh"), loss),
            "model: expected a model on the CPU, with at least",
        ),
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
