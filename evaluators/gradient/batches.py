"""The batches of training: their size and order, the weights of their samples, and their augmentation."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import check_count
from evaluators.class_targets import check_probabilities, one_hot
from evaluators.devices import HOST
from evaluators.gradient.checks import check_non_negative
from evaluators.gradient.nn.layers import BatchNorm
from evaluators.gradient.nn.module import Module, observing
from evaluators.gradient.random_numbers import AUGMENTATION, Key, check_seed, permutation
from evaluators.gradient.tensor.device_arrays import (
    arrays_holding,
    arrays_on,
    check_finite,
    namespace,
    to_floats,
    to_host,
    to_numbers,
    to_weights,
)
from evaluators.gradient.tensor.tensor import Tensor, constant, no_grad
from neat.support.messages import quote

MOST_WORKERS = 1024


class Batch(NamedTuple):
    """Some samples of the training set.

    Attributes:
        inputs: Array of shape (samples, …), of the model's dtype and device.
        targets: Array of shape (samples, …).
        weight: Array of shape (samples,), whose mean over the training set is 1; None if all samples count the same.
    """

    inputs: Any
    targets: Any
    weight: Any = None


Data = tuple[Any, Any]
"""Inputs and targets."""

Augmentation = Callable[[Batch, Key], Batch]
"""Returns a changed batch with the same number of samples; it takes all its random numbers from the key."""


@dataclass(frozen=True, eq=False)
class Batches:
    """How `fit` makes batches of the training set.

    Attributes:
        size: Samples of a step. The last batch may be smaller; see `fit`.
        seed: Seed of the samples' order and of the augmentation.
        augment: A function of a batch and a random key that returns the batch to train on, or several, applied in this
            order; see `augmentation`. Validation and test sets stay as they are.
        sample_weight: How much each sample counts, none below 0, shape (samples,). The loss of a step is Σ w l / n,
            where the weights w are scaled to the mean 1 over the training set. A batch whose weights are all 0 makes no
            step. Validation and test losses are not weighted.
        class_weight: How much the samples of each class count, besides `sample_weight`: a number for each class; a
            dictionary, in which missing classes have 1; or "balanced" for n / (k · n_c), with which all k classes count
            the same in all. Targets are labels, or probabilities of the classes.
        workers: Number of processes among which each batch is divided. Training is the same up to rounding;
            `GradientWorkers` says what it needs.

    Raises:
        ValueError: An attribute is not allowed. `fit` raises it for weights that do not fit the data.
    """

    size: int = 32
    seed: int = 0
    augment: Augmentation | Sequence[Augmentation] = ()
    sample_weight: Any = None
    class_weight: Any = None
    workers: int = 1

    def __post_init__(self) -> None:
        check_count("size", self.size)
        check_seed(self.seed)
        check_count("workers", self.workers, 1, MOST_WORKERS)
        for each in self.augmentations:
            if not _takes_two(each):
                raise ValueError(f"augment: expected functions of a batch and a key, got {quote(each)}")
        if isinstance(self.class_weight, str) and self.class_weight != "balanced":
            raise ValueError(
                f"class_weight: expected 'balanced', or numbers for classes, got {quote(self.class_weight)}"
            )

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """The functions of `augment`."""
        return tuple(self.augment) if isinstance(self.augment, Sequence) else (self.augment,)

    def augmented(self, batch: Batch, number: int = 0) -> Batch:
        """Return a batch as `fit` trains on it.

        `number` counts batches from 0 over all epochs, and selects the random numbers.

        Raises:
            ValueError: A function of `augment` returns no Batch, another number of samples, a number that is not
                finite, or a weight below 0.
        """
        if not self.augmentations:
            return batch
        count, dtype, arrays = len(batch.inputs), batch.inputs.dtype, arrays_holding(batch.inputs)
        key = Key(self.seed, AUGMENTATION, number)
        for augment in self.augmentations:
            batch = augment(batch, key)
            if not isinstance(batch, Batch):
                raise ValueError(
                    f"augment: expected a function that returns a Batch, got {type(batch).__name__}"
                )
        inputs = to_floats("augment: inputs", batch.inputs, dtype, arrays)
        targets = to_numbers("augment: targets", batch.targets, arrays)
        check_finite("augment: targets", targets)
        weight = batch.weight
        if weight is not None:
            weight = to_floats("augment: weight", weight, dtype, arrays)
            if weight.shape != (count,):
                raise ValueError(f"augment: weight: expected shape {(count,)}, got {weight.shape}")
            if float(weight.min()) < 0:
                raise ValueError(
                    f"augment: weight: expected numbers of at least 0, got {float(weight.min())}"
                )
        for name, array in (("inputs", inputs), ("targets", targets)):
            if array.shape[:1] != (count,):
                raise ValueError(f"augment: {name}: expected {count} samples, got shape {array.shape}")
        return Batch(inputs, targets, weight)


def load_samples(name: str, data: Data, like: Tensor) -> Data:
    """Return checked inputs and targets on the device of `like`."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(f"{name}: expected inputs and targets, got {type(data).__name__}")
    if any(isinstance(part, Tensor) for part in data):
        raise ValueError(f"{name}: expected arrays, got a Tensor")
    arrays = arrays_on(like.device)
    inputs = to_floats(f"{name}: inputs", data[0], like.dtype, arrays)
    targets = arrays.xp.array(to_numbers(f"{name}: targets", data[1], arrays))  # a copy
    check_finite(f"{name}: targets", targets)
    if inputs.ndim < 2 or not inputs.size:
        raise ValueError(f"{name}: inputs: expected shape (samples, …) with at least one, got {inputs.shape}")
    if targets.shape[:1] != inputs.shape[:1]:
        raise ValueError(
            f"{name}: expected a target for each of {len(inputs)} inputs, got shape {targets.shape}"
        )
    return inputs, targets


