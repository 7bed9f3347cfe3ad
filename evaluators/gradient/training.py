"""Training of a model on a data set."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import check_count, check_state
from evaluators.gradient.batch_gradients import (
    BatchLoss,
    Loss,
    differentiate_batch,
    find_first_non_finite,
)
from evaluators.gradient.batches import Batch, Batches, Data, Sampler, load_samples
from evaluators.gradient.checks import check_positive
from evaluators.gradient.gradient_workers import GradientWorkers
from evaluators.gradient.nn.module import Module
from evaluators.gradient.optim.gradients import clip_by_norm
from evaluators.gradient.optim.optimiser import Optimiser
from evaluators.gradient.reporting import EPOCH, Reporter, reporting
from evaluators.gradient.scores import Score, compute_score, try_score
from evaluators.gradient.tensor.device_arrays import arrays_on, namespace, to_host
from evaluators.gradient.tensor.tensor import Tensor, constant, no_grad
from evaluators.gradient.tensor.user_lines import warnings_at_user_lines
from neat.support.archive import as_checkpoint_error, join_groups, read_arrays, select_group, write_arrays
from neat.support.files import lock_if_given, resolve_file
from neat.support.messages import quote, shorten

FORMAT = 4
_BATCHES = Batches()


class Fitted(NamedTuple):
    """The result of `fit`.

    Attributes:
        history: An array of dtype `reporting.EPOCH`, a row for each epoch.
        best_epoch: The epoch with the lowest validation loss, whose parameters the model now has; without a
            validation set, the last epoch.
        test_loss: Loss of the final model on the test set; NaN without a test set.
        test_score: Score of the final model on the test set; NaN without a test set or a score.
    """

    history: np.ndarray
    best_epoch: int
    test_loss: float
    test_score: float


def fit(
    model: Module,
    data: Data,
    loss: Loss,
    optimiser: Optimiser,
    epochs: int,
    batches: Batches = _BATCHES,
    *,
    validation: Data | None = None,
    test: Data | None = None,
    score: Score | None = None,
    patience: int | None = None,
    clip_norm: float | None = None,
    reporters: Sequence[Reporter] = (),
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> Fitted:
    """Train a model, and leave it in evaluation mode.

    Each epoch divides the samples into batches in a random order, drawn from the seed of `batches`. A last batch of one
    sample joins the batch before it if batch normalisation would see a single value per channel.

    Args:
        model: The model; training takes place on the device of its parameters.
        data: Inputs of shape (samples, …), and targets of shape (samples, …), in the form that `loss` takes.
        loss: Returns the mean loss, one number, of outputs and targets; see `losses`. If the samples have weights, it
            is called with `sample_weights`, and returns Σ w l / Σ w.
        optimiser: An optimiser of the model's parameters.
        epochs: Total number of passes through the data, including those before resuming.
        batches: Size, order, augmentation and weights of the batches, and the processes that share each.
        validation: Inputs and targets on which the loss is measured after each epoch.
        test: Inputs and targets on which the loss is measured once, at the end.
        score: A further measure of outputs and targets, for training, validation and test; see `metrics`.
        patience: Stop after this number of epochs without a lower validation loss.
        clip_norm: Limit of the gradients' norm; see `optim.clip_by_norm`.
        reporters: Reporters, called after each epoch and after each batch.
        checkpoint: File that is written after each epoch.
        resume: Continue from that file as if training had not stopped; start anew if there is no file.

    Raises:
        ValueError: An argument is not allowed, the data do not fit or are not finite, the loss is not one finite
            number, or a gradient is not finite. The message then names the step, and the layer with the first number
            that is not finite or the parameter; within `check_operations`, it names the operation and your line.
        CheckpointError: The checkpoint is damaged, or belongs to a different training.
        RuntimeError: A part of a batch lost its worker process in every attempt.
    """
    _check_arguments(model, loss, optimiser, epochs, batches, validation, score, patience)
    checkpoint = check_checkpoint(checkpoint, resume)
    like = optimiser.parameters[0]
    with arrays_on(like.device).current(), warnings_at_user_lines():
        data = load_samples("data", data, like)
        validation = _load_held_out("validation", validation, model, loss, score, like)
        test = _load_held_out("test", test, model, loss, score, like)
        training = _Training(model, loss, score, optimiser, batches, clip_norm, data, validation)
        restore_if_asked(checkpoint, resume, training.restore)
        training.train(epochs, patience, reporters, checkpoint)
        model.eval()
        tested = training.measure("test", test)
    return Fitted(training.history, training.best_epoch, *tested)


def _check_arguments(
    model: Module,
    loss: Loss,
    optimiser: Optimiser,
    epochs: int,
    batches: Batches,
    validation: Data | None,
    score: Score | None,
    patience: int | None,
) -> None:
    if not isinstance(model, Module):
        raise ValueError(f"model: expected a Module, got {type(model).__name__}")
    if not isinstance(optimiser, Optimiser):
        raise ValueError(f"optimiser: expected one of optim's, got {type(optimiser).__name__}")
    optimiser.names_in(model.named_parameters())
    check_count("epochs", epochs)
    if not isinstance(batches, Batches):
        raise ValueError(f"batches: expected Batches, such as Batches(32), got {quote(batches)}")
    if not callable(loss):
        raise ValueError(
            f"loss: expected a function of outputs and targets, such as losses.mean_squared, got {quote(loss)}"
        )
    if not (score is None or callable(score)):
        raise ValueError(
            f"score: expected a function of outputs and targets, such as metrics.accuracy, got {quote(score)}"
        )
    if not (batches.sample_weight is None and batches.class_weight is None):
        taken = inspect.signature(loss).parameters.values()
        if not any(each.name == "sample_weights" or each.kind is each.VAR_KEYWORD for each in taken):
            raise ValueError("loss: needs a parameter sample_weights, since the samples have weights")
    if patience is not None:
        check_count("patience", patience)
        if validation is None:
            raise ValueError("patience: needs a validation set, got none")


def check_checkpoint(checkpoint: str | Path | None, resume: bool) -> Path | None:
    """Return the file's absolute path, or None without one; ValueError if it cannot be written."""
    if checkpoint is not None:
        return resolve_file(checkpoint, "checkpoint")
    if resume:
        raise ValueError("resume: needs a checkpoint, got none")
    return None


