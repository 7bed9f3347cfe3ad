import io
import re
import struct
import time

import numpy as np
import pytest
from rich.console import Console

from evaluators.gradient import (
    ZCA,
    Batches,
    CheckpointError,
    Standardise,
    Tensor,
    augmentation,
    fit,
    losses,
    metrics,
    nn,
    optim,
    reporting,
)
from evaluators.gradient.optim import schedules
from neat.support.archive import read_arrays, write_arrays

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(90, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64) + (X[:, 2] > 1)
TRAIN, VALIDATION, TEST = ((X[part], Y[part]) for part in (slice(50), slice(50, 70), slice(70, None)))
LOSS = losses.softmax_cross_entropy


def refuses(message, kind=ValueError):
    return pytest.raises(kind, match=f"^{re.escape(message)}")


def model_of(seed=0, device="cpu"):
    layers = nn.Dense(4, 16), nn.BatchNorm(16), nn.Activation("tanh"), nn.Dropout(0.1), nn.Dense(16, 3)
    return nn.Sequential(*layers).initialise(seed).to(device)


def train(epochs=6, model=None, device="cpu", **arguments):
    model = model or model_of(device=device)
    optimiser = optim.Adam(model.parameters(), schedules.cosine(0.02, 60))
    settings = dict(data=TRAIN, batches=Batches(8), validation=VALIDATION, test=TEST, score=metrics.accuracy)
    return model, fit(model, loss=LOSS, optimiser=optimiser, epochs=epochs, **{**settings, **arguments})


def assert_same_model(first, second):
    for name, array in first.state().items():
        np.testing.assert_array_equal(array, second.state()[name], err_msg=name)


def test_fit_learns(device):
    model, fitted = train(40, device=device)
    assert fitted.history["training_loss"][-1] < 0.6 * fitted.history["training_loss"][0]
    assert len(fitted.history) == 40
    assert fitted.history["step"].tolist() == [7 * (k + 1) for k in range(40)]
    assert fitted.history["learning_rate"][0] == schedules.cosine(0.02, 60)(6)
    assert fitted.best_epoch == fitted.history["validation_loss"].argmin()
    # The model has the parameters of the best epoch, and is in evaluation mode.
    outputs = model(VALIDATION[0])
    assert LOSS(outputs, VALIDATION[1]).item() == pytest.approx(
        fitted.history["validation_loss"].min(), rel=1e-5
    )
    assert metrics.accuracy(outputs, VALIDATION[1]) == fitted.history["validation_score"][fitted.best_epoch]
    assert fitted.test_loss == pytest.approx(LOSS(model(TEST[0]), TEST[1]).item(), rel=1e-5)
    assert fitted.test_score == metrics.accuracy(model(TEST[0]), TEST[1])


def test_the_training_loss_is_that_of_plain_steps():
    """Compare with an epoch of SGD in plain Python; the order contains each sample once."""
    from evaluators.gradient import draws

    model, twin = (nn.Sequential(nn.Dense(4, 3)).initialise(0).to(dtype=np.float64) for _ in range(2))
    optimiser = optim.SGD(model.parameters(), 0.5)
    fitted = fit(model, TRAIN, LOSS, optimiser, 1, Batches(20, 7), score=metrics.accuracy)
    weight, bias = twin.layers[0].weight.data.copy(), twin.layers[0].bias.data.copy()
    order, total, correct = draws.permutation(7, 0, 50), 0.0, 0
    for begin in (0, 20, 40):
        x, y = TRAIN[0][order[begin : begin + 20]], TRAIN[1][order[begin : begin + 20]]
        z = x @ weight + bias
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        correct += (z.argmax(1) == y).sum()
        total -= np.log(p[np.arange(len(y)), y]).sum()
        error = (p - np.eye(3)[y]) / len(y)
        weight, bias = weight - 0.5 * x.T @ error, bias - 0.5 * error.sum(0)
    np.testing.assert_allclose(model.layers[0].weight.data, weight, rtol=1e-10)
    assert fitted.history["training_loss"][0] == pytest.approx(total / 50, rel=1e-12)
    assert fitted.history["training_score"][0] == pytest.approx(correct / 50, rel=1e-12)
    assert np.isnan(fitted.test_loss)
    assert fitted.best_epoch == 0


