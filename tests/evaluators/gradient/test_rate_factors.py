"""Parameters with learning rates of their own."""

import pickle
import re

import numpy as np
import pytest

from evaluators.gradient import Tensor, losses, nn, optim
from evaluators.gradient.optim import schedules
from tests.evaluators.gradient.test_copies import OPTIMISERS

X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.random.default_rng(1).normal(size=(20, 2))


def refuses(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}")


def network():
    return (
        nn.Sequential(nn.Dense(3, 4), nn.Activation("tanh"), nn.Dense(4, 2))
        .initialise(0)
        .to(dtype=np.float64)
    )


def scaled(rate, factor):
    return (lambda t: factor * rate(t)) if callable(rate) else factor * rate


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_factor_is_a_rate_of_its_own(name):
    """Compare with two optimisers, of which one has a rate that is a third as high."""
    one, two = network(), network()
    optimiser = OPTIMISERS[name](one.parameters())
    optimiser.set_rate_factor(one.layers[0].parameters(), 1 / 3)
    assert optimiser.rate_factors == (1 / 3, 1 / 3, 1, 1)
    low, high = (OPTIMISERS[name](two.layers[k].parameters()) for k in (0, 2))
    low.learning_rate = scaled(low.learning_rate, 1 / 3)
    for _ in range(30):
        for model, optimisers in ((one, [optimiser]), (two, [low, high])):
            for each in optimisers:
                each.zero_grad()
            losses.mean_squared(model(X), Y).backward()
            for each in optimisers:
                each.step()
    for path, array in one.state().items():
        np.testing.assert_allclose(array, two.state()[path], rtol=1e-12, err_msg=path)


def test_factors_are_set_at_any_time_and_are_copied():
    model = network()
    optimiser = optim.SGD(model.parameters(), schedules.constant(0.1))
    before = model.state()
    optimiser.set_rate_factor(model.layers[2].bias, 0)
    twin, other = pickle.loads(pickle.dumps((model, optimiser)))
    assert other.rate_factors == (1, 1, 1, 0)
    losses.mean_squared(twin(X), Y).backward()
    other.step()
    moved = [name for name, array in twin.state().items() if (array != before[name]).any()]
    assert moved == ["layers.0.weight", "layers.0.bias", "layers.2.weight"]
    optimiser.set_rate_factor(model.parameters(), 1)
    assert optimiser.rate_factors == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("parameters", "factor", "message"),
    [
        ([], 1.0, "parameters: expected some of the optimiser's"),
        (Tensor([1.0]), 1.0, "parameters: expected some of the optimiser's"),
        (None, -1, "factor: expected a finite number of at least 0, got -1"),
        (None, "1", "factor: expected a finite number of at least 0, got '1'"),
    ],
)
def test_wrong_factors_are_refused(parameters, factor, message):
    model = network()
    optimiser = optim.SGD(model.parameters(), 0.1)
    with refuses(message):
        optimiser.set_rate_factor(model.parameters() if parameters is None else parameters, factor)
