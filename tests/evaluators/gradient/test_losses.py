import re

import numpy as np
import pytest

from evaluators.gradient import Tensor, check_gradients, losses
from evaluators.gradient.tensor import operations

GENERATOR = np.random.default_rng(1)
TARGETS = GENERATOR.normal(size=(6, 4))
LABELS = GENERATOR.integers(0, 4, 6)
SOFT = GENERATOR.dirichlet(np.ones(4), 6)
BINARY = GENERATOR.uniform(size=(6, 4))
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.1])
CLASS_WEIGHTS = np.array([1.0, 0.2, 3.0, 0.7])


def mean(values, weights):
    """Compute the weighted mean over the first axis by a plain loop, then over the other axes."""
    each = [np.mean(value) for value in values]
    total = sum(w * value for w, value in zip(weights, each, strict=True))
    return total / sum(weights)


def entropy_loss(z, t, weights, class_weights):
    total = mass = 0.0
    for row, target, w in zip(z, t, weights, strict=True):
        p = np.exp(row) / sum(np.exp(row))
        for c in range(len(p)):
            total -= w * class_weights[c] * target[c] * np.log(p[c])
            mass += w * class_weights[c] * target[c]
    return total / mass


def binary_loss(z, t, weights, class_weights):
    total = mass = 0.0
    for row, target, w in zip(z, t, weights, strict=True):
        for logit, y in zip(row, target, strict=True):
            p = 1 / (1 + np.exp(-logit))
            total -= w * (class_weights[1] * y * np.log(p) + class_weights[0] * (1 - y) * np.log(1 - p))
            mass += w * (class_weights[1] * y + class_weights[0] * (1 - y))
    return total / mass


ONES, EVEN, HOT = np.ones(6), np.ones(4), np.eye(4)[LABELS]
CASES = {
    "mean_squared": (lambda z: losses.mean_squared(z, TARGETS), lambda z: mean((z - TARGETS) ** 2, ONES)),
    "mean_squared, weighted": (
        lambda z: losses.mean_squared(z, TARGETS, WEIGHTS),
        lambda z: mean((z - TARGETS) ** 2, WEIGHTS),
    ),
    "mean_absolute": (lambda z: losses.mean_absolute(z, TARGETS), lambda z: mean(abs(z - TARGETS), ONES)),
    "huber": (
        lambda z: losses.huber(z, TARGETS, 0.7),
        lambda z: mean(
            [
                [e * e / 2 if abs(e) <= 0.7 else 0.7 * (abs(e) - 0.35) for e in row]
                for row in (z - TARGETS).tolist()
            ],
            ONES,
        ),
    ),
    "softmax_cross_entropy, labels": (
        lambda z: losses.softmax_cross_entropy(z, LABELS),
        lambda z: entropy_loss(z, HOT, ONES, EVEN),
    ),
    "softmax_cross_entropy, one-hot": (
        lambda z: losses.softmax_cross_entropy(z, HOT.astype(int)),
        lambda z: entropy_loss(z, HOT, ONES, EVEN),
    ),
    "softmax_cross_entropy, soft": (
        lambda z: losses.softmax_cross_entropy(z, SOFT),
        lambda z: entropy_loss(z, SOFT, ONES, EVEN),
    ),
    "softmax_cross_entropy, weighted labels": (
        lambda z: losses.softmax_cross_entropy(z, LABELS, WEIGHTS, CLASS_WEIGHTS),
        lambda z: entropy_loss(z, HOT, WEIGHTS, CLASS_WEIGHTS),
    ),
    "softmax_cross_entropy, weighted, soft": (
        lambda z: losses.softmax_cross_entropy(z, SOFT, WEIGHTS, CLASS_WEIGHTS),
        lambda z: entropy_loss(z, SOFT, WEIGHTS, CLASS_WEIGHTS),
    ),
    "kl_divergence": (
        lambda z: losses.kl_divergence(z, SOFT),
        lambda z: entropy_loss(z, SOFT, ONES, EVEN) + np.mean((SOFT * np.log(SOFT)).sum(-1)),
    ),
    "kl_divergence, labels, weighted": (
        lambda z: losses.kl_divergence(z, LABELS, WEIGHTS),
        lambda z: entropy_loss(z, HOT, WEIGHTS, EVEN),
    ),
    "binary_cross_entropy": (
        lambda z: losses.binary_cross_entropy(z, BINARY),
        lambda z: binary_loss(z, BINARY, ONES, (1, 1)),
    ),
    "binary_cross_entropy, weighted": (
        lambda z: losses.binary_cross_entropy(z, BINARY, WEIGHTS, [0.3, 2.0]),
        lambda z: binary_loss(z, BINARY, WEIGHTS, (0.3, 2.0)),
    ),
    "l1": (lambda z: losses.l1([z, z * 2], 0.1), lambda z: 0.3 * abs(z).sum()),
    "l2": (lambda z: losses.l2([z], 0.1), lambda z: 0.1 * (z * z).sum()),
}


@pytest.mark.parametrize("name", CASES)
def test_losses(name, tensor, host):
    loss, plain = CASES[name]
    z = tensor((6, 4))
    assert loss(z).item() == pytest.approx(plain(host(z)), rel=1e-12)
    assert loss(z).shape == ()
    check_gradients(loss, [z])


