"""The search for a learning rate."""

import numpy as np
import pytest

from evaluators.gradient import Batches, Sweep, fit, losses, nn, optim, sweep
from tests.support.refusals import refuses

X = np.random.default_rng(0).normal(size=(40, 3))
DATA = X, X @ [[1.0], [2.0], [3.0]]


def model_of():
    return nn.Sequential(nn.Dense(3, 1)).initialise(0)


def run(rates=(1e-3, 0.1, 1e4), **arguments):
    return sweep(model_of(), DATA, losses.mean_squared, optim.SGD, rates, **{"epochs": 20, **arguments})


@pytest.mark.parametrize(
    ("settings", "column"), [({}, "training_loss"), (dict(validation=DATA), "validation_loss")]
)
def test_the_losses_are_those_of_training_with_each_rate(settings, column):
    model = model_of()
    before = model.state()
    settings = {"batches": Batches(10, 3), **settings}
    found = sweep(model, DATA, losses.mean_squared, optim.SGD, [1e-3, 0.1, 1e4], 20, **settings)
    for rate, loss in zip(found.rate[:2], found.loss[:2], strict=True):
        alone = model_of()
        history = fit(
            alone, DATA, losses.mean_squared, optim.SGD(alone.parameters(), rate), 20, **settings
        ).history
        assert loss == history[column][-1]
    assert np.isnan(found.loss[2])  # training diverges
    assert found.best == 0.1
    for name, array in model.state().items():
        np.testing.assert_array_equal(array, before[name])


def test_mistakes_are_refused():
    with refuses("rates: expected at least one, got none"):
        run(rates=[])
    with refuses("learning_rate: expected a finite number of at least 0, got -1"):
        run(rates=[0.1, -1])
    with refuses("rates: expected a list of numbers, got 0.1"):
        run(rates=0.1)
    with refuses("optimiser: expected a function of parameters and a rate, such as optim.Adam, got"):
        sweep(model_of(), DATA, losses.mean_squared, optim.SGD(model_of().parameters(), 0.1), [0.1])
    for name, value in (("checkpoint", "sweep.npz"), ("resume", True)):  # all rates would continue the first
        with refuses(f"{name}: the trainings of a sweep cannot share one"):
            run(**{name: value})
    with refuses("score: a sweep returns losses, and no score"):
        run(score=lambda outputs, targets: "bad")
    with refuses("batches: expected Batches"):
        run(batches=32)
    with refuses("dense: input of shape"):
        sweep(nn.Dense(2, 1), DATA, losses.mean_squared, optim.SGD, [0.1])
    with refuses("sweep: training diverged with all rates; the smallest was 10000"):
        _ = run(rates=[1e4, 1e5]).best
    assert Sweep(np.array([1.0, 2.0]), np.array([np.nan, 3.0])).best == 2.0
