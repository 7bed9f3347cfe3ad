"""What `fit` refuses, and what its messages name."""

import numpy as np
import pytest

from evaluators.gradient import (
    Batches,
    CheckpointError,
    Tensor,
    fit,
    losses,
    nn,
    optim,
    reporting,
)
from evaluators.gradient.optim import schedules
from tests.support.fitting import (
    LOSS,
    TRAIN,
    VALIDATION,
    X,
    Y,
    assert_same_model,
    model_of,
    train,
)
from tests.support.refusals import refuses

BAD = {
    "epochs": (dict(epochs=0), "epochs: expected an integer from 1 to"),
    "batch": (dict(batches=8), "batches: expected Batches, such as Batches(32), got 8"),
    "patience": (dict(patience=0), "patience: expected an integer from 1 to"),
    "patience alone": (dict(patience=1, validation=None), "patience: needs a validation set, got none"),
    "resume": (dict(resume=True), "resume: needs a checkpoint, got none"),
    "empty": (
        dict(data=(X[:0], Y[:0])),
        "data: inputs: expected shape (samples, …) with at least one, got (0, 4)",
    ),
    "lengths": (dict(data=(X, Y[:3])), "data: expected a target for each of 90 inputs, got shape (3,)"),
    "NaN": (dict(data=([[np.nan] * 4], [0])), "data: inputs: expected finite numbers, got nan at (0, 0)"),
    "beyond float32": (
        dict(data=([[1e300] * 4], [0])),
        "data: inputs: expected finite float32 numbers, got 1e+300 at (0, 0)",
    ),
    "targets beyond float32": (
        dict(
            data=([[1.0] * 4], [[1e300] * 3]),
            model=nn.Sequential(nn.Dense(4, 3)),
            loss=losses.huber,
            validation=None,
        ),
        "huber: targets: expected finite float32 numbers, got 1e+300 at (0, 0)",
    ),
    "NaN in targets": (
        dict(data=(X[:1], [[np.nan]])),
        "data: targets: expected finite numbers, got nan at (0, 0)",
    ),
    "validation": (dict(validation=X), "validation: expected inputs and targets, got ndarray"),
    "test": (dict(test=(X, ["a"] * 90)), "test: targets: expected an array of numbers, got dtype <U1"),
    "labels": (dict(data=(X, Y + 1)), "softmax_cross_entropy: labels: expected integers from 0 to 2, got 3"),
    "shape": (dict(data=(X[:, :3], Y)), "dense: input of shape (8, 3) does not fit weight of shape (4, 16)"),
    "no number": (
        dict(loss=lambda z, y: z * 2),
        "loss: expected a tensor that is one number, got shape (8, 3)",
    ),
    "no tensor": (dict(loss=lambda z, y: 0.5), "loss: expected a tensor that is one number, got float"),
    "clip": (dict(clip_norm=0), "clip_norm: expected a finite number above 0, got 0"),
    "batches of one": (
        dict(batches=Batches(1)),
        "BatchNorm: expected more than one value per channel in training, got shape (1, 16); take larger batches",
    ),
    "one sample": (
        dict(data=(X[:1], Y[:1])),
        "BatchNorm: expected more than one value per channel in training, got shape (1, 16); take larger batches",
    ),
    "no loss": (dict(loss="mse"), "loss: expected a function of outputs and targets, such as"),
    "no score": (dict(score="accuracy"), "score: expected a function of outputs and targets, such as"),
    "no number of a score": (
        dict(score=lambda z, y: [1, 2]),
        "validation: score: expected one number, got [1, 2]",
    ),
    "one reporter": (
        dict(reporters=reporting.Progress()),
        "reporters: expected a list of reporters of gradient.reporting, got",
    ),
    "no reporter": (
        dict(reporters=[3]),
        "reporters: expected a list of reporters of gradient.reporting, got [3]",
    ),
    "optimiser": (dict(optimiser=0.1), "optimiser: expected one of optim's, got float"),
    "others": (
        dict(optimiser=optim.SGD([Tensor([1.0], True)], 0.1)),
        "optimiser: has parameters that are not the model's",
    ),
    "model": (dict(model=lambda x: x), "model: expected a Module, got function"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    change, message = BAD[name]
    model = model_of()
    arguments = dict(model=model, data=TRAIN, loss=LOSS, epochs=1, batches=Batches(8), validation=VALIDATION)
    arguments |= change
    if "optimiser" not in change:
        parameters = getattr(arguments["model"], "parameters", model.parameters)()
        arguments["optimiser"] = optim.SGD(parameters, 0.1)
    with refuses(message):
        fit(**arguments)


@pytest.mark.parametrize("name", ["data", "validation", "test"])
def test_a_score_that_takes_other_targets_is_refused_before_training(name):
    model = model_of()
    before = model.state()
    one_hot = X, np.eye(3)[Y]
    with refuses(f"{name}: labels: expected integer labels of shape (samples,), got dtype float64"):
        train(1, model, **{"data": TRAIN, "validation": None, "test": None, name: one_hot})
    for path, array in model.state().items():
        np.testing.assert_array_equal(array, before[path], err_msg=path)


def test_a_score_may_refuse_equal_outputs():
    def score(outputs, labels):
        if np.ptp(outputs.data) == 0:
            raise ValueError("constant")
        return 1.0

    model = model_of()
    model.layers[-1].weight.data = np.zeros_like(model.layers[-1].weight.data)
    _, fitted = train(1, model, score=score)
    assert fitted.test_score == 1


@pytest.mark.parametrize("name", ["validation", "test"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X[:, :3], Y), "dense: input of shape (1, 3) does not fit weight of shape (4, 16)"),
        (
            (X, Y[:, np.newaxis]),
            "softmax_cross_entropy: outputs of shape (90, 3) and targets of shape (90, 1)",
        ),
        ((X, np.append(Y[1:], 3)), "softmax_cross_entropy: labels: expected integers from 0 to 2, got 3"),
    ],
    ids=["shape", "targets", "the last label"],
)
def test_held_out_samples_that_do_not_fit_are_refused_before_training(name, data, message):
    model = model_of()
    before = model.state()
    with refuses(f"{name}: {message}"):
        train(1, model, **{name: data})
    for path, array in model.state().items():
        np.testing.assert_array_equal(array, before[path], err_msg=path)


