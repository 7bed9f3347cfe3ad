"""Arrays that change between the forward pass and `backward`: `backward` raises, or the gradient is correct."""

import copy

import numpy as np
import pytest
from numba import types

from evaluators.environments import CartPole, Pendulum
from evaluators.gradient import Batches, Tensor, fit, fit_weights, losses, nn, no_grad, optim, ppo, reporting
from evaluators.gradient.ppo import objective
from evaluators.gradient.tensor import operations
from tests.support.evolved_networks import population
from tests.support.refusals import refuses

CHANGED = "backward: a tensor of shape (2, 3) has been changed since multiply used it"


def step(x):
    before, x.grad = x.grad, np.ones_like(x.data)
    optim.SGD([x], 0.1).step()
    x.grad = before


def step_detached(x):
    y = x.detach()
    y.requires_grad = True
    step(y)


def assign(x):
    x.data = x.data + 1


# Ways to change the memory of a tensor of shape (2, 3).
CHANGES = {
    "a step of an optimiser": step,
    "assigned": assign,
    "assigned to a detached one": lambda x: assign(x.detach()),
    "assigned to a copy.copy": lambda x: assign(copy.copy(x)),
    "assigned to another shape": lambda x: assign(x.reshape(6)),
    "assigned to the transpose": lambda x: assign(x.transpose()),
    "assigned to a slice": lambda x: assign(x[1:]),
    "assigned to a view of a view": lambda x: assign(x.detach()[1].reshape(3, 1).detach()),
    "a step on a detached one": step_detached,
}

# Tensors that share the memory of a tensor of shape (2, 3), brought to that shape.
VIEWS = {
    "itself": lambda x: x,
    "detached": lambda x: x.detach(),
    "copy.copy": copy.copy,
    "reshaped": lambda x: x.reshape(3, 2).reshape(2, 3),
    "transposed": lambda x: x.transpose().transpose(),
    "sliced": lambda x: x[:, :],
    "broadcast": lambda x: operations.broadcast_to(x, (2, 3)),
    "made without a tape": lambda x: x.detach().reshape(2, 3)[:],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_shared_memory_is_detected(change, view, device):
    x = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], True, device=device)
    weight = Tensor(2 * np.ones((2, 3)), True, device=device)
    with no_grad():
        y = VIEWS[view](x)
    loss = (weight * y).sum()
    with no_grad():
        CHANGES[change](x)
    with refuses(CHANGED):
        loss.backward()
    assert weight.grad is None and x.grad is None


def test_the_weights_before_a_step_can_be_kept_as_a_copy(tensor, host):
    x = tensor([1.0, 2.0])
    before = tensor(x.data)
    step(x)
    (x * before).sum().backward()
    np.testing.assert_array_equal(host(x.grad), [1.0, 2.0])


@pytest.mark.parametrize("through", [lambda y: y, lambda y: y.detach(), lambda y: y.detach()[:1]])
def test_changes_of_results_that_backward_needs_are_detected(through, tensor):
    for operation in (operations.tanh, operations.exp, operations.sqrt, operations.softmax):
        x = tensor([1.0, 2.0])
        y = operation(x)
        loss = y.sum()
        changed = through(y)
        changed.data = changed.data * 0
        with pytest.raises(ValueError, match=r"^backward: .* has been changed since"):
            loss.backward()
        assert x.grad is None


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.restore({name: array * 2 for name, array in model.state().items()}),
        lambda model: model.initialise(7),
        lambda model: model.to(dtype=np.float64),
        lambda model: assign(model.weight),
        lambda model: assign(model.weight.detach()),
    ],
    ids=["restore", "initialise", "to", "assign", "detach"],
)
def test_a_change_of_a_module_is_detected(change):
    model = nn.Dense(2, 3)
    loss = model(Tensor(np.ones((4, 2)), True)).sum()
    change(model)
    with refuses("backward: a tensor of shape (2, 3) has been changed since dense used it"):
        loss.backward()


def test_resetting_gradients_is_not_a_change(tensor, host):
    x = tensor([3.0])
    x.grad = x.data * 5
    loss = (x * x).sum()
    optim.SGD([x], 0.1).zero_grad()
    loss.backward()
    np.testing.assert_array_equal(host(x.grad), [6.0])


def test_data_are_read_only():
    x = Tensor([[1.0, 2.0]], True)
    loss = (x * x).sum()
    for array in (x.data, x.data[0], x.data.T, np.asarray(x.detach()), nn.Dense(2, 2).weight.data):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 7
    with pytest.raises(ValueError, match="read-only"):
        x.data += 1
    own = np.array(x.detach())
    own[...] = 7  # a copy
    loss.backward()
    np.testing.assert_array_equal(x.grad, [[2.0, 4.0]])


