"""Weights of samples and of classes in `fit`."""

import numpy as np
import pytest

from evaluators.gradient import Batches, fit, losses, nn, optim
from tests.support.refusals import refuses

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(30, 4))
LABELS = np.array([0] * 20 + [1] * 8 + [2] * 2)
NUMBERS = X[:, :2] ** 2


def train(batches, data=(X, LABELS), loss=losses.softmax_cross_entropy, epochs=2, **arguments):
    outputs = 3 if data[1].ndim == 1 else data[1].shape[1]
    model = nn.Sequential(nn.Dense(4, 5), nn.Activation("tanh"), nn.Dense(5, outputs)).initialise(0)
    model.to(dtype=np.float64)
    fitted = fit(model, data, loss, optim.SGD(model.parameters(), 0.1), epochs, batches, **arguments)
    return model.state(), fitted.history


def assert_close(first, second):
    for name, array in first[0].items():
        np.testing.assert_allclose(array, second[0][name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (losses.softmax_cross_entropy, LABELS),
        (losses.mean_squared, NUMBERS),
        (losses.mean_absolute, NUMBERS),
        (losses.huber, NUMBERS),
        (losses.binary_cross_entropy, (NUMBERS > 1).astype(float)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_weight_is_a_number_of_copies(loss, targets):
    count = np.arange(30) % 3
    weighted = train(Batches(30, sample_weight=count), (X, targets), loss)
    copied = train(Batches(30), (np.repeat(X, count, axis=0), np.repeat(targets, count, axis=0)), loss)
    assert_close(weighted, copied)
    np.testing.assert_allclose(weighted[1]["training_loss"], copied[1]["training_loss"], rtol=1e-12)


def test_the_gradients_of_an_epoch_add_up_to_that_of_the_whole_set():
    """The loss of a step is Σ w l / n; with a rate of 0, its mean over batches of equal size is that of all samples."""
    weight = DRAW.uniform(size=30)

    def at_first(size):
        model = nn.Sequential(nn.Dense(4, 3)).initialise(0).to(dtype=np.float64)
        gradients = []

        class Silent(optim.SGD):
            def step(self):
                gradients.append(model.layers[0].weight.grad)

        optimiser = Silent(model.parameters(), 0.1)
        batches = Batches(size, sample_weight=weight)
        fit(model, (X, LABELS), losses.softmax_cross_entropy, optimiser, 1, batches)
        return np.mean(gradients, axis=0)

    np.testing.assert_allclose(at_first(5), at_first(30), rtol=1e-12)


def test_equal_weights_change_nothing():
    plain = train(Batches(8))
    for batches in (Batches(8, sample_weight=np.full(30, 7.0)), Batches(8, class_weight=[2, 2, 2])):
        assert_close(train(batches), plain)


def test_classes_with_weights():
    shares = np.array([1 / 20, 1 / 8, 1 / 2])
    balanced = train(Batches(30, class_weight="balanced"))
    for class_weight in (shares, list(10 * shares), dict(enumerate(shares))):
        assert_close(train(Batches(30, class_weight=class_weight)), balanced)
    assert_close(train(Batches(30, sample_weight=shares[LABELS])), balanced)
    assert_close(
        train(Batches(30, class_weight={2: 3.0})), train(Batches(30, class_weight=[1.0, 1.0, 3.0, 9.0]))
    )
    one_hot = np.eye(3)[LABELS]
    assert_close(train(Batches(30, class_weight="balanced"), (X, one_hot)), balanced)
    both = train(Batches(30, sample_weight=np.arange(30), class_weight=shares))
    assert_close(train(Batches(30, sample_weight=np.arange(30) * shares[LABELS])), both)


def test_a_single_output_has_two_classes():
    binary = (LABELS > 0).astype(float)[:, None]
    loss = losses.binary_cross_entropy
    found = train(Batches(30, class_weight=[1.0, 3.0]), (X, binary), loss)
    assert_close(train(Batches(30, sample_weight=1 + 2 * binary[:, 0]), (X, binary), loss), found)
    labels = binary.astype(int)
    assert_close(train(Batches(30, class_weight={1: 3.0}), (X, labels), loss), found)


def test_a_batch_of_weights_that_are_0_makes_no_step():
    weight = np.zeros(30)
    weight[7] = 1
    _, history = train(Batches(10, sample_weight=weight), epochs=1)
    assert history["step"][0] == 1
    alone = train(Batches(1), (X[7:8], LABELS[7:8]), epochs=1)
    np.testing.assert_allclose(history["training_loss"], alone[1]["training_loss"], rtol=1e-12)


def test_validation_is_not_weighted():
    data = X, LABELS
    _, history = train(Batches(30, class_weight="balanced"), epochs=1, validation=data)
    state, _ = train(Batches(30, class_weight="balanced"), epochs=1)
    z = np.tanh(X @ state["layers.0.weight"] + state["layers.0.bias"]) @ state["layers.2.weight"]
    z = z + state["layers.2.bias"]
    expected = -(z - np.log(np.exp(z).sum(1, keepdims=True)))[np.arange(30), LABELS].mean()
    np.testing.assert_allclose(history["validation_loss"], expected, rtol=1e-12)


def test_a_checkpoint_with_other_weights_is_refused(tmp_path):
    path = tmp_path / "training.npz"
    train(Batches(8, sample_weight=np.arange(30)), epochs=1, checkpoint=path)
    with pytest.raises(ValueError, match="belongs to a training with different samples"):
        train(Batches(8), checkpoint=path, resume=True)


MISTAKES = [
    (dict(sample_weight=np.ones(3)), "sample_weight: expected shape (30,), got (3,)"),
    (dict(sample_weight=-np.ones(30)), "sample_weight: expected numbers of at least 0, not all 0, got -1.0"),
    (dict(sample_weight=np.zeros(30)), "sample_weight: expected numbers of at least 0, not all 0, got 0.0"),
    (dict(sample_weight=np.full(30, np.nan)), "sample_weight: expected finite numbers, got nan at (0,)"),
    (dict(sample_weight="balanced"), "sample_weight: expected an array of numbers, got dtype"),
    (dict(sample_weight=[[1], [1, 2]]), "sample_weight: expected an array of numbers, got rows of different"),
    (dict(class_weight=["a", "b", "c"]), "class_weight: expected an array of numbers, got dtype"),
    (dict(class_weight={1: "a"}), "class_weight: class 1: expected a finite number of at least 0, got 'a'"),
    (
        dict(class_weight={1: np.nan}),
        "class_weight: class 1: expected a finite number of at least 0, got nan",
    ),
    (dict(class_weight="even"), "class_weight: expected 'balanced', or numbers for classes, got 'even'"),
    (dict(class_weight=[1, 2]), "class_weight: expected shape (3,), got (2,)"),
    (dict(class_weight={3: 1.0}), "class_weight: a class: expected an integer from 0 to 2, got 3"),
    (dict(class_weight=[1, -1, 1]), "class_weight: expected numbers of at least 0, not all 0, got -1.0"),
    (
        dict(class_weight=[0, 0, 1], sample_weight=np.arange(30) < 20),
        "class_weight: expected a sample whose weight is above 0, got none",
    ),
    (dict(size=0), "size: expected an integer from 1 to"),
    (dict(seed=-1), "seed: expected an integer from 0 to 2^64 - 1, got -1"),
]


@pytest.mark.parametrize(("settings", "message"), MISTAKES, ids=[message[:40] for _, message in MISTAKES])
def test_mistakes(settings, message):
    with refuses(message):
        train(Batches(**settings))


def test_targets_and_losses_that_do_not_take_weights():
    with refuses("class_weight: targets: expected probabilities from 0 to 1, got "):
        train(Batches(class_weight=[1, 2]), (X, 2 + NUMBERS), losses.mean_squared)
    with refuses(
        "class_weight: expected labels, or probabilities of classes, got targets of shape (30, 2, 1)"
    ):
        train(Batches(class_weight=[1, 2]), (X, NUMBERS[..., None]), losses.mean_squared)
    with refuses("class_weight: expected labels of at least 0, got -1"):
        train(Batches(class_weight="balanced"), (X, LABELS - 1))
    with refuses("loss: needs a parameter sample_weights, since the samples have weights"):
        train(Batches(class_weight="balanced"), loss=lambda z, y: losses.softmax_cross_entropy(z, y))