def restore_if_asked(
    checkpoint: Path | None, resume: bool, restore: Callable[[dict[str, np.ndarray]], None]
) -> None:
    """Call `restore` with the arrays of the checkpoint, if training resumes and there is the file.

    Raises:
        CheckpointError: The file is damaged, or `restore` refuses its arrays.
    """
    if checkpoint is not None and resume and checkpoint.exists():
        arrays = read_arrays(checkpoint)
        with as_checkpoint_error(checkpoint):
            restore(arrays)


def _load_held_out(
    name: str, data: Data | None, model: Module, loss: Loss, score: Score | None, like: Tensor
) -> Data | None:
    """Return checked samples for validation or test, if any, which the model, the loss and the score take.

    The outputs for the first sample stand for all, so that a wrong target is found before hours of training.
    """
    if data is None:
        return None
    inputs, targets = load_samples(name, data, like)
    xp = namespace(inputs)
    try:
        with no_grad(), np.errstate(all="ignore"):
            output = model.eval()(constant(inputs[:1])).data
            if output.shape[:1] == (1,):
                loss(constant(xp.broadcast_to(output, (len(inputs), *output.shape[1:]))), targets)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    try_score(name, (inputs, targets), model, score)
    return inputs, targets


def _open_workers(
    model: Module, loss: Loss, count: int
) -> tuple[contextlib.AbstractContextManager[Any], Callable[[Batch, str], BatchLoss]]:
    """Return a context that ends the workers, if any, and the function that differentiates a batch."""
    if count == 1:
        return contextlib.nullcontext(), functools.partial(differentiate_batch, model, loss)
    workers = GradientWorkers(model, loss, count)
    return workers, workers.differentiate


