"""Copies of tensors, modules, optimisers and learners are equal, independent, and train in the same way."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from evaluators.environments import CartPole, Pendulum
from evaluators.gradient import Tensor, losses, nn, no_grad, optim, ppo
from evaluators.gradient.nn import initialisation
from evaluators.gradient.optim import schedules
from tests.support.layers import OPTIMISERS, SCHEDULE, X, Y, check_equal, model_of, train
from tests.support.paths import ROOT
from tests.support.refusals import refuses

WAYS = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {n}": lambda value, n=n: pickle.loads(pickle.dumps(value, n)) for n in range(2, 6)},
}


@pytest.fixture(params=WAYS)
def copied(request):
    return WAYS[request.param]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_training_continues_in_a_copy(name, copied):
    model = model_of()
    optimiser = OPTIMISERS[name](model.parameters())
    train(model, optimiser, 3)
    twin, other = copied((model, optimiser))  # together, so that they share parameters
    check_equal(model.state(), twin.state())
    check_equal(optimiser.state(), other.state())
    before = twin.state()
    train(model, optimiser, 3)
    check_equal(before, twin.state())  # no memory in common
    train(twin, other, 3)
    check_equal(model.state(), twin.state())
    check_equal(optimiser.state(), other.state())
    assert twin.layers[6].calls == 6


def test_a_copy_is_not_on_the_tape(copied):
    model = model_of()
    loss = losses.softmax_cross_entropy(model(X), Y)
    twin = copied(model)
    train(twin, optim.SGD(twin.parameters(), 0.1), 1)
    assert all(p.grad is None for p in model.parameters())
    loss.backward()  # the copy's step has not changed the values that the loss used
    model.state()
    train(model, optim.SGD(model.parameters(), 0.1), 1)


def test_copies_of_unused_modules_draw_the_same_values(copied):
    model = nn.Sequential(nn.Dense(3, 3), nn.Dropout(0.5))
    twin = copied(model)
    check_equal(twin.state(), model.state())
    np.testing.assert_array_equal(twin(np.ones((9, 3))).data, model(np.ones((9, 3))).data)
    check_equal(twin.initialise(5).state(), model.initialise(5).state())


def test_tensors(copied):
    x = Tensor([[1.0, 2.0]], True, np.float64)
    (x * x).sum().backward()
    twin = copied(x)
    assert type(twin) is Tensor and twin.requires_grad and twin.dtype == np.float64
    np.testing.assert_array_equal(twin.data, x.data)
    np.testing.assert_array_equal(twin.grad, x.grad)
    loss = (twin * x).sum()
    x.data = x.data * 0
    assert twin.data.tolist() == [[1.0, 2.0]]
    x.grad *= 0
    assert twin.grad.tolist() == [[2.0, 4.0]]
    with refuses("backward: a tensor of shape (1, 2) has been changed"):
        loss.backward()
    frozen, parameter = copied((nn.Dense(2, 3).freeze(), nn.Parameter((2,), initialisation.filled(0.5))))
    assert not frozen.weight.requires_grad
    assert type(parameter) is nn.Parameter and parameter.data.tolist() == [0.5, 0.5]


def test_copies_of_tensors_that_share_memory_share_memory(copied):
    x = Tensor([1.0, 2.0], True)
    first, second = copied((x, x.detach()))
    loss = (first * second).sum()
    second.data = [5.0, 5.0]
    assert first.data.tolist() == [5.0, 5.0] and x.data.tolist() == [1.0, 2.0]
    with refuses("backward: a tensor of shape (2,) has been changed"):
        loss.backward()


def test_results_are_not_copied_with_their_tape(copied):
    x = Tensor([1.0, 2.0], True)
    with refuses("copy: a result of multiply has a tape; copy its detach()"):
        copied(x * x)
    model = nn.Dense(2, 2)
    model.last = model(np.ones((1, 2)))
    with refuses("copy: a result of dense has a tape"):
        copied(model)
    with no_grad():
        assert copied(x * x).data.tolist() == [1.0, 4.0]
    assert copied((x * x).detach()).data.tolist() == [1.0, 4.0]


def test_a_shallow_copy_has_the_same_node_of_the_tape():
    x = Tensor([1.0, 2.0], True)
    x.grad = np.ones(2, np.float32)
    y = x * x
    (copy.copy(y) * y).sum().backward()
    np.testing.assert_array_equal(x.grad, [5.0, 33.0])
    twin = copy.copy(x)
    assert twin.grad is None and np.shares_memory(twin.data, x.data)
    parameter = nn.Dense(2, 2).weight
    assert type(copy.copy(parameter)) is nn.Parameter
    np.testing.assert_array_equal(copy.copy(parameter).data, parameter.data)


@pytest.mark.parametrize("environment", [CartPole(), Pendulum()], ids=["discrete", "continuous"])
def test_a_learner_continues_in_a_copy(environment, copied):
    settings = ppo.Settings(steps=192, slots=2, rollout=32, epochs=2, minibatch_size=32, scale_rewards=True)
    learner = ppo.Learner(environment, settings, seed=3)
    learner.update()
    twin, policy = copied((learner, learner.policy))
    assert policy is twin.policy and twin.device == "cpu"
    np.testing.assert_array_equal(policy.play(3).reward, learner.policy.play(3).reward)
    for each in (learner, twin):
        each.update()
        each.update()
    check_equal(learner.state(), twin.state())


@pytest.mark.parametrize(
    "schedule", [SCHEDULE, schedules.step(1.0, 3, 0.5), schedules.constant(0.1), schedules.cosine(1.0, 9)]
)
def test_schedules(schedule, copied):
    assert [copied(schedule)(t) for t in range(30)] == [schedule(t) for t in range(30)]


MADE = {
    "modules": "dropouts[4:]",
    "parameters": "[nn.Dense(3, 4).weight, nn.Dense(3, 4).weight]",
    "a part": "[nn.Sequential(dropouts[5])]",
    "restore": "dropouts[5].state()",
}
# Forks, in each of which the streams are counted from the same number as in a new process.
FIRST_PROCESS = """
import os, pickle, sys
from evaluators.gradient import nn
for way, made in pickle.load(sys.stdin.buffer).items():
    if os.fork() == 0:
        dropouts = [nn.Dropout(0.5) for _ in range(6)]
        with open(way, "wb") as file:
            pickle.dump(eval(made), file)
        os._exit(0)
    assert os.wait()[1] == 0, way