def test_the_same_seed_is_the_same_run(device):
    first, second, other = (train(3, batches=Batches(8, seed), device=device)[0] for seed in (1, 1, 2))
    assert_same_model(first, second)
    assert (first.state()["layers.0.weight"] != other.state()["layers.0.weight"]).any()


@pytest.mark.parametrize("stop", [1, 4, 6])
def test_resumed_training_equals_uninterrupted_training(stop, device, tmp_path):
    for folder in ("whole", "parts"):
        (tmp_path / folder).mkdir()
    reporter = reporting.Metrics(tmp_path / "whole")
    whole, expected = train(6, reporters=[reporter], device=device)
    path = tmp_path / "training.npz"
    reporter = reporting.Metrics(tmp_path / "parts")
    train(stop, checkpoint=path, reporters=[reporter], device=device)
    # The second model gets its weights from the checkpoint.
    parts, fitted = train(6, model_of(9, device), checkpoint=path, resume=True, reporters=[reporter])
    assert_same_model(whole, parts)
    np.testing.assert_array_equal(expected.history, fitted.history)
    assert expected[1:] == fitted[1:]
    assert (tmp_path / "whole/metrics.csv").read_bytes() == (tmp_path / "parts/metrics.csv").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_resuming_without_a_checkpoint_starts_anew(tmp_path):
    plain, _ = train(2)
    model, _ = train(2, checkpoint=tmp_path / "new.npz", resume=True)
    assert_same_model(plain, model)


def test_a_checkpoint_that_cannot_be_used(tmp_path):
    path = tmp_path / "training.npz"
    train(1, checkpoint=path)
    content = path.read_bytes()
    with refuses(f"{path}: is of training with batch size 8, not 9", CheckpointError):
        train(2, checkpoint=path, resume=True, batches=Batches(9))
    with refuses(f"{path}: is of training with samples for validation 20, not 0", CheckpointError):
        train(2, checkpoint=path, resume=True, validation=None)
    other = nn.Sequential(nn.Dense(4, 3))
    with refuses(f"{path}: state: mean: expected float32 of shape", CheckpointError):
        train(2, other, checkpoint=path, resume=True)
    for position in range(0, len(content), len(content) // 40):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with refuses(f"{path}: is ", CheckpointError):
            train(2, checkpoint=path, resume=True)
    path.write_bytes(content[:-1])
    with refuses(f"{path}: is damaged", CheckpointError):
        train(2, checkpoint=path, resume=True)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("format", None, "is no checkpoint of training"),
        ("format", lambda a: np.array([a, a]), "is no checkpoint of training"),
        ("format", lambda a: np.zeros((), "V8"), "is no checkpoint of training"),
        ("settings", None, "is no checkpoint of training"),
        ("settings", lambda a: a[:-1], "state: settings: expected uint64"),
        ("data", lambda a: np.zeros(3), "state: data: expected text of shape"),
        ("history", None, "state: history: expected rows"),
        ("history", lambda a: a["epoch"], "state: history: expected rows"),
        ("optimiser.steps", lambda a: a[np.newaxis], "state: steps: expected int64"),
        ("best.layers.0.bias", lambda a: a[:-1], "state: layers.0.bias: expected shape"),
        ("best.layers.0.bias", None, "state: layers.0.bias is missing"),
        ("optimiser.steps", lambda a: a - 9999, "state: steps: expected no number below 0"),
        ("optimiser.square", lambda a: a - 9999, "state: square: expected no number below 0"),
        ("model.layers.1.running_variance", lambda a: -a, "state: layers.1.running_variance: expected no"),
        ("model.layers.3.stream", lambda a: a - 9999, "state: layers.3.stream: expected an integer from 0"),
        ("best.layers.1.running_variance", lambda a: -a, "state: layers.1.running_variance: expected no"),
        ("best.layers.3.calls", lambda a: a + 0.5, "state: layers.3.calls: expected int64"),
    ],
)
def test_a_checkpoint_made_by_hand_is_refused(name, change, message, tmp_path):
    path = tmp_path / "training.npz"
    train(1, checkpoint=path)
    arrays = read_arrays(path)
    made = {key: array for key, array in arrays.items() if key != name}
    if change is not None:
        made[name] = change(arrays[name])
    write_arrays(path, made)
    with refuses(f"{path}: {message}", CheckpointError):
        train(2, checkpoint=path, resume=True)


