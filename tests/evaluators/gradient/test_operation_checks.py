"""Numbers that are not finite: what names the parameter, the operation, the layer, the step and the user's line."""

import inspect
import warnings

import numpy as np
import pytest

from evaluators.gradient import Tensor, check_operations, fit, losses, nn, operations, optim
from tests.support.refusals import refuses

X = np.random.default_rng(0).normal(size=(6, 3))


def line_of(function, text):
    """The number of the first line of a function that holds this text."""
    lines, first = inspect.getsourcelines(function)
    return first + next(k for k, line in enumerate(lines) if text in line)


class Logarithm(nn.Module):
    def forward(self, x):
        return operations.log(x)


class Root(nn.Module):
    def forward(self, x):
        return operations.sqrt(operations.relu(x))


def model_with(layer):
    model = nn.Sequential(nn.Dense(3, 4), layer, nn.Dense(4, 1)).initialise(0)
    model.layers[0].weight.data = np.zeros((3, 4))
    return model


# --- the optimiser


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("make", [optim.SGD, optim.Adam], ids=["SGD", "Adam"])
def test_a_step_refuses_a_gradient_that_is_not_finite(make, value):
    model = nn.Sequential(nn.Dense(3, 4), nn.Dense(4, 1)).initialise(0)
    optimiser = make(model.parameters(), 0.1)
    losses.mean_squared(model(X), X[:, :1]).backward()
    optimiser.step()
    losses.mean_squared(model(X), X[:, :1]).backward()
    model.layers[1].weight.grad[2, 0] = value
    before, state = model.state(), optimiser.state()
    with refuses(f"step 1: the gradient of layers.1.weight: expected finite numbers, got {value} at (2, 0)"):
        optimiser.step()
    for mine, other in ((model.state(), before), (optimiser.state(), state)):
        for name, array in mine.items():
            np.testing.assert_array_equal(array, other[name])
    with refuses("clip_by_norm: the gradient of layers.1.weight: expected finite numbers"):
        optim.clip_by_norm(model.parameters(), 1.0)


