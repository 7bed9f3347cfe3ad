"""Parameters with learning rates of their own."""

import pickle

import numpy as np
import pytest

from evaluators.gradient import Tensor, losses, nn, optim
from evaluators.gradient.optim import schedules
from tests.support.layers import OPTIMISERS
from tests.support.refusals import refuses

X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.random.default_rng(1).normal(size=(20, 2))


def network():
    return (
        nn.Sequential(nn.Dense(3, 4), nn.Activation("tanh"), nn.Dense(4, 2))
        .initialise(0)
        .to(dtype=np.float64)
    )


OWN = {"number": 0.03, "schedule": schedules.cosine(0.04, 20)}


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_group_has_a_rate_of_its_own(name, own):
    """Compare with two optimisers, of which one has the other rate."""
    one, two = network(), network()
    optimiser = OPTIMISERS[name](one.parameters())
    optimiser.set_rate(one.layers[0].parameters(), own)
    assert optimiser.own_rates == (own, own, None, None)
    first, last = (OPTIMISERS[name](two.layers[k].parameters()) for k in (0, 2))
    first.learning_rate = own
    for _ in range(30):
        for model, optimisers in ((one, [optimiser]), (two, [first, last])):
            for each in optimisers:
                each.zero_grad()
            losses.mean_squared(model(X), Y).backward()
            for each in optimisers:
                each.step()
    for path, array in one.state().items():
        np.testing.assert_allclose(array, two.state()[path], rtol=1e-12, err_msg=path)


def test_groups_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    model = network()
    weights = [torch.tensor(p.data, requires_grad=True) for p in model.parameters()]
    own, common = schedules.cosine(0.1, 15), schedules.step(0.02, 5)
    optimiser = optim.AdamW(model.parameters(), common)
    optimiser.set_rate([model.layers[0].bias, model.layers[2].weight], own)  # not beside each other
    theirs = torch.optim.AdamW([dict(params=weights[0::3]), dict(params=weights[1:3])])
    x, y = torch.tensor(X), torch.tensor(Y)
    for step in range(20):
        optimiser.zero_grad()
        losses.mean_squared(model(X), Y).backward()
        optimiser.step()
        for group, rate in zip(theirs.param_groups, (common, own), strict=True):
            group["lr"] = rate(step)
        theirs.zero_grad()
        ((torch.tanh(x @ weights[0] + weights[1]) @ weights[2] + weights[3] - y) ** 2).mean().backward()
        theirs.step()
    for mine, weight in zip(model.parameters(), weights, strict=True):
        np.testing.assert_allclose(mine.data, weight.detach().numpy(), rtol=1e-10)


def test_rates_are_set_at_any_time_and_are_copied():
    model = network()
    optimiser = optim.SGD(model.parameters(), schedules.constant(0.1))
    before = model.state()
    optimiser.set_rate(model.layers[2].bias, 0)
    twin, other = pickle.loads(pickle.dumps((model, optimiser)))
    assert other.own_rates == (None, None, None, 0)
    losses.mean_squared(twin(X), Y).backward()
    other.step()
    moved = [name for name, array in twin.state().items() if (array != before[name]).any()]
    assert moved == ["layers.0.weight", "layers.0.bias", "layers.2.weight"]
    optimiser.set_rate(model.parameters(), None)
    assert optimiser.own_rates == (None,) * 4


@pytest.mark.parametrize(
    ("parameters", "rate", "message"),
    [
        ([], 1.0, "parameters: expected some of the optimiser's"),
        (Tensor([1.0]), 1.0, "parameters: expected some of the optimiser's"),
        (0.1, 1.0, "parameters: expected a list of tensors, got 0.1"),
        (None, -1, "learning_rate: expected a finite number of at least 0, got -1"),
        (None, "1", "learning_rate: expected a finite number of at least 0, got '1'"),
    ],
)
def test_wrong_rates_are_refused(parameters, rate, message):
    model = network()
    optimiser = optim.SGD(model.parameters(), 0.1)
    with refuses(message):
        optimiser.set_rate(model.parameters() if parameters is None else parameters, rate)


def test_a_schedule_that_returns_a_wrong_rate_is_refused_before_anything_changes():
    model = network()
    optimiser = optim.Adam(model.parameters(), 0.1)
    optimiser.set_rate(model.layers[2].bias, lambda step: 0.1 if step == 0 else np.nan)
    losses.mean_squared(model(X), Y).backward()
    optimiser.step()
    losses.mean_squared(model(X), Y).backward()
    before = model.state() | optimiser.state()
    with refuses("learning_rate: expected a finite number of at least 0, got nan at step 1 of layers.2.bias"):
        optimiser.step()
    for name, array in (model.state() | optimiser.state()).items():
        np.testing.assert_array_equal(array, before[name])