def test_known_values(tensor):
    t = np.array([0.39019628, 0.44301641, 0.16678731])
    p = tensor([0.39511779, 0.44509024, 0.15979198])
    direct = -(operations.log(p) * t).sum()
    assert direct.item() == pytest.approx(1.026805546765045, abs=1e-12)
    for logits, targets in ((operations.log(p), t), (operations.log(p).reshape(1, 3), t[None])):
        assert losses.softmax_cross_entropy(logits, targets).item() == pytest.approx(
            1.026805556765045, abs=1e-12
        )
        divergence = losses.kl_divergence(logits, targets).item()
        assert divergence == pytest.approx(1.026805556765045 - 1.026619006076872, abs=1e-12)
    entropy = losses.softmax_cross_entropy(tensor(np.log(t)), t)
    own = -(t * np.log(t)).sum()
    assert own == pytest.approx(1.026619006076872, abs=1e-12)
    assert entropy.item() == pytest.approx(own + np.log(t.sum()), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_do_not_overflow(dtype, device, host):
    z = Tensor([[1e4, -1e4], [-1e4, 1e4]], True, dtype, device)
    with np.errstate(all="raise", under="ignore"):
        for loss, expected in (
            (losses.softmax_cross_entropy(z, [0, 0]), 1e4),
            (losses.binary_cross_entropy(z, [[1.0, 0.0], [1.0, 0.0]]), 5e3),
        ):
            loss.backward()
            assert loss.item() == expected
    assert np.isfinite(host(z.grad)).all()


def test_a_label_counts_as_its_one_hot_target(tensor, host):
    z = tensor((2, 3, 4))
    labels = np.array([[0, 1, 2], [3, 3, 0]])
    np.testing.assert_allclose(
        losses.softmax_cross_entropy(z, labels).item(),
        losses.softmax_cross_entropy(z, np.eye(4)[labels]).item(),
    )


def Z(*shape):
    return Tensor(np.zeros(shape), True)


MISTAKES = [
    (
        lambda: losses.mean_squared(Z(3, 2), np.zeros(3)),
        "mean_squared: outputs of shape (3, 2) and targets of shape (3,) do not fit",
    ),
    (
        lambda: losses.mean_squared(Z(0, 2), np.zeros((0, 2))),
        "mean_squared: expected at least one sample, got outputs",
    ),
    (
        lambda: losses.mean_squared(Z(1, 2), [[0, np.nan]]),
        "mean_squared: targets: expected finite numbers, got nan at (0, 1)",
    ),
    (
        lambda: losses.mean_squared(Z(1), ["a"]),
        "mean_squared: targets: expected an array of numbers, got dtype <U1",
    ),
    (lambda: losses.mean_squared(Z(2), Z(2)), "mean_squared: targets must not require gradients"),
    (
        lambda: losses.mean_squared(Z(2), np.zeros(2), [1.0]),
        "mean_squared: sample_weights: expected shape (2,), got (1,)",
    ),
    (
        lambda: losses.mean_squared(Z(2), np.zeros(2), [1.0, -1]),
        "mean_squared: sample_weights: expected numbers of at least 0, not all 0, got -1.0",
    ),
    (
        lambda: losses.mean_squared(Z(2), np.zeros(2), [0, 0]),
        "mean_squared: sample_weights: expected numbers of at",
    ),
    (lambda: losses.huber(Z(2), np.zeros(2), 0), "delta: expected a finite number above 0, got 0"),
    (
        lambda: losses.softmax_cross_entropy(Z(2, 3), [0, 3]),
        "softmax_cross_entropy: labels: expected integers from 0 to 2, got 3",
    ),
    (
        lambda: losses.softmax_cross_entropy(Z(2, 3), [0, -1]),
        "softmax_cross_entropy: labels: expected integers from 0 to 2, got -1",
    ),
    (
        lambda: losses.softmax_cross_entropy(Z(2, 3), [0.0, 1.0]),
        "softmax_cross_entropy: labels: expected integers, got dtype float64",
    ),
    (
        lambda: losses.softmax_cross_entropy(Z(2, 3), [0, 1, 2]),
        "softmax_cross_entropy: outputs of shape (2, 3) and targets of shape (3,) do not fit",
    ),
    (
        lambda: losses.softmax_cross_entropy(Z(0, 3), []),
        "softmax_cross_entropy: expected logits of at least one sample and class, got shape (0, 3)",
    ),
    (
        lambda: losses.softmax_cross_entropy(Z(1, 2), [[0.5, 1.5]]),
        "softmax_cross_entropy: targets: expected probabilities from 0 to 1, got 1.5",
    ),
    (
        lambda: losses.softmax_cross_entropy(Z(1, 2), [0], class_weights=[1]),
        "softmax_cross_entropy: class_weights: expected shape (2,), got (1,)",
    ),
    (
        lambda: losses.binary_cross_entropy(Z(2), [0, -1]),
        "binary_cross_entropy: targets: expected probabilities from 0 to 1, got -1",
    ),
    (lambda: losses.l2([], 1.0), "l2: expected at least one parameter, got none"),
    (lambda: losses.l1([Z(1)], -1.0), "strength: expected a finite number of at least 0, got -1.0"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_bad_arguments_are_refused(mistake, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        mistake()