def test_early_stopping():
    model = model_of()
    never_better = [0.0]

    def loss(outputs, targets):
        never_better[0] += 0.0 if model.training else 1.0
        return LOSS(outputs, targets) + never_better[0]

    optimiser = optim.SGD(model.parameters(), 0.1)
    fitted = fit(model, TRAIN, loss, optimiser, 50, validation=VALIDATION, patience=3)
    assert len(fitted.history) == 4
    assert fitted.best_epoch == 0


def test_training_updates_statistics_and_evaluation_does_not():
    model, _ = train(1, validation=None)
    assert (model.layers[1].running_mean != 0).all()
    before = model.state()
    model(X)
    assert_same_model(model, model)
    for name, array in before.items():
        np.testing.assert_array_equal(array, model.state()[name])


def test_reporters_are_called(tmp_path):
    told = []

    class Listener(reporting.Reporter):
        def start(self, history, epochs):
            told.append(("start", len(history), epochs))

        def batch(self, done, total):
            told.append(("batch", done, total))

        def epoch(self, history):
            told.append(("epoch", history[-1]["epoch"]))

        def finish(self, history):
            told.append(("finish", len(history)))

    train(2, reporters=[Listener()])
    batches = [("batch", k, 7) for k in range(1, 8)]
    assert told == [("start", 0, 2), *batches, ("epoch", 0), *batches, ("epoch", 1), ("finish", 2)]
    told.clear()
    with pytest.raises(ValueError):
        model = model_of()
        fit(model, TRAIN, lambda z, y: z, optim.SGD(model.parameters(), 0.1), 1, reporters=[Listener()])
    assert told == [("start", 0, 1), ("finish", 0)]


def progress(is_terminal):
    text = io.StringIO()
    console = Console(file=text, force_terminal=is_terminal, width=120, color_system=None)
    return reporting.Progress(console), text


def test_the_progress_of_training():
    for is_terminal in (False, True):
        reporter, text = progress(is_terminal)
        _, fitted = train(2, reporters=[reporter])
        shown = text.getvalue()
        row = fitted.history[-1]
        assert "epoch 2/2" in shown
        for name in ("training_loss", "training_score", "validation_loss", "validation_score"):
            assert name.replace("_", " ") in shown and f"{row[name]:.4g}" in shown


def test_the_display_moves_within_a_long_epoch():
    reporter, text = progress(True)
    reporter.start(np.zeros(1, reporting.EPOCH), 2)
    reporter.batch(1, 4)
    reporter.batch(2, 4)  # not shown: too soon after the last change
    time.sleep(0.11)
    reporter.batch(3, 4)
    reporter.finish(np.zeros(1, reporting.EPOCH))
    assert re.search(r"epoch 1/2 ━+╸? .* 3/4\n", text.getvalue(), re.DOTALL)
    assert "2/4" not in text.getvalue()


def test_metrics_csv(tmp_path):
    _, fitted = train(2, reporters=[reporting.Metrics(tmp_path)])
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert (
        lines[0] == "epoch,step,learning_rate,training_loss,training_score,validation_loss,validation_score"
    )
    assert [float(cell) for cell in lines[2].split(",")] == list(fitted.history[1].item())


