import io
import re
import struct
import time

import numpy as np
import pytest
from rich.console import Console

from evaluators.gradient import (
    Batches,
    CheckpointError,
    augmentation,
    fit,
    metrics,
    nn,
    optim,
    reporting,
)
from evaluators.gradient.optim import schedules
from neat.support.archive import read_arrays, write_arrays
from tests.support.fitting import LOSS, TEST, TRAIN, VALIDATION, X, assert_same_model, model_of, train
from tests.support.refusals import refuses


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
    from evaluators.gradient import random_numbers

    model, twin = (nn.Sequential(nn.Dense(4, 3)).initialise(0).to(dtype=np.float64) for _ in range(2))
    optimiser = optim.SGD(model.parameters(), 0.5)
    fitted = fit(model, TRAIN, LOSS, optimiser, 1, Batches(20, 7), score=metrics.accuracy)
    weight, bias = twin.layers[0].weight.data.copy(), twin.layers[0].bias.data.copy()
    order, total, correct = random_numbers.permutation(7, 0, 50), 0.0, 0
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
    with refuses(f"{path}: belongs to a training with batch size 8, not 9", CheckpointError):
        train(2, checkpoint=path, resume=True, batches=Batches(9))
    with refuses(f"{path}: belongs to a training with samples for validation 20, not 0", CheckpointError):
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
