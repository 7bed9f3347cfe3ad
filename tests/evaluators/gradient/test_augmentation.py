"""Augmentation: what the shipped functions return, and that training with them repeats."""

import numpy as np
import pytest

from evaluators.gradient import Batch, Batches, augmentation, fit, losses, nn, optim
from evaluators.gradient.random_numbers import AUGMENTATION, Key
from tests.support.refusals import refuses

DRAW = np.random.default_rng(0)
IMAGES = DRAW.normal(size=(40, 2, 5, 6)).astype(np.float32)
LABELS = DRAW.integers(0, 3, 40)


def key(number=0):
    return Key(7, AUGMENTATION, number)


def augmented(augment, inputs=IMAGES, targets=LABELS, weight=None, number=0):
    return augment(Batch(inputs, targets, weight), key(number))


# --- random keys


def test_equal_keys_draw_the_same_numbers_and_each_call_further_ones():
    first, second, other = key(), key(), key(1)
    for draw in (
        lambda k: k.uniform(100),
        lambda k: k.normal((20, 5)),
        lambda k: k.integers(-3, 1000, 100),
        lambda k: k.permutation(100),
    ):
        mine = [draw(first), draw(first)]
        np.testing.assert_array_equal(mine, [draw(second), draw(second)])
        assert (mine[0] != mine[1]).any()
        assert (draw(other) != mine[0]).any()


def test_the_distributions_of_a_key():
    k = key()
    assert abs(k.uniform(10_000).mean() - 0.5) < 0.02
    assert abs(k.normal(10_000).std() - 1) < 0.03
    counts = np.bincount(k.integers(2, 6, 8_000))
    assert len(counts) == 6 and (counts[:2] == 0).all() and (abs(counts[2:] - 2_000) < 200).all()
    assert sorted(k.permutation(50)) == list(range(50))


# --- the shipped functions


@pytest.mark.parametrize("axis", [-1, -2, 2])
def test_flip(axis):
    result = augmented(augmentation.flip(axis))
    turned = np.flip(IMAGES, axis)
    flipped = [(image == other).all() for image, other in zip(result.inputs, turned, strict=True)]
    same = [(image == other).all() for image, other in zip(result.inputs, IMAGES, strict=True)]
    assert 8 < sum(flipped) < 32
    assert (np.array(flipped) != np.array(same)).all()
    assert result.targets is LABELS and result.inputs.dtype == np.float32


def test_shift():
    result = augmented(augmentation.shift(2)).inputs
    assert result.shape == IMAGES.shape and result.dtype == np.float32
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (2, 2), (2, 2)))
    seen = set()
    for image, wide in zip(result, padded, strict=True):
        places = [
            (a, b) for a in range(5) for b in range(5) if (image == wide[:, a : a + 5, b : b + 6]).all()
        ]
        assert len(places) == 1
        seen.add(places[0])
    assert len(seen) > 15  # of 25


def test_crop():
    result = augmented(augmentation.crop(4, 3)).inputs
    assert result.shape == (40, 2, 4, 3)
    for image, whole in zip(result, IMAGES, strict=True):
        assert any((image == whole[:, a : a + 4, b : b + 3]).all() for a in range(2) for b in range(4))
    np.testing.assert_array_equal(augmentation.central(IMAGES, 3, 4), IMAGES[:, :, 1:4, 1:5])
    np.testing.assert_array_equal(augmented(augmentation.crop(5, 6)).inputs, IMAGES)


def test_noise():
    difference = augmented(augmentation.noise(0.3)).inputs - IMAGES
    assert abs(difference.std() - 0.3) < 0.02 and abs(difference.mean()) < 0.02
    np.testing.assert_array_equal(augmented(augmentation.noise(0.0)).inputs, IMAGES)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup(alpha):
    """Inputs that hold their own label show the shares; these have the moments of a Beta distribution."""
    count = 4_000
    labels = np.arange(count) % 5
    inputs = np.eye(5, dtype=np.float32)[labels]
    result = augmented(augmentation.mixup(alpha, classes=5), inputs, labels)
    np.testing.assert_allclose(result.inputs, result.targets, atol=1e-6)
    np.testing.assert_allclose(result.targets.sum(axis=1), 1, rtol=1e-6)
    share = result.targets[np.arange(count), labels]
    mixed = (result.targets > 0).sum(axis=1) == 2
    # For a and b of Beta(α, α): mean 1/2, variance 1 / (4 (2 α + 1)).
    assert abs(share[mixed].mean() - 0.5) < 0.03
    assert abs(share[mixed].var() - 0.25 / (2 * alpha + 1)) < 0.01


