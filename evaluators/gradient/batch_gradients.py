"""The loss of a batch, and its gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from evaluators.gradient.batches import Batch
from evaluators.gradient.nn.module import Module, observing
from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.tensor import Tensor, constant, no_grad

Loss = Callable[..., Tensor]


class BatchLoss(NamedTuple):
    """The result of `differentiate_batch`.

    Attributes:
        loss: The mean loss; with weights, Σ w l / n.
        outputs: The model's outputs, an array; None if all weights are 0.
    """

    loss: float
    outputs: Any


def differentiate_batch(model: Module, loss: Loss, batch: Batch, where: str = "") -> BatchLoss:
    """Add the gradients of a batch's loss to those of the parameters, unless all its weights are 0.

    Args:
        model: The model.
        loss: See `fit`.
        batch: The batch.
        where: Continues the message "loss: nan", such as " at step 3".

    Raises:
        ValueError: The loss is not one finite number.
    """
    share = 1.0 if batch.weight is None else float(batch.weight.mean())
    if share == 0:
        return BatchLoss(0.0, None)
    outputs = model(constant(batch.inputs))
    if batch.weight is None:
        mean = loss(outputs, batch.targets)
    else:
        mean = loss(outputs, batch.targets, sample_weights=batch.weight)
    if not isinstance(mean, Tensor) or mean._data.size != 1:
        what = f"shape {mean.shape}" if isinstance(mean, Tensor) else type(mean).__name__
        raise ValueError(f"loss: expected a tensor that is one number, got {what}")
    value = mean.item()
    if not math.isfinite(value):
        raise ValueError(f"loss: {value}{where}: {find_first_non_finite(model, batch.inputs)}")
    (mean if batch.weight is None else mean * share).backward()
    return BatchLoss(value * share, outputs.data)


def find_first_non_finite(model: Module, inputs: Any) -> str:
    """Describe where the first number that is not finite appears when a model gets these inputs."""
    for name, parameter in model.named_parameters().items():
        if not namespace(parameter.data).isfinite(parameter.data).all():
            return f"the parameter {name} is not finite"
    paths = {module: path for path, module in model.modules()}
    found: list[str] = []

    def observe(module: Module, x: Tensor, y: Tensor) -> None:
        if not found and not namespace(y.data).isfinite(y.data).all():
            name = f"the layer {paths[module]} ({type(module).__name__})" if paths[module] else "the model"
            found.append(f"{name} gives the first that is not finite")

    with no_grad(), observing(observe):
        model(constant(inputs))
    return found[0] if found else "all layers are finite, so it arises in the loss"