def test_targets_of_another_kind_have_no_training_score():
    mixed = Batches(8, augment=augmentation.mixup(0.4, classes=3))
    _, fitted = train(2, batches=mixed)
    assert np.isnan(fitted.history["training_score"]).all()
    assert np.isfinite(fitted.history["validation_score"]).all()
    assert np.isnan(train(1, score=None)[1].history["training_score"]).all()


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX")
    path = tmp_path / "checkpoint.npz"
    train(2, reporters=[reporting.TensorBoard(tmp_path / "first")], checkpoint=path)
    reporter = reporting.TensorBoard(tmp_path / "resumed")
    _, fitted = train(3, reporters=[reporter], checkpoint=path, resume=True)
    for folder, epochs in (("first", [0, 1]), ("resumed", [2])):
        logged = scalars(tmp_path / folder)
        for name in fitted.history.dtype.names[1:]:
            expected = dict(zip(epochs, fitted.history[name][epochs], strict=True))
            assert logged[f"training/{name}"] == pytest.approx(expected, rel=1e-6)
    train(1, validation=None, test=None, score=None, reporters=[reporting.TensorBoard(tmp_path / "plain")])
    names = ("step", "learning_rate", "training_loss")
    assert scalars(tmp_path / "plain").keys() == {f"training/{name}" for name in names}


