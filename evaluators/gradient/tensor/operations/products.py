"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.gradient.tensor.operations.elementwise import operands
from evaluators.gradient.tensor.tensor import Tensor, record, tensor_method


@tensor_method
def matmul(a: Any, b: Any) -> Tensor:
    """Return the matrix product of (…, n, k) and (…, k, m), of shape (…, n, m); the leading axes broadcast.

    A vector of shape (k,) stands for a row on the left and for a column on the right; the result lacks that axis.

    Raises:
        ValueError: The shapes do not fit, or one is ().
    """
    a, b = operands("matmul", a, b)
    try:
        data = a._data @ b._data
    except ValueError:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not fit") from None

    def backward(g: Any) -> tuple[Any, Any]:
        row = a._data if a.ndim > 1 else a._data[np.newaxis]
        column = b._data if b.ndim > 1 else b._data[:, np.newaxis]
        g = g if b.ndim > 1 else g[..., np.newaxis]
        g = g if a.ndim > 1 else g[..., np.newaxis, :]
        of_a = g @ column.swapaxes(-1, -2) if a.requires_grad else None
        of_b = row.swapaxes(-1, -2) @ g if b.requires_grad else None
        return (
            of_a.squeeze(-2) if of_a is not None and a.ndim == 1 else of_a,
            of_b.squeeze(-1) if of_b is not None and b.ndim == 1 else of_b,
        )

    return record("matmul", data, (a, b), backward)


def dense(x: Any, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x · weight + bias, as one operation.

    Args:
        x: Shape (samples, inputs).
        weight: Shape (inputs, outputs).
        bias: Shape (outputs,).

    Returns:
        Shape (samples, outputs).

    Raises:
        ValueError: The shapes do not fit.
    """
    weight, x = operands("dense", weight, x)
    if x.ndim != 2 or x.shape[1] != weight.shape[0]:
        raise ValueError(f"dense: input of shape {x.shape} does not fit weight of shape {weight.shape}")
    data = x._data @ weight._data
    if bias is not None:
        data += bias._data

    def backward(g: Any) -> tuple[Any, ...]:
        of_x = g @ weight._data.T if x.requires_grad else None
        of_weight = x._data.T @ g if weight.requires_grad else None
        if bias is None:
            return of_x, of_weight
        return of_x, of_weight, g.sum(axis=0) if bias.requires_grad else None

    return record("dense", data, (x, weight) if bias is None else (x, weight, bias), backward)
