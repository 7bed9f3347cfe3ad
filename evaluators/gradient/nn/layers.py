"""Layers for features, and the sequence of layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.gradient import random_numbers
from evaluators.gradient.checks import check_fraction, check_non_negative, check_none_negative
from evaluators.gradient.nn.initialisation import Initialiser, filled, scaled
from evaluators.gradient.nn.module import Module
from evaluators.gradient.nn.parameter import Parameter
from evaluators.gradient.tensor import operations
from evaluators.gradient.tensor.device_arrays import arrays_holding, to_host
from evaluators.gradient.tensor.operations.activations import check_differentiable
from evaluators.gradient.tensor.operations.normalisation import batch_moments, normalise
from evaluators.gradient.tensor.tensor import Tensor, constant
from neat.genome.layers import Layer


class Sequential(Module):
    """A model that applies modules one after the other.

    Args:
        *layers: Modules, at least one.

    Raises:
        ValueError: There is no layer, or one is not a module.
    """

    def __init__(self, *layers: Module) -> None:
        if not layers:
            raise ValueError("layers: expected at least one module, got none")
        for k, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise ValueError(f"layers: expected modules, got {type(layer).__name__} at {k}")
        self.layers = list(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer's output."""
        for layer in self.layers:
            x = layer(x)
        return x

    def to_layers(self) -> list[Layer]:
        """Return the Dense layers, each with the activation that follows it, for `neat.Genomes.from_layers`.

        Their numbers are copies, rounded to float32. Dropout is left out, as in evaluation.

        Raises:
            ValueError: A module is not Dense, an Activation after a Dense layer, Dropout or a Sequential of these.
        """
        found: list[Layer] = []
        after_dense = False
        for module in self._flattened():
            if isinstance(module, Dense):
                found.append(module.to_layer())
            elif isinstance(module, Activation) and after_dense:
                found[-1] = found[-1]._replace(activation=module.name)
            elif not isinstance(module, Dropout):
                kind = type(module).__name__
                raise ValueError(f"layers: expected Dense, an Activation after it, or Dropout, got {kind}")
            after_dense = isinstance(module, Dense) or (after_dense and isinstance(module, Dropout))
        return found

    def _flattened(self) -> Iterator[Module]:
        for layer in self.layers:
            yield from layer._flattened() if isinstance(layer, Sequential) else (layer,)

    @classmethod
    def from_layers(cls, layers: Sequence[Layer]) -> Sequential:
        """Return a model of Dense layers and activations, such as from the layers of `neat.Genome.to_layers`.

        Raises:
            ValueError: There is no layer, or an activation has no derivative.
        """
        modules: list[Module] = []
        for layer in layers:
            dense = Dense(*layer.weight.shape)
            assert dense.bias is not None
            dense.weight.data, dense.bias.data = layer.weight, layer.bias
            modules += [dense] if layer.activation == "identity" else [dense, Activation(layer.activation)]
        return cls(*modules)


class Dense(Module):
    """A fully connected layer, x · weight + bias.

    Args:
        inputs: Features of a sample.
        outputs: Number of neurons.
        bias: Whether to add a bias, which is 0 at first.
        initialisation: One of `initialisation.NAMES`, or an initialiser such as `initialisation.orthogonal()`.

    Attributes:
        weight: Shape (inputs, outputs).
        bias: Shape (outputs,), or None.
    """

    _incoming = (0,)

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
        """Map shape (samples, inputs) to (samples, outputs)."""
        return operations.dense(x, self.weight, self.bias)

    def to_layer(self) -> Layer:
        """Return the layer with the activation identity; its numbers are copies, rounded to float32."""
        bias = np.zeros(self.weight.shape[1]) if self.bias is None else to_host(self.bias._data)
        return Layer(to_host(self.weight._data).astype(np.float32), bias.astype(np.float32), "identity")

    def multiplications(self, output: tuple[int, ...]) -> int:
        """Return the multiplications for one sample, from the output's shape."""
        return self.weight.shape[0] * self.weight.shape[1]


