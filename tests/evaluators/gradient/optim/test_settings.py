"""Attributes that are set on an existing optimiser: each takes effect, or raises."""

import numpy as np
import pytest

from evaluators.gradient import Tensor, nn, optim
from tests.support.optimisers import OPTIMISERS, START, joined, parameters_of, slope, train
from tests.support.refusals import refuses


def plain_steps(w, plan):
    """Take a step for each (rate, μ, Nesterov, λ) by PyTorch's documentation of SGD; no buffer without momentum."""
    buffer = None
    for t, (rate, momentum, nesterov, decay) in enumerate(plan):
        g = slope(w, t) + decay * w
        buffer = buffer if momentum else None
        if momentum:
            buffer = g if buffer is None else momentum * buffer + g
            g = g + momentum * buffer if nesterov else buffer
        w = w - rate * g
    return w


def test_settings_apply_from_the_next_step(tensor, host):
    plan = [(0.05, 0.0, False, 0.0), (0.05, 0.9, False, 0.0), (0.05, 0.9, True, 0.0), (0.05, 0.5, True, 0.2)]
    plan += [(0.01, 0.5, False, 0.2), (0.01, 0.0, False, 0.2), (0.01, 0.7, False, 0.0)]
    plan = [setting for setting in plan for _ in range(3)]
    parameters = parameters_of(tensor)
    optimiser = optim.SGD(parameters, 0.3)
    for t, (rate, momentum, nesterov, decay) in enumerate(plan):
        optimiser.learning_rate, optimiser.weight_decay = (lambda t, rate=rate: rate), decay
        optimiser.nesterov = False
        optimiser.momentum = momentum
        optimiser.nesterov = nesterov
        train(optimiser, 1, t)
    np.testing.assert_allclose(joined(parameters, host), plain_steps(START, plan), rtol=1e-10)


OTHERS = {
    "SGD": dict(momentum=0.5, weight_decay=0.3, learning_rate=0.2),
    "momentum": dict(nesterov=True, momentum=0.3),
    "Adagrad": dict(epsilon=0.5, learning_rate=0.2),
    "Adadelta": dict(decay=0.5, epsilon=0.5),
    "RMSprop": dict(decay=0.5, epsilon=0.5, epsilon_inside=True),
    "Adam": dict(betas=(0.3, 0.5), epsilon=0.5, epsilon_hat=0.4),
    "AdamW": dict(betas=[0.3, 0.5], weight_decay=0.5),
}
CHANGES = [(name, setting) for name, settings in OTHERS.items() for setting in settings]


@pytest.mark.parametrize(("name", "setting"), CHANGES, ids=str)
def test_every_setting_takes_effect(name, setting, tensor, host):
    """A setting before the first step equals an argument; a later one changes only later steps."""
    make, _ = OPTIMISERS[name]
    first, second, third = ([tensor(START + 0)] for _ in range(3))
    same, changed, late = make(first, 0.05, 1e-3), make(second, 0.05, 1e-3), make(third, 0.05, 1e-3)
    value = OTHERS[name][setting]
    setattr(changed, setting, value)
    assert getattr(changed, setting) == (tuple(value) if isinstance(value, list) else value)
    for t in range(4):
        if t == 2:
            np.testing.assert_array_equal(host(first[0]), host(third[0]))
            setattr(late, setting, value)
        for optimiser in (same, changed, late):
            train(optimiser, 1, t)
    assert (host(first[0]) != host(second[0])).any()
    assert (host(first[0]) != host(third[0])).any()
    assert (host(second[0]) != host(third[0])).any()


@pytest.mark.parametrize(
    ("name", "setting", "value", "message"),
    [
        ("SGD", "momentum", 1.5, "momentum: expected a number of at least 0 and below 1, got 1.5"),
        ("SGD", "nesterov", True, "nesterov: needs momentum above 0, got 0"),
        ("Nesterov", "momentum", 0.0, "nesterov: needs momentum above 0, got 0"),
        ("momentum", "nesterov", "no", "nesterov: expected True or False, got 'no'"),
        ("SGD", "weight_decay", np.nan, "weight_decay: expected a finite number of at least 0, got nan"),
        ("SGD", "learning_rate", "fast", "learning_rate: expected a finite number of at least 0, got 'fast'"),
        ("Adam", "betas", (0.9, 1.0), "betas: expected a number of at least 0 and below 1, got 1.0"),
        ("Adam", "epsilon_hat", -1, "epsilon_hat: expected a finite number of at least 0, got -1"),
        pytest.param(
            *("Adam", "epsilon", 10**400),
            "epsilon: expected a finite number of at least 0, got an integer of 401 digits",
            id="more than a float holds",
        ),
        ("RMSprop", "decay", 1, "decay: expected a number of at least 0 and below 1, got 1"),
        ("RMSprop", "epsilon_inside", 1, "epsilon_inside: expected True or False, got 1"),
    ],
)
def test_a_setting_that_is_not_allowed_changes_nothing(name, setting, value, message, tensor):
    optimiser = OPTIMISERS[name][0](parameters_of(tensor), 0.05, 1e-8)
    before = getattr(optimiser, setting)
    with refuses(message):
        setattr(optimiser, setting, value)
    assert getattr(optimiser, setting) == before


@pytest.mark.parametrize("name", OPTIMISERS)
def test_unknown_attributes_cannot_be_set(name, tensor):
    """PyTorch's names, and settings of another optimiser, would otherwise be ignored."""
    optimiser = OPTIMISERS[name][0](parameters_of(tensor), 0.05, 1e-8)
    foreign = {"lr", "momentum", "weight_decay", "betas", "learning_rat", "amsgrad"}
    for setting in (*sorted(foreign - set(dir(optimiser))), "rate", "parameters"):
        with pytest.raises(AttributeError, match=setting):
            setattr(optimiser, setting, 0.5)
    with pytest.raises(AttributeError):
        optimiser.parameters.append(Tensor([1.0], True))


def test_momentum_that_is_set_later_is_part_of_the_state(tensor, host):
    whole, halves = parameters_of(tensor), parameters_of(tensor)
    optimisers = optim.SGD(whole, 0.05), optim.SGD(halves, 0.05)
    for optimiser in optimisers:
        train(optimiser, 2)
        assert optimiser.state().keys() == {"steps"}
        optimiser.momentum = 0.9
        assert optimiser.state().keys() == {"steps", "buffer"}
        train(optimiser, 2, 2)
    after = optim.SGD(halves, 0.05, momentum=0.9)
    after.restore(optimisers[1].state())
    train(optimisers[0], 4, 4)
    train(after, 4, 4)
    np.testing.assert_array_equal(joined(whole, host), joined(halves, host))


def test_parameters_that_are_frozen_or_moved_later(tensor, host):
    parameters = parameters_of(tensor)
    optimiser = optim.SGD(parameters, 0.05, momentum=0.9)
    train(optimiser, 2)
    parameters[0].requires_grad = False
    before = host(parameters[0]).copy()
    train(optimiser, 2, 2)
    np.testing.assert_array_equal(host(parameters[0]), before)
    parameters[0].requires_grad = True
    train(optimiser, 1, 4)
    assert (host(parameters[0]) != before).all()
    model = nn.Dense(2, 2)
    optimiser = optim.Adam(model.parameters())
    model.to(dtype=np.float64)(np.ones((1, 2))).sum().backward()
    before = model.state()
    with refuses("step: expected gradients of dtype float32, got float64; make the optimiser after"):
        optimiser.step()
    np.testing.assert_array_equal(model.weight.data, before["weight"])
    assert optimiser.steps == 0