def test_mixup_of_numbers_and_of_weights():
    x, weight = np.arange(6.0)[:, None], np.array([1.0, 0, 2, 0, 1, 2])
    result = augmented(augmentation.mixup(1.0), x, 10 * x, weight)
    # Σ w f(x, t) of a pair is that of its two samples, each with its share: here for f = t.
    shares, other = key(), None
    other = shares.permutation(6)
    share = shares.uniform(6)  # Beta(1, 1) is uniform
    np.testing.assert_allclose(result.inputs[:, 0], share * x[:, 0] + (1 - share) * x[other, 0], rtol=1e-5)
    np.testing.assert_allclose(result.weight, share * weight + (1 - share) * weight[other], rtol=1e-5)
    expected = 10 * (share * weight * x[:, 0] + (1 - share) * weight[other] * x[other, 0])
    np.testing.assert_allclose(result.weight * result.targets[:, 0], expected, rtol=1e-5)


# --- in training


def model_of():
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.Activation("relu"), nn.Flatten(), nn.Dense(36, 3)).initialise(
        0
    )


def train(batches, epochs=3, model=None, **arguments):
    model = model or model_of()
    optimiser = optim.Adam(model.parameters(), 0.01)
    data = IMAGES, LABELS
    fitted = fit(model, data, losses.softmax_cross_entropy, optimiser, epochs, batches, **arguments)
    return model.state(), fitted.history


AUGMENT = [
    augmentation.flip(),
    augmentation.shift(1),
    augmentation.noise(0.1),
    augmentation.mixup(0.4, classes=3),
]


def test_a_run_repeats_and_a_resumed_one_goes_on(tmp_path):
    (one, history), (again, _) = (train(Batches(16, 3, AUGMENT)) for _ in range(2))
    for name, array in one.items():
        np.testing.assert_array_equal(array, again[name])
    for seed, augment in ((4, AUGMENT), (3, AUGMENT[:3]), (3, ())):
        other, _ = train(Batches(16, seed, augment))
        assert (one["layers.0.weight"] != other["layers.0.weight"]).any()
    path = tmp_path / "training.npz"
    train(Batches(16, 3, AUGMENT), 1, checkpoint=path)
    resumed, whole = train(Batches(16, 3, AUGMENT), 3, checkpoint=path, resume=True)
    np.testing.assert_array_equal(whole["training_loss"], history["training_loss"])
    for name, array in one.items():
        np.testing.assert_array_equal(array, resumed[name])


def test_every_batch_and_epoch_is_augmented_anew_and_validation_is_not():
    seen = []

    def remember(batch, key):
        seen.append((batch.inputs.copy(), key.uniform(3)))
        return batch._replace(inputs=batch.inputs + 100.0)  # float64 would be refused by the layers

    model = nn.Sequential(nn.Flatten(), nn.Dense(60, 3)).initialise(0)
    inputs, forward = [], model.forward
    model.forward = lambda x: inputs.append((model.training, x.data.max())) or forward(x)
    train(Batches(16, augment=remember), 2, model, validation=(IMAGES, LABELS))
    assert len(seen) == 6 and len({tuple(numbers) for _, numbers in seen}) == 6
    whole = np.concatenate([images for images, _ in seen[:3]])
    assert sorted(whole.sum(axis=(1, 2, 3))) == sorted(IMAGES.sum(axis=(1, 2, 3)))
    assert all((most > 50) == training for training, most in inputs)


def test_a_constant_augmentation_equals_training_on_changed_data():
    doubled, _ = train(Batches(16, 3, lambda batch, key: batch._replace(inputs=batch.inputs * 2)))
    model = model_of()
    optimiser = optim.Adam(model.parameters(), 0.01)
    fit(model, (2 * IMAGES, LABELS), losses.softmax_cross_entropy, optimiser, 3, Batches(16, 3))
    for name, array in model.state().items():
        np.testing.assert_array_equal(array, doubled[name])