class Activation(Module):
    """A layer that applies an activation of `neat.activations`.

    Args:
        name: An activation that has a derivative; see `operations.DIFFERENTIABLE`.
    """

    def __init__(self, name: str) -> None:
        check_differentiable(name)
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation to each element."""
        return operations.activate(self.name, x)


class Flatten(Module):
    """A layer that puts all features of a sample into one row."""

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (samples, …) to (samples, features)."""
        return operations.reshape(x, (x.shape[0], int(np.prod(x.shape[1:]))))


class Dropout(Module):
    """A layer that, in training, sets random elements to 0 and scales the others so that the mean stays the same.

    Args:
        rate: Probability that an element becomes 0, at least 0 and below 1 (Srivastava et al. 2014 call 1 − rate p).
    """

    buffers = ("seed", "stream", "calls")

    def __init__(self, rate: float) -> None:
        self.rate = check_fraction("rate", rate)
        self.calls = 0  # each call draws different numbers

    def _reset_state(self) -> None:
        self.calls = 0

    def _check_buffer(self, name: str, array: np.ndarray, label: str) -> None:
        check_count(label, int(array), 0, 2**64 - 1 if name == "seed" else 2**32 - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements in training; return `x` unchanged in evaluation."""
        if not self.training or self.rate == 0:
            return x
        number = random_numbers.uniform(self.seed, random_numbers.DROPOUT, self.stream, self.calls, x.shape)
        self.calls += 1
        mask = (number >= self.rate).astype(x.dtype) / (1 - self.rate)
        return x * constant(arrays_holding(x._data).to_device(mask))


class BatchNorm(Module):
    """A layer that brings each feature, or channel of images, to mean 0 and variance 1, then scales and shifts it.

    In training, it uses the batch's mean and biased variance, and updates the running statistics:
    decay · old + (1 − decay) · new, with the unbiased variance. In evaluation, and if it is frozen, it uses the running
    statistics.
    (Ioffe and Szegedy 2015; `population_statistics` is its Algorithm 2.)

    Args:
        features: Number of features, or of channels.
        decay: Weight of the old average.
        epsilon: Number added to the variance.

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
        self.epsilon = check_non_negative("epsilon", epsilon)
        self.scale = Parameter((features,), filled(1.0))
        self.shift = Parameter((features,), filled(0.0))
        self.running_mean: Any = np.zeros(features, np.float32)
        self.running_variance: Any = np.ones(features, np.float32)
        # Within `population_statistics`: the number of values and their mean, the sum of m − 1 and the pooled variance.
        self._averaged: list[Any] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise an input of shape (samples, features, …)."""
        features = self.scale.shape[0]
        if x.ndim < 2 or x.shape[1] != features:
            raise ValueError(f"BatchNorm: expected shape (samples, {features}, …), got {x.shape}")
        if self.frozen or (not self.training and self._averaged is None):
            moments = self.running_mean, self.running_variance
            return normalise(x, self.scale, self.shift, *moments, self.epsilon, of_batch=False)
        if x._data.size <= features:
            raise ValueError(
                f"BatchNorm: expected more than one value per channel in training, got shape {x.shape}; "
                "take larger batches, or eval()"
            )
        mean, variance, count = batch_moments(x._data)
        self._update_running_statistics(mean, variance * (count / (count - 1)), count)
        return normalise(x, self.scale, self.shift, mean, variance, self.epsilon, of_batch=True)

    def _update_running_statistics(self, mean: Any, variance: Any, count: int) -> None:
        if self._averaged is None:
            self.running_mean += (1 - self.decay) * (mean - self.running_mean)
            self.running_variance += (1 - self.decay) * (variance - self.running_variance)
            return
        for k, new, weight in ((0, mean, count), (2, variance, count - 1)):
            self._averaged[k] += weight
            share = weight / self._averaged[k]
            self._averaged[k + 1] = self._averaged[k + 1] + (new - self._averaged[k + 1]) * share

    def _check_buffer(self, name: str, array: np.ndarray, label: str) -> None:
        if name == "running_variance":
            check_none_negative(label, array)

    def _reset_state(self) -> None:
        self.running_mean[...], self.running_variance[...] = 0.0, 1.0

    def _begin_average(self) -> None:
        self._averaged = [0, 0.0, 0, 0.0]

    def _end_average(self, keep: bool) -> None:
        if keep and self._averaged and self._averaged[0]:
            self.running_mean[...], self.running_variance[...] = self._averaged[1::2]
        self._averaged = None