def test_logs_opened_in_the_same_second_keep_each_other(tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    monkeypatch.setattr(time, "time", lambda: 1.5e9)
    for epochs in (2, 1, 3):  # later logs replace the epochs of earlier ones
        train(epochs, reporters=[reporting.TensorBoard(tmp_path)])
    assert len(list(tmp_path.glob("events*"))) == 3
    assert len(scalars(tmp_path)["training/step"]) == 3


def scalars(folder):
    """Return the numbers in TensorBoard's logs by tag and step."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for file in sorted(folder.glob("events*")):
        content, place = file.read_bytes(), 0
        while place < len(content):  # records of a length, its checksum, the event, and its checksum
            (length,) = struct.unpack_from("<Q", content, place)
            event = Event.FromString(content[place + 12 : place + 12 + length])
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
            place += length + 16
    return found


# --- mistakes

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
    "no number of a score": (dict(score=lambda z, y: [1, 2]), "score: expected one number, got [1, 2]"),
    "one reporter": (
        dict(reporters=reporting.Progress()),
        "reporters: expected a list of those of gradient.reporting, got",
    ),
    "no reporter": (
        dict(reporters=[3]),
        "reporters: expected a list of those of gradient.reporting, got [3]",
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
    with refuses(f"{path}: is of training with Adam, not AdamW", CheckpointError):
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


# --- data and metrics


def test_standardise_uses_only_the_training_set():
    train = GENERATOR.normal(3, 2, (100, 3))
    train[:, 2] = 0.1
    standardise = Standardise(train)
    treated = standardise(train)
    np.testing.assert_allclose(treated.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(treated.std(axis=0), [1, 1, 0], atol=1e-12)
    other = standardise([[3.0, 3.0, 1.1]])
    np.testing.assert_allclose(other[0, :2], (3.0 - train.mean(0)[:2]) / train.std(0)[:2])
    assert other[0, 2] == pytest.approx(1.0)
    with refuses("inputs: expected samples of shape (3,), got (2,)"):
        standardise([[1.0, 2.0]])
    with refuses("training: expected shape (samples, features), got (0, 3)"):
        Standardise(train[:0])
    with refuses("training: expected finite float64 numbers, got nan at (0, 0)"):
        Standardise([[np.nan]])


def test_zca_whitens_the_training_set():
    mixing = GENERATOR.normal(size=(6, 6))
    train = (GENERATOR.normal(size=(500, 6)) @ mixing + 3).reshape(500, 2, 3)
    whiten = ZCA(train, epsilon=1e-9)
    flat = whiten(train).reshape(500, 6)
    np.testing.assert_allclose(flat.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(flat.T @ flat / 500, np.eye(6), atol=1e-5)
    # Of all whitening matrices, the symmetric positive definite one is nearest to the identity.
    np.testing.assert_allclose(whiten.matrix, whiten.matrix.T, rtol=1e-9)
    assert (np.linalg.eigvalsh(whiten.matrix) > 0).all()
    other = GENERATOR.normal(size=(4, 2, 3))
    expected = (other - train.mean(axis=0)).reshape(4, 6) @ whiten.matrix
    np.testing.assert_allclose(whiten(other), expected.reshape(4, 2, 3))
    # A feature that does not vary has no noise to amplify beyond 1/√ε.
    train[:, 1, 2] = 0.25
    assert np.abs(ZCA(train, 1e-2)(train)[:, 1, 2]).max() < 1e-9
    with refuses("inputs: expected samples of shape (2, 3), got (6,)"):
        whiten(flat)
    with refuses("training: expected shape (samples, features), got (3,)"):
        ZCA(np.ones(3))
    with refuses("epsilon: expected a finite number above 0, got 0"):
        ZCA(train, 0)


def test_curves_of_a_classifier():
    labels = GENERATOR.integers(0, 2, 200)
    score = np.round(GENERATOR.normal(size=200) + labels, 1)  # with ties
    roc = metrics.roc_curve(score, labels)
    positive, negative = score[labels == 1], score[labels == 0]
    pairs = np.sign(positive[:, None] - negative)
    assert roc.area == pytest.approx((pairs + 1).mean() / 2, rel=1e-12)
    chosen = score >= np.append(np.unique(score), np.inf)[:, None]
    points = np.column_stack([chosen[:, labels == 0].mean(axis=1), chosen[:, labels == 1].mean(axis=1)])
    for point in zip(roc.x, roc.y, strict=True):  # those on straight lines are left out
        assert np.abs(points - point).max(axis=1).min() < 1e-12
    curve = metrics.precision_recall_curve(score[:, None], labels)
    area, before = 0.0, 0.0
    for threshold in np.unique(score)[::-1]:
        chosen = score >= threshold
        recall = (positive >= threshold).mean()
        area += (recall - before) * labels[chosen].mean()
        before = recall
        assert np.hypot(curve.x - recall, curve.y - labels[chosen].mean()).min() < 1e-12
    assert curve.area == pytest.approx(area, rel=1e-12)
    two = Tensor(np.column_stack([-score / 2, score / 2]), dtype=np.float64)
    assert metrics.roc_curve(two, labels).area == pytest.approx(roc.area)
    with refuses("labels: expected 0 and 1, both among them, got [1]"):
        metrics.roc_curve([0.1, 0.2], [1, 1])
    with refuses("outputs: expected shape (2,), or with 1 or 2 columns, got (2, 3)"):
        metrics.precision_recall_curve(np.zeros((2, 3)), [0, 1])
    with refuses("outputs: expected finite numbers, got nan at (0,)"):
        metrics.roc_curve([np.nan, 0.2], [0, 1])


def test_classification_metrics(device, host):
    labels = [0, 0, 1, 1, 1, 3]
    outputs = Tensor(np.eye(4)[[0, 1, 1, 1, 0, 1]], device=device)
    assert metrics.accuracy(outputs, labels) == 3 / 6
    predictions = metrics.classes_of(outputs)
    table = metrics.confusion_matrix(labels, predictions, 4)
    assert table.tolist() == [[1, 1, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    np.testing.assert_array_equal(metrics.precision(table), [1 / 2, 2 / 4, np.nan, np.nan])
    np.testing.assert_array_equal(metrics.recall(table), [1 / 2, 2 / 3, np.nan, 0])
    assert metrics.accuracy(np.array([[0.3], [-2.0]]), [1, 1]) == 0.5


def test_bad_arguments_of_metrics():
    with refuses("labels: expected 2 of them, got 1"):
        metrics.accuracy(np.zeros((2, 2)), [1])
    with refuses("labels: expected integer labels of shape (samples,), got dtype float64 of shape (1,)"):
        metrics.accuracy(np.zeros((1, 2)), [0.5])
    with refuses("outputs: expected shape (samples, classes), got (2,)"):
        metrics.classes_of(np.zeros(2))
    with refuses("predictions: expected integers from 0 to 1, got 2"):
        metrics.confusion_matrix([0], [2], 2)
    with refuses("predictions: expected 1 of them, got 2"):
        metrics.confusion_matrix([0], [0, 1], 2)


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
    with refuses(f"{file}: is of training with other samples", CheckpointError):
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