"""
SECOND_PROCESS = """
import os, pickle, sys
import numpy as np
from evaluators.gradient import nn
for way in pickle.load(sys.stdin.buffer):
    if os.fork() == 0:
        with open(way, "rb") as file:
            old = pickle.load(file)
        if way == "restore":
            old = [nn.Dropout(0.5).restore(old)]
        new = [nn.Dense(3, 4).weight, *(nn.Dropout(0.5) for _ in range(6)), nn.Dense(3, 4).weight]
        drawn = [
            (p.data if isinstance(p, nn.Parameter) else p(np.ones((8, 8))).data).tobytes() for p in [*old, *new]
        ]
        with open(f"{way} drawn", "wb") as file:
            pickle.dump(drawn, file)
        os._exit(0)
    assert os.wait()[1] == 0, way
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The draws of objects from another process and of new ones, for each way."""
    folder = tmp_path_factory.mktemp("streams")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for program in (FIRST_PROCESS, SECOND_PROCESS):
        arguments = {"input": pickle.dumps(MADE), "cwd": folder, "env": environment, "timeout": 120}
        subprocess.run([sys.executable, "-c", program], check=True, **arguments)
    return {way: pickle.loads((folder / f"{way} drawn").read_bytes()) for way in MADE}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")
@pytest.mark.parametrize("way", MADE)
def test_objects_from_another_process_and_new_ones_have_different_streams(way, drawn):
    """The other process counts its streams from the number at which the pickled ones started too."""
    assert len(drawn[way]) == len(set(drawn[way])) >= 9