def _takes_two(function: Any) -> bool:
    """Whether something can be called with two arguments; `augmentation.shift` without its argument cannot."""
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:  # also for what cannot be called at all
        return False
    except ValueError:  # some functions in C have no signature
        pass
    return True


class Sampler:
    """Makes the batches of each epoch.

    Args:
        batches: How to make them.
        inputs: Inputs of the training set.
        targets: Targets of the training set, on the same device.
        model: The model that is trained.

    Raises:
        ValueError: A weight is not allowed, or does not fit the data.
    """

    def __init__(self, batches: Batches, inputs: Any, targets: Any, model: Module) -> None:
        self._batches = batches
        self._inputs, self._targets = inputs, targets
        self.weight = _weights(batches, targets, inputs)
        size, count = batches.size, len(inputs)
        self._bounds = [*range(0, count, size), count]
        if count % size == 1 and count > size and _normalises_single_values(model, self._batch([0], 0)):
            del self._bounds[-2]

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch."""
        order = namespace(self._inputs).asarray(permutation(self._batches.seed, epoch, len(self._inputs)))
        for k, (begin, end) in enumerate(itertools.pairwise(self._bounds)):
            yield self._batch(order[begin:end], epoch * len(self) + k)

    def _batch(self, chosen: Any, number: int) -> Batch:
        """Return a batch of these samples, augmented."""
        weight = None if self.weight is None else self.weight[chosen]
        return self._batches.augmented(Batch(self._inputs[chosen], self._targets[chosen], weight), number)


def _weights(batches: Batches, targets: Any, like: Any) -> Any:
    """Return the weights of samples with the mean 1, with the dtype and device of `like`; None without weights."""
    if batches.sample_weight is None and batches.class_weight is None:
        return None
    weight = np.ones(len(targets))
    if batches.sample_weight is not None:
        weight = _as_weights("sample_weight", batches.sample_weight, (len(targets),))
    if batches.class_weight is not None:
        weight = weight * _weights_of_classes(batches.class_weight, to_host(targets))
    if not weight.any():
        raise ValueError("class_weight: expected a sample whose weight is above 0, got none")
    return arrays_holding(like).to_device((weight / weight.mean()).astype(like.dtype))


def _as_weights(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    host = to_host(value) if hasattr(value, "__cuda_array_interface__") else value
    return to_weights(name, host, shape, np.float64, HOST)


def _weights_of_classes(class_weight: Any, targets: np.ndarray) -> np.ndarray:
    """Return the weight of each sample: the mean of its classes' weights, by their probabilities."""
    share = _class_shares(targets)
    classes = share.shape[1]
    if isinstance(class_weight, str):
        count = share.sum(axis=0)
        present = count > 0
        return share @ np.divide(len(share), present.sum() * count, out=np.zeros(classes), where=present)
    if isinstance(class_weight, Mapping):
        numbers = np.ones(classes)
        for label, weight in class_weight.items():
            check_count("class_weight: a class", label, 0, classes - 1)
            numbers[label] = check_non_negative(f"class_weight: class {label}", weight)
        class_weight = numbers
    elif np.ndim(class_weight) == 1 and len(class_weight) > classes:  # the last classes have no sample
        share = np.pad(share, ((0, 0), (0, len(class_weight) - classes)))
    return share @ _as_weights("class_weight", class_weight, share.shape[1:])


def _class_shares(targets: np.ndarray) -> np.ndarray:
    """Return the probability of each class of each sample, float64 (samples, classes)."""
    labels = targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets
    if labels.ndim == 1 and labels.dtype.kind in "iub":
        if labels.min() < 0:
            raise ValueError(f"class_weight: expected labels of at least 0, got {labels.min()}")
        return one_hot(labels, int(labels.max()) + 1, np, np.float64)
    if targets.ndim != 2:
        raise ValueError(
            f"class_weight: expected labels, or probabilities of classes, got targets of shape {targets.shape}"
        )
    check_probabilities("class_weight: targets", targets)
    return targets.astype(np.float64) if targets.shape[1] > 1 else np.column_stack([1 - labels, labels])


def _normalises_single_values(model: Module, batch: Batch) -> bool:
    """Whether a batch normalisation may see a single value per channel when a batch has one sample, as this one.

    A forward pass in evaluation mode counts the values. A layer that this pass does not observe may have a single one.
    """
    fewest = {
        module: 0 for _, module in model.modules() if isinstance(module, BatchNorm) and not module.frozen
    }

    def observe(module: Module, x: Tensor, y: Tensor) -> None:
        if module in fewest:
            values = x.data.size // x.shape[1]
            fewest[module] = min(values, fewest[module] or values)

    if fewest:
        with no_grad(), observing(observe):
            model.eval()(constant(batch.inputs))
    return any(values <= 1 for values in fewest.values())
