"""PPO's losses, its measures of an update, and the distributions of actions, compared with plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.gradient import check_gradients
from evaluators.gradient.ppo import objective
from evaluators.gradient.ppo.distributions import Categorical, Gaussian


@settings(deadline=None)
@given(st.data())
def test_advantages_are_sums_of_discounted_errors(data):
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    slots, steps = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 12))
    gamma, decay = data.draw(st.floats(0, 1)), data.draw(st.floats(0, 1))
    rewards, values, following = draw.normal(size=(3, slots, steps))
    ended = draw.random((slots, steps)) < 0.3
    found = objective.estimate_advantages(rewards, values.astype(np.float32), following, ended, gamma, decay)
    for slot in range(slots):
        for now in range(steps):
            expected, k = 0.0, now
            while True:
                error = rewards[slot, k] + gamma * following[slot, k] - np.float32(values[slot, k])
                expected += (gamma * decay) ** (k - now) * error
                if ended[slot, k] or k == steps - 1:
                    break
                k += 1
            assert found[slot, now] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_clipped_loss_against_each_sample(tensor, host):
    draw = np.random.default_rng(1)
    now, before, advantages = draw.normal(size=(3, 50))
    before = now - 0.3 * before
    expected = []
    for a, b, gain in zip(now, before, advantages, strict=True):
        ratio = math.exp(a - b)
        expected.append(min(ratio * gain, min(max(ratio, 0.8), 1.2) * gain))
    log_probability = tensor(now)
    placed = [tensor(array).data for array in (before, advantages)]
    loss = objective.clipped_loss(log_probability, *placed, 0.2)
    assert loss.item() == pytest.approx(-np.mean(expected), rel=1e-12)
    check_gradients(lambda x: objective.clipped_loss(x, *placed, 0.2), [log_probability])
    loss = objective.clipped_loss(log_probability, *placed, 0.2)
    loss.backward()
    ratio = np.exp(now - before)
    beyond = ((ratio > 1.2) & (advantages > 0)) | ((ratio < 0.8) & (advantages < 0))
    assert 0 < beyond.sum() < 50
    np.testing.assert_array_equal(host(log_probability.grad) == 0, beyond)


@pytest.mark.parametrize("clip", [None, 0.2])
def test_value_loss_against_each_sample(tensor, clip):
    draw = np.random.default_rng(2)
    values, before, returns = draw.normal(size=(3, 50)) * 0.5
    expected = []
    for v, b, r in zip(values, before, returns, strict=True):
        square = (v - r) ** 2
        expected.append(square if clip is None else max(square, (min(max(v, b - clip), b + clip) - r) ** 2))
    x, placed = tensor(values), [tensor(array).data for array in (before, returns)]
    assert objective.value_loss(x, *placed, clip).item() == pytest.approx(0.5 * np.mean(expected), rel=1e-12)
    check_gradients(lambda x: objective.value_loss(x, *placed, clip), [x])


def test_categorical(tensor, host):
    logits = tensor((6, 4))
    places = [np.full(6, k) for k in range(4)]
    p = np.exp([host(Categorical(logits).log_probability(place)) for place in places])
    np.testing.assert_allclose(p.sum(axis=0), 1.0, rtol=1e-12)
    z = host(logits)
    np.testing.assert_allclose(p[2] / p[0], np.exp(z[:, 2] - z[:, 0]), rtol=1e-12)
    entropy = Categorical(logits).entropy().item()
    assert entropy == pytest.approx(-(p * np.log(p)).sum(axis=0).mean(), rel=1e-12)
    check_gradients(lambda x: Categorical(x).log_probability(np.array([0, 1, 2, 3, 0, 1])), [logits])
    check_gradients(lambda x: Categorical(x).entropy(), [logits])


def test_gaussian_is_a_density(tensor, host):
    mean, log_deviation = tensor(np.array([[0.3]])), tensor(np.array([-2.0]))
    x = np.linspace(-3, 3, 20001)[:, np.newaxis]
    many = Gaussian(tensor(np.repeat(host(mean), len(x), axis=0)), log_deviation)
    logs = host(many.log_probability(tensor(x).data))
    density = np.exp(logs)
    assert np.trapezoid(density, x[:, 0]) == pytest.approx(1.0, rel=1e-9)
    entropy = many.entropy().item()
    assert entropy == pytest.approx(-np.trapezoid(density * logs, x[:, 0]), rel=1e-9)
    assert entropy < 0  # σ = 0.135


def test_gaussian_gradients(tensor):
    mean, log_deviation = tensor((5, 3)), tensor((3,))
    drawn = tensor(np.random.default_rng(3).normal(size=(5, 3))).data
    check_gradients(lambda m, s: Gaussian(m, s).log_probability(drawn), [mean, log_deviation])
    check_gradients(lambda m, s: Gaussian(m, s).entropy() * 1.0, [mean, log_deviation])


def test_change_of_the_policy():
    before, now = np.array([0.2, 0.5, 0.9, 0.4]), np.array([0.2, 0.55, 0.5, 0.8])
    ratio = now / before
    divergence, clipped = objective.measure_policy_change(np.log(ratio), 0.2)
    assert divergence == pytest.approx(sum(r - 1 - math.log(r) for r in ratio) / 4)
    assert clipped == 0.5  # 1, 1.1, 0.56 and 2
    # It is an unbiased estimate of KL(before ‖ now) if samples come from `before`.
    draw = np.random.default_rng(0).choice(3, size=200_000, p=[0.2, 0.3, 0.5])
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])
    divergence, _ = objective.measure_policy_change(np.log(q / p)[draw], 0.2)
    assert divergence == pytest.approx((p * np.log(p / q)).sum(), rel=0.02)


def test_explained_variance():
    returns = np.array([[1.0, 2.0, 4.0], [0.0, 3.0, 5.0]])
    assert objective.explained_variance(returns, returns) == 1
    assert objective.explained_variance(np.full((2, 3), 7.0), returns) == pytest.approx(0)
    assert objective.explained_variance(-returns, returns) == pytest.approx(-3)
    assert math.isnan(objective.explained_variance(returns, np.ones((2, 3))))