def test_a_crop_may_change_the_size_of_images():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm(3), nn.Flatten(), nn.Dense(12, 3)).initialise(0)
    validation = augmentation.central(IMAGES, 4, 4), LABELS
    train(Batches(13, augment=augmentation.crop(4, 4)), 1, model, validation=validation)


def test_a_function_that_writes_into_a_batch_leaves_the_samples_as_they_are():
    """Nine samples in batches of four leave one, at which `fit` looks first, because of the normalisation."""
    seen = []

    def double(batch, key):
        seen.append(batch.inputs.copy())
        batch.inputs[:] *= 2
        return batch

    layers = nn.Flatten(), nn.Dense(60, 3), nn.BatchNorm(3)
    model, images = nn.Sequential(*layers), np.random.default_rng(0).normal(size=(9, 2, 5, 6))
    data = images, np.arange(9) % 3
    optimiser = optim.SGD(model.parameters(), 0.1)
    fit(model, data, losses.softmax_cross_entropy, optimiser, 2, Batches(4, augment=double))
    for batch in seen:
        assert np.isin(batch, images.astype(np.float32)).all()


def weighed(weight):
    augment = lambda batch, key: batch._replace(weight=weight)  # noqa: E731
    return train(Batches(augment=augment))


MISTAKES = [
    (lambda: augmentation.flip(0), "flip: axis: expected an integer other than 0, got 0"),
    (lambda: augmented(augmentation.flip(4)), "flip: axis: 4 is no axis of a sample in inputs of shape"),
    (lambda: augmentation.shift(0), "shift: most: expected an integer from 1 to"),
    (
        lambda: augmented(augmentation.shift(1), IMAGES[0]),
        "shift: expected inputs of shape (samples, channels, height, width), got (2, 5, 6)",
    ),
    (
        lambda: augmented(augmentation.crop(6, 6)),
        "crop: a window of 6 by 6 does not fit images of 5 by 6",
    ),
    (lambda: augmentation.central(IMAGES, 6, 1), "central: a window of 6 by 1 does not fit images of 5 by 6"),
    (lambda: augmentation.noise(-1), "noise: deviation: expected a finite number of at least 0, got -1"),
    (lambda: augmentation.mixup(0), "mixup: alpha: expected a finite number above 0, got 0"),
    (lambda: augmentation.mixup(classes=0), "mixup: classes: expected an integer from 1 to"),
    (
        lambda: augmented(augmentation.mixup()),
        "mixup: classes: needs the number of classes, since targets are labels",
    ),
    (
        lambda: augmented(augmentation.mixup(classes=2)),
        "mixup: labels: expected integers from 0 to 1, got 2",
    ),
    (lambda: Batches(augment="flip"), "augment: expected functions of a batch and a key, got 'f'"),
    (
        lambda: Batches(augment=augmentation.flip),
        "augment: expected functions of a batch and a key, got <function flip",
    ),
    (
        lambda: Batches(augment=[augmentation.noise(0.1), augmentation.shift]),
        "augment: expected functions of a batch and a key, got <function shift",
    ),
    (lambda: Batches(augment=lambda batch: batch), "augment: expected functions of a batch and a key, got <"),
    (lambda: Batches(augment=3), "augment: expected functions of a batch and a key, got 3"),
    (
        lambda: train(Batches(augment=lambda batch, key: batch.inputs)),
        "augment: expected a function that returns a Batch, got ndarray",
    ),
    (
        lambda: train(Batches(8, augment=lambda batch, key: batch._replace(targets=batch.targets[:2]))),
        "augment: targets: expected 8 samples, got shape (2,)",
    ),
    (
        lambda: train(Batches(augment=lambda batch, key: batch._replace(inputs=batch.inputs * np.nan))),
        "augment: inputs: expected finite numbers, got nan at (0, 0, 0, 0)",
    ),
    (
        lambda: train(Batches(augment=lambda batch, key: batch._replace(targets=np.full(32, np.inf)))),
        "augment: targets: expected finite numbers, got ",
    ),
    (lambda: weighed([1.0] * 3), "augment: weight: expected shape (32,), got (3,)"),
    (lambda: weighed([-1.0] * 32), "augment: weight: expected numbers of at least 0, got -1.0"),
    (lambda: weighed([np.nan] * 32), "augment: weight: expected finite numbers, got nan at (0,)"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=[message[:40] for _, message in MISTAKES])
def test_mistakes(mistake, message):
    with refuses(message):
        mistake()
