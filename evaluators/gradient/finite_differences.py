"""A check of gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evaluators.gradient.tensor.device_arrays import arrays_holding, to_host
from evaluators.gradient.tensor.tensor import Tensor, no_grad


def check_gradients(
    function: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    parameters: Sequence[Tensor] = (),
    step: float = 1e-6,
    tolerance: float = 1e-6,
) -> float:
    """Compare the gradients from `backward` with central differences.

    Args:
        function: Takes `inputs` and returns a tensor of any shape; must return the same one each time.
        inputs: float64 tensors; those that require gradients are checked.
        parameters: Further tensors that `function` uses, such as a module's parameters.
        step: Distance by which each element is moved in both directions.
        tolerance: The largest allowed difference, relative to the larger of 1 and the two values.

    Returns:
        The largest such difference.

    Raises:
        ValueError: A difference is larger, or a tensor is not float64; the message names tensor and element.
    """
    checked = [tensor for tensor in (*inputs, *parameters) if tensor.requires_grad]
    if not checked:
        raise ValueError("check_gradients: expected a tensor that requires gradients, got none")
    for number, tensor in enumerate(checked):
        if tensor.dtype != np.float64:
            raise ValueError(f"check_gradients: tensor {number}: expected float64, got {tensor.dtype}")
        tensor.grad = None
    output = function(*inputs)
    # A weighted sum reduces the outputs to one number. The weights differ, so that outputs do not cancel out.
    arrays = arrays_holding(output.data)
    weight = arrays.to_device(np.cos(np.arange(output.data.size, dtype=np.float64)).reshape(output.shape))
    (output * weight).sum().backward()

    def value() -> float:
        with no_grad():
            return float((function(*inputs).data * weight).sum())

    largest = 0.0
    for number, tensor in enumerate(checked):
        gradient = np.zeros(tensor.shape) if tensor.grad is None else to_host(tensor.grad)
        for position in np.ndindex(tensor.shape):
            exact, numeric = float(gradient[position]), _slope(tensor._data, position, value, step)
            error = abs(exact - numeric) / max(1.0, abs(exact), abs(numeric))
            if not error <= tolerance:
                raise ValueError(
                    f"check_gradients: tensor {number} at {position}: backward gives {exact}, "
                    f"finite differences {numeric}"
                )
            largest = max(largest, error)
        tensor.grad = None
    return float(largest)


def _slope(data: Any, position: tuple[int, ...], value: Callable[[], float], step: float) -> float:
    before = float(data[position])
    data[position] = before + step
    above = value()
    data[position] = before - step
    below = value()
    data[position] = before
    return (above - below) / (2 * step)