class _Training:
    """Training and its state between two epochs."""

    def __init__(
        self,
        model: Module,
        loss: Loss,
        score: Score | None,
        optimiser: Optimiser,
        batches: Batches,
        clip_norm: float | None,
        data: Data,
        validation: Data | None,
    ) -> None:
        self._model, self._loss, self._score = model, loss, score
        self._optimiser, self._batches = optimiser, batches
        self._clip_norm = None if clip_norm is None else check_positive("clip_norm", clip_norm)
        self._data, self._validation = data, validation
        if not batches.augmentations:  # which may return targets of another kind
            try_score("data", data, model, score)
        self._sampler = Sampler(batches, *data, model)
        self._workers, self._differentiate = _open_workers(model, loss, batches.workers)
        self._best: dict[str, np.ndarray] = {}
        self.history = np.empty(0, EPOCH)

    def train(
        self,
        epochs: int,
        patience: int | None,
        reporters: Sequence[Reporter],
        checkpoint: str | Path | None,
    ) -> None:
        """Train until `epochs` are done in all, and leave the model with the parameters of the best epoch."""
        with lock_if_given(checkpoint), self._workers, reporting(reporters, lambda: self.history, epochs):
            while len(self.history) < epochs and not self._has_lost_patience(patience):
                self._run_epoch(reporters)
                if checkpoint is not None:
                    write_arrays(checkpoint, self.state())
                for reporter in reporters:
                    reporter.epoch(self.history)
        if self._best:
            self._model.restore(self._best)

    @property
    def best_epoch(self) -> int:
        """The first epoch with the lowest validation loss; without a validation set, the last epoch."""
        if self._validation is None:
            return len(self.history) - 1
        return int(np.argmin(self.history["validation_loss"]))

    def _has_lost_patience(self, patience: int | None) -> bool:
        """Whether no validation loss of the last `patience` epochs is lower than before."""
        done = len(self.history)
        return patience is not None and done > 0 and done - 1 - self.best_epoch >= patience

    def _run_epoch(self, reporters: Sequence[Reporter]) -> None:
        """Train on the data once, then measure the validation set."""
        epoch, total = len(self.history), 0.0
        seen: list[tuple[Any, Any]] = []
        self._model.train()
        for done, batch in enumerate(self._sampler.epoch(epoch), 1):
            rate = self._optimiser.rate
            loss, outputs = self._step(batch, epoch)
            total += loss * len(batch.inputs)
            if self._score is not None and outputs is not None:
                seen.append((outputs, batch.targets))
            for reporter in reporters:
                reporter.batch(done, len(self._sampler))
        for path, array in self._model.state().items():
            if not np.isfinite(array).all():
                raise ValueError(f"{path}: is not finite after step {self._optimiser.steps} (epoch {epoch})")
        measured = self.measure(f"validation after epoch {epoch}", self._validation)
        trained = total / len(self._data[0]), self._score_of(seen)
        row = (epoch, self._optimiser.steps, rate, *trained, *measured)
        self.history = np.append(self.history, np.array([row], EPOCH))
        if self._validation and self.best_epoch == epoch:
            self._best = self._model.state()

    def _score_of(self, seen: list[tuple[Any, Any]]) -> float:
        """Return the score of batches of outputs and targets; NaN without a score, or for targets of another kind."""
        given = self._data[1]
        if self._score is None or not seen:
            return math.nan
        if any(targets.dtype != given.dtype or targets.ndim != given.ndim for _, targets in seen):
            return math.nan
        outputs, targets = (namespace(given).concatenate(parts) for parts in zip(*seen, strict=True))
        return compute_score(self._score, constant(outputs), targets)

    def _step(self, batch: Batch, epoch: int) -> tuple[float, Any]:
        """Train on a batch, and return its loss and outputs; no outputs if its samples do not count."""
        self._optimiser.zero_grad()
        step = f" at step {self._optimiser.steps} (epoch {epoch})"
        loss, outputs = self._differentiate(batch, step)
        if outputs is not None:
            if self._clip_norm is not None:
                clip_by_norm(self._optimiser.parameters, self._clip_norm)
            self._optimiser.step()
        return loss, outputs

    def measure(self, name: str, data: Data | None) -> tuple[float, float]:
        """Return loss and score of the model in evaluation mode; NaN without data."""
        if data is None:
            return math.nan, math.nan
        inputs, targets = data
        self._model.eval()
        with no_grad():
            size = self._batches.size
            parts = [self._model(constant(inputs[k : k + size])).data for k in range(0, len(inputs), size)]
            outputs = constant(namespace(inputs).concatenate(parts))
            loss = self._loss(outputs, targets).item()
            if not math.isfinite(loss):
                raise ValueError(f"{name}: loss {loss}: {find_first_non_finite(self._model, inputs)}")
            return loss, math.nan if self._score is None else compute_score(self._score, outputs, targets)

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that the remaining training depends on, as numpy arrays."""
        return {
            "format": np.array(FORMAT),
            "settings": self._settings(),
            "data": np.array(self._digest),
            "optimiser": np.array(type(self._optimiser).__name__),
            "history": self.history,
            **join_groups(
                {"model": self._model.state(), "optimiser": self._optimiser.state(), "best": self._best}
            ),
        }

    @functools.cached_property
    def _digest(self) -> str:
        """A hash of the samples and their weights, including the samples for validation."""
        digest, weight = hashlib.sha256(), self._sampler.weight
        for array in (*self._data, *(self._validation or ()), *(() if weight is None else (weight,))):
            digest.update(np.ascontiguousarray(to_host(array)).data)
        return digest.hexdigest()

    def _settings(self) -> np.ndarray:
        validated = len(self._validation[0]) if self._validation else 0
        return np.array([self._batches.seed, self._batches.size, len(self._data[0]), validated], np.uint64)

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Set the state that `state` returned; ValueError if it belongs to a different training."""
        known = {"format": np.array(FORMAT), "settings": self._settings(), "data": np.array(self._digest)}
        if not {*known, "optimiser"} <= arrays.keys() or arrays["format"].tolist() != FORMAT:
            raise ValueError(f"is no checkpoint of training in format {FORMAT}")
        check_state({name: arrays[name] for name in known}, known)
        history, best = arrays.get("history", np.empty(0)), select_group("best", arrays)
        if history.dtype != EPOCH or history.ndim != 1:
            got = f"{shorten(str(history.dtype))} of {history.shape}"
            raise ValueError(f"state: history: expected rows, got {got}")
        names = "seed", "batch size", "samples", "samples for validation"
        for name, mine, theirs in zip(names, self._settings(), arrays["settings"], strict=True):
            if mine != theirs:
                raise ValueError(f"belongs to a training with {name} {theirs}, not {mine}")
        if str(arrays["data"]) != self._digest:
            raise ValueError("belongs to a training with different samples")
        mine, theirs = type(self._optimiser).__name__, shorten(str(arrays["optimiser"]))
        if mine != theirs:
            raise ValueError(f"belongs to a training with {theirs}, not {mine}")
        self._optimiser.restore(select_group("optimiser", arrays))
        if best:
            self._model.restore(best)  # checks `best`; the next line overwrites the values
        self._model.restore(select_group("model", arrays))
        self._best = best
        self.history = history