def test_in_place_operators_on_a_trained_tensor_raise():
    x = Tensor([1.0, 2.0], True)
    for operator in ("__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__"):
        with refuses("+=, -=, *=, /= and **=: in-place operators cannot change a trained tensor"):
            getattr(x, operator)(2)
    total = (x * x).sum()
    total += x.sum()
    total *= 2
    total.backward()
    np.testing.assert_array_equal(x.grad, [6.0, 10.0])
    constant = x.detach()
    constant -= 1
    assert constant.data.tolist() == [0.0, 1.0]
    assert x.data.tolist() == [1.0, 2.0]


LABELS, SOFT = np.array([0, 2, 1]), np.array([[0.2, 0.3, 0.5], [1, 0, 0], [0.6, 0.4, 0]])
WEIGHTS = np.array([1.0, 2.0, 0.5])
GIVEN = {
    "soft targets": (lambda z, a: losses.softmax_cross_entropy(z, a), SOFT),
    "labels": (lambda z, a: losses.softmax_cross_entropy(z, a), LABELS),
    "class weights": (lambda z, a: losses.softmax_cross_entropy(z, LABELS, class_weights=a), WEIGHTS),
    "sample weights": (lambda z, a: losses.mean_squared(z, SOFT, a), WEIGHTS),
    "sample weights of classes": (lambda z, a: losses.softmax_cross_entropy(z, LABELS, a), WEIGHTS),
    "probabilities": (lambda z, a: losses.binary_cross_entropy(z, a), SOFT),
    "targets": (lambda z, a: losses.mean_squared(z, a), SOFT),
    "divergence": (lambda z, a: losses.kl_divergence(z, a), SOFT),
    "condition": (lambda z, a: operations.where(a, z * z, 3 * z).sum(), SOFT > 0.3),
    "index": (lambda z, a: operations.pick(z * z, a).sum(), LABELS),
    "factor": (lambda z, a: (z * a).sum(), SOFT),
    "matrix": (lambda z, a: (z @ a).sum(), SOFT),
}


@pytest.mark.parametrize("as_tensor", [False, True], ids=["array", "tensor"])
@pytest.mark.parametrize("name", GIVEN)
def test_later_changes_by_the_caller_have_no_effect(name, as_tensor):
    """Programs often read every batch into the same buffer."""
    function, array = GIVEN[name]
    if as_tensor and (array.dtype.kind != "f" or name in ("factor", "matrix")):
        pytest.skip("a tensor of the graph itself, or of no dtype that tensors have")
    gradients = []
    for change in (False, True):
        z = Tensor(np.arange(9.0).reshape(3, 3) / 9, True, np.float64)
        buffer = Tensor(array, dtype=np.float64) if as_tensor else array.copy()
        loss = function(z, buffer)
        if change and as_tensor:
            buffer.data = np.ones(array.shape)
        elif change:
            buffer[...] = 1
        loss.backward()
        gradients.append(z.grad)
    np.testing.assert_array_equal(*gradients)


def test_compiled_loops_get_writable_arrays():
    """For read-only arrays, numba would compile a function again, which takes seconds."""
    for environment in (CartPole(), Pendulum()):
        actor = ppo.Policy(environment, (4,)).as_actor()
        assert all(array.flags.writeable for part in actor[:2] for array in part)
        assert all(array.flags.writeable for array in actor[2:])
    learner = ppo.Learner(CartPole(), ppo.Settings(steps=64, slots=2, rollout=32, minibatch_size=32))
    learner.update()
    given = [each for signature in objective._estimate.signatures for each in signature]
    arrays = [each for each in given if isinstance(each, types.Array)]
    assert arrays and all(each.mutable for each in arrays)


def test_fit_weights_passes_writable_arrays(monkeypatch):
    from evaluators.cpu.engine import NetworkGradients

    seen = []
    differentiate = NetworkGradients.differentiate
    monkeypatch.setattr(
        NetworkGradients,
        "differentiate",
        lambda self, numbers: seen.extend(numbers) or differentiate(self, numbers),
    )
    genomes = population(3)
    x = np.ones((3, genomes.num_inputs), np.float32)
    fit_weights(genomes, x, np.ones((3, genomes.num_outputs)), lambda p: optim.SGD(p, 0.1), 1)
    assert seen and all(array.flags.writeable for array in seen)


def test_fit_copies_its_data():
    class Overwriting(reporting.Reporter):
        def batch(self, done, total):
            x[...], y[...] = 7, 1

    states = []
    for reporters in ([], [Overwriting()]):
        x, y = np.arange(24.0).reshape(12, 2) / 24, np.arange(12) % 3
        model = nn.Dense(2, 3).initialise(0)
        optimiser = optim.SGD(model.parameters(), 0.1)
        fit(model, (x, y), losses.softmax_cross_entropy, optimiser, 2, Batches(4), reporters=reporters)
        states.append(model.state())
    for name, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][name])
