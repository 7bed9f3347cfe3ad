"""Worker processes that share the samples of a batch, and average their gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import check_count
from evaluators.devices import HOST
from evaluators.gradient.nn.layers import BatchNorm, Dropout
from evaluators.gradient.nn.module import Module
from evaluators.gradient.optim.gradients import average_gradients
from evaluators.gradient.tensor.tensor import Tensor, constant
from evaluators.gradient.training import load_samples
from neat.kernels import parallel
from neat.processes.worker_processes import WorkerProcesses, check_importable


class _Shard(NamedTuple):
    """What a worker process gets: the model as it is now, and its part of the batch."""

    model: Module
    inputs: np.ndarray
    targets: np.ndarray


class GradientWorkers:
    """Worker processes that compute the gradients of a batch together.

    The average of their gradients, weighted by their numbers of samples, is the gradient of the whole batch, but for
    rounding. This holds for losses that are means over samples, without dropout and statistics of batches, which are
    refused in training mode. The model is sent with every batch, so that this pays only for models that compute much
    for each of their parameters.

    Args:
        model: A model on the CPU. Its classes must be defined at the top of a module or a script.
        loss: Returns the mean loss of outputs and targets; it must be defined there too.
        count: Number of processes. They start with the first batch, and share the cores.

    Raises:
        ValueError: An argument is not allowed.
    """

    def __init__(self, model: Module, loss: Callable[[Tensor, Any], Tensor], count: int = 2) -> None:
        check_count("count", count, 1, 1024)
        check_importable("loss", loss)
        self._model, self._count = model, int(count)
        self._parameters = model.parameters()
        if not self._parameters or self._parameters[0].device != HOST.device:
            raise ValueError("model: expected a model on the CPU, with at least one parameter")
        threads = max(1, parallel.get_threads() // count)
        self._processes = WorkerProcesses(
            functools.partial(_differentiate, loss),
            self._count,
            prepare=functools.partial(parallel.set_threads, threads),
        )

    def backward(self, inputs: Any, targets: Any) -> float:
        """Add the gradients of a batch to those of the parameters, as `backward` of its loss would; return the loss.

        Args:
            inputs: Inputs of shape (samples, …).
            targets: Targets of shape (samples, …).

        Raises:
            ValueError: The data are not allowed, or a layer drops elements or normalises by the batch.
        """
        self._check_layers()
        inputs, targets = load_samples("batch", (inputs, targets), self._parameters[0])
        count = min(self._count, len(inputs))
        parts = [np.array_split(array, count) for array in (inputs, targets)]
        shards = [_Shard(self._model, *part) for part in zip(*parts, strict=True)]
        names = [f"shard {k} of a batch" for k in range(count)]
        losses, gradients = zip(*self._processes.map(shards, names), strict=True)
        sizes = [len(shard.inputs) for shard in shards]
        reached = sorted({k for of_shard in gradients for k in of_shard})
        aligned = [
            [of_shard.get(k, np.zeros_like(self._parameters[k].data)) for k in reached]
            for of_shard in gradients
        ]
        for k, gradient in zip(reached, average_gradients(aligned, sizes), strict=True):
            parameter = self._parameters[k]
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        return float(np.average(losses, weights=sizes))

    def _check_layers(self) -> None:
        for path, module in self._model.modules():
            drops = isinstance(module, Dropout) and module.rate > 0
            normalises = isinstance(module, BatchNorm) and not module.frozen
            if module.training and (drops or normalises):
                raise ValueError(
                    f"model: {path} ({type(module).__name__}) would act differently on a part of the batch; "
                    "remove it, or put it into evaluation mode"
                )

    def close(self) -> None:
        """End the processes; a later batch starts new ones."""
        self._processes.close()

    def __enter__(self) -> GradientWorkers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _differentiate(
    loss: Callable[[Tensor, Any], Tensor], shard: _Shard
) -> tuple[float, dict[int, np.ndarray]]:
    """Return the loss of a part of a batch, and its gradients by the number of the parameter; in a worker process."""
    parameters = shard.model.parameters()
    for parameter in parameters:
        parameter.grad = None
    value = loss(shard.model(constant(shard.inputs)), shard.targets)
    value.backward()
    return value.item(), {k: p.grad for k, p in enumerate(parameters) if p.grad is not None}