def test_gradients_whose_squares_overflow_make_a_step():
    w = Tensor(np.ones(3), requires_grad=True)
    w.grad = np.full(3, 1e30, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optim.SGD([w], 1e-30).step()
    np.testing.assert_allclose(w.data, 0, atol=1e-6)
    w.grad = np.full(3, np.nan, np.float32)
    with refuses("step 0: the gradient of parameter 0: expected finite numbers, got nan at (0,)"):
        optim.SGD([w], 0.1).step()


def test_a_parameter_keeps_its_name_in_the_whole_model():
    model = nn.Sequential(nn.Sequential(nn.Dense(2, 2)))
    assert [p.name for p in model.parameters()] == ["layers.0.layers.0.weight", "layers.0.layers.0.bias"]
    model.layers[0].freeze()
    assert model.parameters()[0].name == "layers.0.layers.0.weight"
    assert Tensor(1.0).name == ""


# --- each operation


def test_a_result_that_is_not_finite():
    model = model_with(Logarithm())
    line = line_of(Logarithm, "operations.log")
    with (
        check_operations(),
        warnings.catch_warnings(),
        refuses(
            "log: expected finite numbers, got -inf at (0, 0), in the layer layers.1 (Logarithm), in step 0 "
            f"(test_operation_checks.py, line {line})"
        ),
    ):
        warnings.simplefilter("ignore")
        model(X)


def test_a_gradient_that_is_not_finite():
    """√0 is finite, but its slope is not. The line is that of the forward pass."""
    model = model_with(Root())
    loss = losses.mean_squared(model(X), X[:, :1] + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loss.backward()  # without a check, the optimiser refuses it
        line = line_of(Root, "operations.sqrt")
        with (
            check_operations(),
            refuses("gradient of sqrt with respect to input 0: expected finite numbers, got ") as caught,
        ):
            losses.mean_squared(model(X), X[:, :1] + 1).backward()
    assert str(caught.value).endswith(
        f"in the layer layers.1 (Root), in step 0 (test_operation_checks.py, line {line})"
    )


def test_a_step_that_is_too_long_is_named():
    w = Tensor([3e38], requires_grad=True)
    optimiser = optim.SGD([w], 1.0)
    with check_operations(), np.errstate(over="ignore"):
        for expected in (0, 1):
            optimiser.zero_grad()
            if expected:
                with refuses("multiply: input 0: expected finite numbers, got inf at (0,), in step 1"):
                    w * 1.0
                return
            (w * 1.0).sum().backward()
            w.grad[:] = -3e38
            optimiser.step()


def test_fit_within_the_check_names_the_step():
    """The third layer is reached with finite numbers until a step makes the second one's argument negative."""

    def loss(outputs, targets):
        return operations.log(outputs - 1.0).mean()  # falls until the outputs are below 1

    model = nn.Sequential(nn.Dense(1, 1))
    model.layers[0].weight.data, model.layers[0].bias.data = [[0.0]], [1.5]
    arguments = (np.ones((4, 1)), np.ones((4, 1))), loss, optim.SGD(model.parameters(), 0.1), 20
    line = line_of(test_fit_within_the_check_names_the_step, "operations.log(")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            check_operations(),
            refuses("log: expected finite numbers, got nan at (0, 0), in step") as caught,
        ):
            fit(model, *arguments)
    assert str(caught.value).endswith(f"in step 2 (test_operation_checks.py, line {line})")


def test_the_check_ends_with_its_block_and_changes_no_number():
    def train():
        model = nn.Sequential(nn.Dense(3, 4), nn.Activation("tanh"), nn.Dense(4, 1)).initialise(0)
        fit(model, (X, X[:, :1]), losses.mean_squared, optim.Adam(model.parameters(), 0.1), 3)
        return model.state()

    plain = train()
    with check_operations():
        checked = train()
    for name, array in plain.items():
        np.testing.assert_array_equal(array, checked[name])
    with np.errstate(all="ignore"):
        assert np.isnan(operations.log(Tensor([-1.0])).data).all()


# --- numpy's warnings


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda x: operations.log(x), "divide by zero encountered in log"),
        (lambda x: 1.0 / x, "divide by zero encountered in divide"),
        (lambda x: operations.sqrt(x - 1.0), "invalid value encountered in sqrt"),
        (lambda x: operations.exp(x + 1e4), "overflow encountered in exp"),
        (lambda x: x**-1.0, "divide by zero encountered in power"),
        (lambda x: operations.sqrt(x).sum().backward(), "divide by zero encountered in sqrt"),
    ],
    ids=["log", "divide", "sqrt", "exp", "power", "backward"],
)
def test_a_warning_names_the_users_line(operation, message):
    with pytest.warns(RuntimeWarning, match=message) as caught:
        operation(Tensor([0.0], requires_grad=True))
    assert caught[0].filename == __file__
    assert caught[0].lineno == operation.__code__.co_firstlineno


def test_warnings_that_are_silenced_stay_silent():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        operations.log(Tensor([0.0]))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        operations.log(Tensor([0.0]))


def test_a_warning_within_fit_names_the_line_of_the_loss():
    def loss(outputs, targets):
        return losses.mean_squared(outputs * 1e30, targets)

    model = nn.Sequential(nn.Dense(3, 1)).initialise(0)
    with (
        warnings.catch_warnings(record=True) as caught,
        refuses("loss: inf at step 0"),
    ):
        warnings.simplefilter("always")
        fit(model, (X, X[:, :1]), loss, optim.SGD(model.parameters(), 0.1), 1)
    line = line_of(test_a_warning_within_fit_names_the_line_of_the_loss, "outputs * 1e30")
    assert {(each.filename, each.lineno) for each in caught} == {(__file__, line)}


def test_a_warning_within_fit_names_the_loss():
    model = nn.Sequential(nn.Dense(3, 1)).initialise(0)
    with pytest.warns(RuntimeWarning, match="overflow encountered in mean_squared"), refuses("loss: inf"):
        fit(model, (X, 1e30 * X[:, :1]), losses.mean_squared, optim.SGD(model.parameters(), 0.1), 1)
