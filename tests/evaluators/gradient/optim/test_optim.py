"""Optimisers compared with their published formulas, written out step by step."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.gradient import Tensor, losses, nn, optim
from evaluators.gradient.optim import schedules
from tests.support.optimisers import OPTIMISERS, START, STEPS, joined, loss_of, parameters_of, slope, train
from tests.support.refusals import refuses


@pytest.mark.parametrize(("decaying", "epsilon"), [(False, 1e-8), (True, 1e-3)], ids=["constant", "decaying"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimisers(name, decaying, epsilon, tensor, host):
    make, plain = OPTIMISERS[name]
    rate = (lambda t: 0.05 / (1 + 0.1 * t)) if decaying else (lambda t: 0.05)
    parameters = parameters_of(tensor)
    train(make(parameters, rate if decaying else 0.05, epsilon))
    np.testing.assert_allclose(joined(parameters, host), plain(START, rate, epsilon), rtol=1e-10)


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3])
def test_the_two_forms_of_adam_agree(epsilon, tensor, host):
    first, second = parameters_of(tensor), parameters_of(tensor)
    one, other = optim.Adam(first, 0.05, epsilon=epsilon), optim.Adam(second, 0.05, epsilon_hat=0.0)
    for t in range(STEPS):
        other.epsilon_hat = epsilon * np.sqrt(1 - 0.999 ** (t + 1))
        train(one, 1, t)
        train(other, 1, t)
    np.testing.assert_allclose(joined(first, host), joined(second, host), rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_state_goes_out_and_in(name, tensor, host):
    make, _ = OPTIMISERS[name]
    whole, halves = parameters_of(tensor), parameters_of(tensor)
    train(make(whole, 0.05, 1e-8), 20)
    before = make(halves, 0.05, 1e-8)
    train(before, 12)
    state = {key: array.copy() for key, array in before.state().items()}
    train(before, 1, 12)  # must not change the state
    halves = [tensor(host(p)) for p in parameters_of(tensor)]
    first = make(halves, 0.05, 1e-8)
    train(first, 12)
    after = make(halves, 0.05, 1e-8)
    after.restore(state)
    train(after, 8, 12)
    np.testing.assert_array_equal(joined(whole, host), joined(halves, host))


def test_parameters_without_a_gradient_stay(tensor, host):
    parameters = parameters_of(tensor)
    optimiser = optim.Adam(parameters, 0.05)
    train(optimiser, 3)
    before = [host(p).copy() for p in parameters]
    optimiser.zero_grad()
    parameters[2].requires_grad = False
    loss_of([parameters[0], parameters[2]], 0).backward()
    optimiser.step()
    assert (host(parameters[0]) != before[0]).all()
    np.testing.assert_array_equal(host(parameters[1]), before[1])
    np.testing.assert_array_equal(host(parameters[2]), before[2])


def test_float32_stays(device):
    parameter = Tensor(START, True, device=device)
    for make, _ in OPTIMISERS.values():
        optimiser = make([parameter], 0.05, 1e-8)
        train(optimiser, 2)
        assert parameter.dtype == np.float32
        assert all(a.dtype == np.float32 for name, a in optimiser.state().items() if name != "steps")


def test_norms_of_weights_are_limited_after_each_step(device, host):
    """Projected gradient descent, written out: the weights into each neuron or filter are scaled down to the limit."""
    layers = nn.Conv2d(2, 3, 2), nn.Flatten(), nn.Dense(12, 4)
    draw = np.random.default_rng(1)
    x, t = draw.normal(size=(5, 2, 3, 3)), draw.normal(size=(5, 4))
    model = nn.Sequential(*layers).initialise(0).to(device, np.float64)
    model.limit_norms(0.5)
    twin = (
        nn.Sequential(nn.Conv2d(2, 3, 2), nn.Flatten(), nn.Dense(12, 4)).initialise(0).to(device, np.float64)
    )

    def project():
        for layer, axes in ((twin.layers[0], (1, 2, 3)), (twin.layers[2], (0,))):
            weight = host(layer.weight)
            norm = np.sqrt((weight**2).sum(axis=axes, keepdims=True))
            layer.weight.data = np.where(norm > 0.5, weight * 0.5 / norm, weight)

    project()
    both = [(each, optim.SGD(each.parameters(), 0.3)) for each in (model, twin)]
    for _ in range(5):
        for each, optimiser in both:
            optimiser.zero_grad()
            losses.mean_squared(each(x), t).backward()
            optimiser.step()
        assert np.linalg.norm(host(twin.layers[2].weight), axis=0).max() > 0.5
        project()
        for name, array in model.state().items():
            np.testing.assert_allclose(array, twin.state()[name], rtol=1e-12)
    model.limit_norms(None)
    losses.mean_squared(model(x), 9 * t).backward()
    both[0][1].step()
    assert np.linalg.norm(host(model.layers[2].weight), axis=0).max() > 0.5


def test_initial_values_keep_the_limit():
    layer = nn.Dense(50, 3).limit_norms(0.1)
    for each in (layer, layer.initialise(3), pickle.loads(pickle.dumps(layer)).initialise(4)):
        np.testing.assert_allclose(np.linalg.norm(each.weight.data, axis=0), 0.1, rtol=1e-6)


def test_clipping(tensor, host):
    parameters = parameters_of(tensor)
    loss_of(parameters, 0).backward()
    gradient = np.concatenate([host(p.grad).ravel() for p in parameters])
    norm = np.sqrt((gradient**2).sum())
    assert optim.clip_by_norm(parameters, norm * 1.01) == pytest.approx(norm, rel=1e-14)
    np.testing.assert_array_equal(np.concatenate([host(p.grad).ravel() for p in parameters]), gradient)
    optim.clip_by_norm(parameters, 0.5)
    clipped = np.concatenate([host(p.grad).ravel() for p in parameters])
    np.testing.assert_allclose(clipped, gradient * 0.5 / norm, rtol=1e-14)
    parameters[0].grad[0] = np.nan
    with refuses("clip_by_norm: the gradient of parameter 0: expected finite numbers, got nan at (0,)"):
        optim.clip_by_norm(parameters, 0.5)
    with refuses("limit: expected a finite number above 0, got 0"):
        optim.clip_by_norm(parameters, 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(sum), st.integers(0, 2))
def test_shards_average_to_the_whole_batch(counts, which):
    generator = np.random.default_rng(sum(counts))
    model = nn.Sequential(nn.Dense(3, 5), nn.Activation("tanh"), nn.Dense(5, 4)).to(dtype=np.float64)
    x, labels = generator.normal(size=(sum(counts), 3)), generator.integers(0, 4, sum(counts))
    loss = (
        lambda z, y: losses.softmax_cross_entropy(z, y),
        lambda z, y: losses.mean_squared(z, np.eye(4)[y]),
        lambda z, y: losses.huber(z, np.eye(4)[y], 0.3),
    )[which]

    def gradients(x, labels):
        for parameter in model.parameters():
            parameter.grad = None
        loss(model(x), labels).backward()
        return [parameter.grad for parameter in model.parameters()]

    ends = np.cumsum(counts)
    parts = [slice(end - n, end) for end, n in zip(ends, counts, strict=True) if n]
    averaged = optim.average_gradients(
        [gradients(x[part], labels[part]) for part in parts], [n for n in counts if n]
    )
    for one, other in zip(averaged, gradients(x, labels), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


def test_shards_that_do_not_fit():
    g = np.ones(3)
    with refuses("counts: expected one for each of at least one shard, got 1 for 2"):
        optim.average_gradients([[g], [g]], [1])
    with refuses("counts: expected numbers of at least 0, not all 0, got [0, 0]"):
        optim.average_gradients([[g], [g]], [0, 0])
    with refuses("shards: expected gradients of shapes [(3,)], got [(2,)] in shard 1"):
        optim.average_gradients([[g], [g[:2]]], [1, 1])


# --- schedules


def test_schedules():
    assert [schedules.constant(0.5)(t) for t in (0, 9)] == [0.5, 0.5]
    step = schedules.step(1.0, 3, 0.5)
    assert [step(t) for t in range(7)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    cosine = schedules.cosine(1.0, 4, 0.2)
    np.testing.assert_allclose(
        [cosine(t) for t in range(6)],
        [0.2 + 0.4 * (1 + np.cos(np.pi * min(t, 4) / 4)) for t in range(6)],
    )
    warm = schedules.warm_up(step, 2, 0.1)
    np.testing.assert_allclose([warm(t) for t in range(4)], [0.1, 0.55, 1.0, 0.5])
    by_epoch = schedules.by_epoch(step, 2)
    assert [by_epoch(t) for t in (0, 5, 6, 7, 12)] == [1, 1, 0.5, 0.5, 0.25]
    assert schedules.linear_scaling(0.1, 1024, 256) == 0.4


@pytest.mark.parametrize(
    ("make", "formula"),
    [
        (lambda p, m: optim.SGD(p, 0.05, m), "SGD"),
        (lambda p, m: optim.SGD(p, 0.05, m, nesterov=True), "Nesterov"),
        (lambda p, m: optim.RMSprop(p, 0.01, momentum=m), "RMSprop"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_momentum_follows_a_schedule(make, formula, tensor, host):
    momentum = schedules.warm_up(schedules.constant(0.9), 10, 0.0)
    optimiser = make(parameters_of(tensor), momentum)
    train(optimiser, 20)
    w, b, v = START, 0.0, 0.0
    for t in range(20):
        g, mu = slope(w, t), momentum(t)
        if formula == "RMSprop":
            v = 0.99 * v + 0.01 * g**2
            b = mu * b + g / (np.sqrt(v) + 1e-8)
            w = w - 0.01 * b
        else:
            b = mu * b + g
            w = w - 0.05 * (g + mu * b if formula == "Nesterov" else b)
    np.testing.assert_allclose(joined(optimiser.parameters, host), w, rtol=1e-11)
    before = optimiser.state()
    optimiser.momentum = lambda t: 1.5
    with refuses("momentum at step 20: expected a number of at least 0 and below 1, got 1.5"):
        train(optimiser, 1)
    for key, array in optimiser.state().items():
        np.testing.assert_array_equal(array, before[key])


def test_an_optimiser_follows_a_schedule(tensor, host):
    x = tensor([0.0])
    optimiser = optim.SGD([x], schedules.step(1.0, 2, 0.1))
    for expected in (1, 2, 2.1, 2.2, 2.21):
        optimiser.zero_grad()
        (-x).sum().backward()
        optimiser.step()
        assert host(x)[0] == pytest.approx(expected)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_state_that_no_steps_give_is_refused(name, tensor):
    make, _ = OPTIMISERS[name]
    optimiser = make(parameters_of(tensor), 0.05, 1e-8)
    train(optimiser, 3)
    before = optimiser.state()
    wrong = {"steps": [np.array(s) for s in (-1, -3.5, 3.0, np.nan, True, "3")] + [np.array([3])]}
    for key, vector in before.items():
        if key != "steps":
            wrong[key] = [np.full_like(vector, np.nan), np.full_like(vector, np.inf), vector[1:], vector > 0]
            wrong[key] += [] if key in ("buffer", "mean") else [np.full_like(vector, -1e-9)]
    for key, values in wrong.items():
        for value in values:
            with refuses(f"state: {key}: expected "):
                optimiser.restore({**before, key: value})
    for key, array in optimiser.state().items():
        np.testing.assert_array_equal(array, before[key])
    optimiser.restore({key: array if key == "steps" else array.astype("f") for key, array in before.items()})


def test_the_buffer_goes_with_the_momentum(tensor, host):
    optimiser = optim.SGD(parameters_of(tensor), 0.05, momentum=0.9)
    train(optimiser, 3)
    optimiser.momentum = 0.5  # keeps the buffer
    assert set(optimiser.state()) == {"steps", "buffer"} and optimiser.state()["buffer"].any()
    optimiser.momentum = 0.0
    assert set(optimiser.state()) == {"steps"}
    again = optim.SGD([tensor(host(p)) for p in optimiser.parameters], 0.05)
    again.restore(optimiser.state())
    for momentum in (0.0, 0.9):  # the buffer starts at 0 in both
        optimiser.momentum = again.momentum = momentum
        train(optimiser, 2, 3)
        train(again, 2, 3)
        np.testing.assert_array_equal(joined(optimiser.parameters, host), joined(again.parameters, host))
    np.testing.assert_array_equal(optimiser.state()["buffer"], again.state()["buffer"])


def test_a_state_too_great_for_float32_is_refused():
    adam = optim.Adam([Tensor([1.0], True)])
    with refuses("state: mean: expected finite numbers"):
        adam.restore({**adam.state(), "mean": np.array([1e300])})


# --- mistakes

P = Tensor([1.0], True)
MISTAKES = [
    (lambda: optim.SGD([P], -0.1), "learning_rate: expected a finite number of at least 0, got -0.1"),
    (lambda: optim.SGD([P], np.nan), "learning_rate: expected a finite number of at least 0, got nan"),
    (lambda: optim.Adam([P], np.inf), "learning_rate: expected a finite number of at least 0, got inf"),
    (lambda: optim.Adam([P], "fast"), "learning_rate: expected a finite number of at least 0, got 'fast'"),
    (lambda: schedules.cosine(-1.0, 10), "learning_rate: expected a finite number of at least 0, got -1.0"),
    (lambda: schedules.step(1.0, 0), "every: expected an integer from 1 to"),
    (lambda: schedules.step(1.0, 1, -0.1), "factor: expected a finite number of at least 0, got -0.1"),
    (
        lambda: schedules.warm_up(0.1, 5, 0.01),
        "schedule: expected one such as schedules.constant(0.1), got 0.1",
    ),
    (lambda: schedules.by_epoch(0.1, 5), "schedule: expected one such as schedules.constant(0.1), got 0.1"),
    (lambda: optim.SGD([], 0.1), "parameters: expected at least one tensor, and nothing else"),
    (lambda: optim.SGD([np.ones(2)], 0.1), "parameters: expected at least one tensor, and nothing else"),
    (lambda: optim.SGD([P, P], 0.1), "parameters: one is given twice"),
    (
        lambda: optim.SGD([P, Tensor([1.0], True, np.float64)], 0.1),
        "parameters: expected one dtype and one device",
    ),
    (
        lambda: optim.SGD([P], 0.1, momentum=1.0),
        "momentum: expected a number of at least 0 and below 1, got 1.0",
    ),
    (lambda: optim.SGD([P], 0.1, nesterov=True), "nesterov: needs momentum above 0, got 0"),
    (
        lambda: optim.SGD([P], 0.1, weight_decay=-1),
        "weight_decay: expected a finite number of at least 0, got -1",
    ),
    (
        lambda: optim.Adam([P], betas=(0.9, 1.0)),
        "betas: expected a number of at least 0 and below 1, got 1.0",
    ),
    (lambda: optim.Adam([P], betas=0.9), "betas: expected two numbers, got 0.9"),
    (lambda: optim.Adam([P], epsilon=-1), "epsilon: expected a finite number of at least 0, got -1"),
    (lambda: optim.SGD([P], 0.1).step(), "step: no parameter has a gradient; call backward of a loss first"),
    (
        lambda: optim.Adam([P]).restore(optim.SGD([P], 0.1).state()),
        "state: expected steps, mean, square, got steps",
    ),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes(mistake, message):
    with refuses(message):
        mistake()


def test_a_schedule_that_goes_wrong_changes_nothing():
    x = Tensor([1.0], True)
    optimiser = optim.SGD([x], lambda t: np.nan if t == 1 else 0.1)
    x.grad = np.ones(1, np.float32)
    optimiser.step()
    before = x.data.copy()
    with refuses("learning_rate: expected a finite number of at least 0, got nan at step 1"):
        optimiser.step()
    np.testing.assert_array_equal(x.data, before)
    with refuses("learning_rate: expected a finite number of at least 0, got -1"):
        optimiser.learning_rate = -1


def test_gradients_whose_squares_are_too_large_for_float32():
    weight = Tensor([0.0, 0.0], requires_grad=True)
    weight.grad = np.array([3e20, 4e20], np.float32)
    assert optim.clip_by_norm([weight], 1.0) == pytest.approx(5e20)
    np.testing.assert_allclose(weight.grad, [0.6, 0.8], rtol=1e-6)


def test_a_gradient_of_another_shape_changes_nothing():
    weights = [Tensor([1.0, 2.0], requires_grad=True) for _ in range(2)]
    weights[0].grad, weights[1].grad = np.ones(2, np.float32), np.ones(3, np.float32)
    optimiser = optim.SGD(weights, 0.1)
    with pytest.raises(ValueError, match=r"^step: expected a gradient of shape \(2,\), got \(3,\)$"):
        optimiser.step()
    assert optimiser.steps == 0 and weights[0].data.tolist() == [1.0, 2.0]


def test_values_that_are_assigned_are_checked():
    weight = Tensor([1.0, 2.0], requires_grad=True)
    for value, message in (([np.nan, 1.0], "finite"), (["a", "b"], "numbers"), ([1.0], "shape")):
        with pytest.raises(ValueError, match=f"^data: expected .*{message}"):
            weight.data = value
    assert weight.data.tolist() == [1.0, 2.0]
