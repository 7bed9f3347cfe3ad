"""Layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.gradient import draws
from evaluators.gradient.checks import check_fraction, check_least, check_not_negative
from evaluators.gradient.nn.initialisation import Initialiser, filled, scaled
from evaluators.gradient.nn.module import Module, Parameter
from evaluators.gradient.tensor import operations
from evaluators.gradient.tensor.operations.activations import check_differentiable
from evaluators.gradient.tensor.operations.normalisation import batch_moments, normalise
from evaluators.gradient.tensor.place import arrays_holding
from evaluators.gradient.tensor.tensor import Tensor, constant


class Sequential(Module):
    """Modules one after the other.

    Args:
        *layers: At least one.

    Raises:
        ValueError: One is no module.
    """

    def __init__(self, *layers: Module) -> None:
        if not layers:
            raise ValueError("layers: expected at least one module, got none")
        for k, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise ValueError(f"layers: expected modules, got {type(layer).__name__} at {k}")
        self.layers = list(layers)

    def forward(self, x: Tensor) -> Tensor:
        """The last layer's output."""
        for layer in self.layers:
            x = layer(x)
        return x


class Dense(Module):
    """x · weight + bias.

    Args:
        inputs: Features of a sample.
        outputs: Neurons.
        bias: Whether there is one; it begins at 0.
        initialisation: One of `initialisation.NAMES`, or such as `initialisation.orthogonal()`.

    Attributes:
        weight: Shape (inputs, outputs).
        bias: Shape (outputs,), or None.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        initialisation: str | Initialiser = "glorot_uniform",
    ) -> None:
        check_count("inputs", inputs)
        check_count("outputs", outputs)
        draw = initialisation if callable(initialisation) else scaled(initialisation, inputs, outputs)
        self.weight = Parameter((inputs, outputs), draw)
        self.bias = Parameter((outputs,), filled(0.0)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Shape (samples, inputs) to (samples, outputs)."""
        return operations.dense(x, self.weight, self.bias)

    def multiplications(self, output: tuple[int, ...]) -> int:
        """For one sample."""
        return self.weight.shape[0] * self.weight.shape[1]


class Activation(Module):
    """An activation of neat.activations.

    Args:
        name: One that has a derivative; see `operations.DIFFERENTIABLE`.
    """

    def __init__(self, name: str) -> None:
        check_differentiable(name)
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """Element by element."""
        return operations.activate(self.name, x)


class Flatten(Module):
    """All features of a sample in one row."""

    def forward(self, x: Tensor) -> Tensor:
        """Shape (samples, …) to (samples, features)."""
        return operations.reshape(x, (x.shape[0], int(np.prod(x.shape[1:]))))


class Dropout(Module):
    """In training, each element becomes 0 with a probability, and the others are scaled so that the mean stays.

    Args:
        rate: The probability, at least 0 and below 1 (Srivastava et al. 2014 call 1 − rate p).
    """

    buffers = ("seed", "stream", "calls")

    def __init__(self, rate: float) -> None:
        self.rate = check_fraction("rate", rate)
        self.calls = 0  # each draws numbers of its own

    def _forget(self) -> None:
        self.calls = 0

    def _check_buffer(self, name: str, array: np.ndarray, label: str) -> None:
        check_count(label, int(array), 0, 2**64 - 1 if name == "seed" else 2**32 - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        if not self.training or self.rate == 0:
            return x
        number = draws.uniform(self.seed, draws.DROPOUT, self.stream, self.calls, x.shape)
        self.calls += 1
        mask = (number >= self.rate).astype(x.dtype) / (1 - self.rate)
        return x * constant(arrays_holding(x._data).to_device(mask))


class BatchNorm(Module):
    """Each feature, or channel of images, with the mean 0 and the variance 1, then scaled and shifted.

    In training, mean and biased variance are those of the batch, and the running statistics follow them:
    decay · old + (1 − decay) · new, where the variance is the unbiased one. In evaluation, the running ones are used.
    (Ioffe and Szegedy 2015; `population_statistics` is its Algorithm 2.)

    Args:
        features: Features, or channels.
        decay: Weight of the old average.
        epsilon: Added to the variance.

    Attributes:
        scale: γ, shape (features,), at first 1.
        shift: β, shape (features,), at first 0.
        running_mean: Array of shape (features,).
        running_variance: Array of shape (features,).
    """

    buffers = ("running_mean", "running_variance")

    def __init__(self, features: int, decay: float = 0.9, epsilon: float = 1e-5) -> None:
        check_count("features", features)
        self.decay = check_fraction("decay", decay)
        self.epsilon = check_least("epsilon", epsilon)
        self.scale = Parameter((features,), filled(1.0))
        self.shift = Parameter((features,), filled(0.0))
        self.running_mean: Any = np.zeros(features, np.float32)
        self.running_variance: Any = np.ones(features, np.float32)
        self._averaged: list[Any] | None = None  # how many statistics, and the mean of each

    def forward(self, x: Tensor) -> Tensor:
        """Shape (samples, features, …) to the same."""
        features = self.scale.shape[0]
        if x.ndim < 2 or x.shape[1] != features:
            raise ValueError(f"batch_norm: expected shape (samples, {features}, …), got {x.shape}")
        if not self.training and self._averaged is None:
            moments = self.running_mean, self.running_variance
            return normalise(x, self.scale, self.shift, *moments, self.epsilon, of_batch=False)
        if x._data.size <= features:
            raise ValueError(
                f"batch_norm: expected more than one value per channel in training, got shape {x.shape}; "
                "take larger batches, or eval()"
            )
        mean, variance, count = batch_moments(x._data)
        self._follow(mean, variance * (count / (count - 1)))
        return normalise(x, self.scale, self.shift, mean, variance, self.epsilon, of_batch=True)

    def _follow(self, mean: Any, variance: Any) -> None:
        if self._averaged is None:
            self.running_mean += (1 - self.decay) * (mean - self.running_mean)
            self.running_variance += (1 - self.decay) * (variance - self.running_variance)
        elif not self._averaged:
            self._averaged = [1, mean, variance]
        else:
            count = self._averaged[0] = self._averaged[0] + 1
            for k, new in ((1, mean), (2, variance)):
                self._averaged[k] = self._averaged[k] + (new - self._averaged[k]) / count

    def _check_buffer(self, name: str, array: np.ndarray, label: str) -> None:
        if name == "running_variance":
            check_not_negative(label, array)

    def _forget(self) -> None:
        self.running_mean[...], self.running_variance[...] = 0.0, 1.0

    def _begin_average(self) -> None:
        self._averaged = []

    def _end_average(self, keep: bool) -> None:
        if keep and self._averaged:
            self.running_mean[...], self.running_variance[...] = self._averaged[1:]
        self._averaged = None
