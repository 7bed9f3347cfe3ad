"""Worker processes that share the samples of a batch, and average their gradients."""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import check_count
from evaluators.devices import HOST
from evaluators.gradient.batch_gradients import BatchLoss, Loss, differentiate_batch
from evaluators.gradient.batches import MOST_WORKERS, Batch, load_samples
from evaluators.gradient.nn.layers import Dropout
from evaluators.gradient.nn.module import Module
from evaluators.gradient.optim.gradients import average_gradients
from evaluators.gradient.tensor.tape import mode
from evaluators.gradient.tensor.tensor import constant, no_grad
from neat.processes.worker_processes import WorkerProcesses, check_importable, share_threads


class _Shard(NamedTuple):
    """What a worker process gets: the model as it is now, and its part of the batch."""

    model: Module
    batch: Batch
    where: str


class GradientWorkers:
    """Worker processes that compute the gradients of a batch together, for training loops of your own.

    `fit` has them with `Batches(workers=…)`.

    The average of their gradients, weighted by their numbers of samples, is the gradient of the whole batch, up to
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

    def __init__(self, model: Module, loss: Loss, count: int = 2) -> None:
        check_count("workers: count", count, 1, MOST_WORKERS)
        check_importable("loss", loss)
        self._model, self._count = model, int(count)
        self._parameters = model.parameters()
        if not self._parameters or self._parameters[0].device != HOST.device:
            raise ValueError("model: workers need one on the CPU, with at least one parameter")
        check_importable("model", model)
        self._processes = WorkerProcesses(
            functools.partial(_differentiate, loss), self._count, prepare=share_threads(self._count)
        )

    def backward(self, inputs: Any, targets: Any) -> float:
        """Add the gradients of a batch to those of the parameters, as `backward` of its loss would; return the loss.

        Args:
            inputs: Inputs of shape (samples, …).
            targets: Targets of shape (samples, …).

        Raises:
            ValueError: The data are not allowed, the loss is not one finite number, or a layer drops elements or
                normalises by the batch.
        """
        samples = load_samples("batch", (inputs, targets), self._parameters[0])
        return self.differentiate(Batch(*samples)).loss

    def differentiate(self, batch: Batch, where: str = "") -> BatchLoss:
        """Add the gradients of a batch's loss to those of the parameters, and return the loss and the outputs.

        Arguments and errors are those of `differentiate_batch`.
        """
        self._check_divisible()
        if batch.weight is not None and not batch.weight.any():
            return BatchLoss(0.0, None)
        shards = self._divide(batch, where)
        names = [f"shard {k} of the batch{where}" for k in range(len(shards))]
        losses, outputs, gradients = zip(*self._processes.map(shards, names), strict=True)
        sizes = [len(shard.batch.inputs) for shard in shards]
        reached = sorted({k for of_shard in gradients for k in of_shard})
        aligned = [
            [of_shard.get(k, np.zeros_like(self._parameters[k].data)) for k in reached]
            for of_shard in gradients
        ]
        for k, gradient in zip(reached, average_gradients(aligned, sizes), strict=True):
            parameter = self._parameters[k]
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        return BatchLoss(float(np.average(losses, weights=sizes)), np.concatenate(outputs))

    def _divide(self, batch: Batch, where: str) -> list[_Shard]:
        """Return the parts of a batch, which differ by at most one sample."""
        ends = np.linspace(0, len(batch.inputs), min(self._count, len(batch.inputs)) + 1).astype(int)
        return [
            _Shard(
                self._model,
                Batch(*(None if array is None else array[begin:end] for array in batch)),
                where,
            )
            for begin, end in itertools.pairwise(ends)
        ]

    def _check_divisible(self) -> None:
        """Raise ValueError if something would not be the same on parts of a batch, or in another process."""
        if mode.inspector is not None:
            raise ValueError(
                "check_operations: does not reach worker processes; train in one process to use it"
            )
        for path, module in self._model.modules():
            if isinstance(module, Dropout):
                differs, remedy = module.rate > 0, "set its rate to 0"
            else:
                differs, remedy = bool(module.buffers) and not module.frozen, "freeze it"
            if module.training and differs:
                raise ValueError(
                    f"model: {path} ({type(module).__name__}) would act differently on a part of the batch; "
                    f"{remedy}, or train in one process"
                )

    def close(self) -> None:
        """End the processes; a later batch starts new ones."""
        self._processes.close()

    def __enter__(self) -> GradientWorkers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _differentiate(loss: Loss, shard: _Shard) -> tuple[float, np.ndarray, dict[int, np.ndarray]]:
    """Return the loss of a part of a batch, its outputs, and its gradients by the number of the parameter.

    This runs in a worker process.
    """
    parameters = shard.model.parameters()
    for parameter in parameters:
        parameter.grad = None
    value, outputs = differentiate_batch(shard.model, loss, shard.batch, shard.where)
    if outputs is None:  # this part does not count, but others do
        with no_grad():
            outputs = shard.model(constant(shard.batch.inputs)).data
    return value, outputs, {k: p.grad for k, p in enumerate(parameters) if p.grad is not None}