def test_a_checkpoint_of_another_optimiser_is_refused(tmp_path):
    """The state of both has the same names."""
    path, model = tmp_path / "training.npz", model_of()
    fit(model, TRAIN, LOSS, optim.Adam(model.parameters()), 1, checkpoint=path)
    with refuses(f"{path}: belongs to a training with Adam, not AdamW", CheckpointError):
        fit(model, TRAIN, LOSS, optim.AdamW(model.parameters()), 2, checkpoint=path, resume=True)


def test_tensors_of_pytorch():
    torch = pytest.importorskip("torch")
    inputs, labels = (torch.tensor(part) for part in TRAIN)
    assert_same_model(train(1, data=(inputs, labels))[0], train(1)[0])
    with refuses("data: inputs: Can't call numpy() on Tensor that requires grad"):
        train(1, data=(inputs.requires_grad_(), labels))


def test_a_loss_that_is_not_finite_names_step_and_layer():
    model = nn.Sequential(nn.Dense(4, 4), nn.Activation("square"), nn.Dense(4, 1)).initialise(0)
    optimiser = optim.SGD(model.parameters(), 1e12)
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            ValueError,
            match=r"^loss: (inf|nan) at step \d+ \(epoch 0\): (the layer layers\.\d \(\w+\) gives|the parameter)",
        ),
    ):
        fit(model, (X, X[:, :1]), losses.mean_squared, optimiser, 5, Batches(10))

    class Broken(nn.Module):
        def forward(self, x):
            return x * (x - x).sum() / (x - x).sum()

    model = nn.Sequential(nn.Dense(4, 4), nn.Sequential(Broken(), nn.Activation("tanh")), nn.Dense(4, 3))
    optimiser = optim.SGD(model.parameters(), 0.1)
    message = "loss: nan at step 0 (epoch 0): the layer layers.1.layers.0 (Broken) gives the first that is not finite"
    with np.errstate(all="ignore"), refuses(message):
        fit(model, TRAIN, LOSS, optimiser, 1)
    model = nn.Sequential(nn.Dense(4, 3))
    with (
        np.errstate(all="ignore"),
        refuses("loss: nan at step 0 (epoch 0): all layers are finite, so it arises in the"),
    ):
        fit(model, TRAIN, lambda z, y: LOSS(z, y) * 0 / (z - z).sum(), optim.SGD(model.parameters(), 0.1), 1)


def test_a_validation_loss_that_is_not_finite():
    def loss(outputs, targets):
        return LOSS(outputs, targets) if outputs.requires_grad else Tensor(1.0) * 1e30 * 1e30

    with (
        np.errstate(all="ignore"),
        refuses("validation after epoch 0: loss inf: all layers are finite, so it arises"),
    ):
        model = model_of()
        fit(model, TRAIN, loss, optim.SGD(model.parameters(), 0.1), 1, validation=VALIDATION)


@pytest.mark.filterwarnings("ignore:overflow")
def test_weights_that_the_last_step_makes_not_finite_raise():
    model = nn.Dense(4, 3)
    optimiser = optim.SGD(model.parameters(), 1e38)
    ones = np.ones((8, 4)), np.full((8, 3), 100.0)
    with refuses("weight: is not finite after step 1 (epoch 0)"):
        fit(model, ones, losses.mean_squared, optimiser, 1, Batches(8))


def test_a_checkpoint_of_other_samples_is_refused(tmp_path):
    file = tmp_path / "checkpoint.npz"
    train(2, checkpoint=file)
    model = model_of()
    other = TRAIN[0] + np.float32(1), TRAIN[1]
    with refuses(f"{file}: belongs to a training with different samples", CheckpointError):
        fit(
            model,
            other,
            LOSS,
            optim.Adam(model.parameters(), schedules.cosine(0.02, 60)),
            4,
            Batches(8),
            validation=VALIDATION,
            checkpoint=file,
            resume=True,
        )


def test_mistakes_of_arguments(tmp_path):
    with refuses("checkpoint: there is no folder "):
        train(1, checkpoint=tmp_path / "none" / "checkpoint.npz")
    model = model_of()
    with refuses("data: expected arrays, got a Tensor"):
        fit(model, (Tensor(X), Y), LOSS, optim.SGD(model.parameters(), 0.1), 1)
    with refuses("softmax_cross_entropy: expected outputs that are a Tensor, got ndarray"):
        LOSS(np.zeros((3, 3)), np.zeros(3, int))
    with refuses("mean_squared: expected outputs that are a Tensor, got ndarray"):
        losses.mean_squared(np.zeros((3, 3)), np.zeros((3, 3)))
