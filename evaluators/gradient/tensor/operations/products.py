"""Matrix products."""

from __future__ import annotations

from typing import Any

from evaluators.gradient.tensor.operations.elementwise import operands
from evaluators.gradient.tensor.tensor import Tensor, record, tensor_method


@tensor_method
def matmul(a: Any, b: Any) -> Tensor:
    """Return the matrix product of (…, n, k) and (…, k, m), of shape (…, n, m); the leading axes broadcast.

    Raises:
        ValueError: The shapes do not fit, or one has fewer than two dimensions.
    """
    a, b = operands("matmul", a, b)
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError(f"matmul: expected two dimensions or more, got shapes {a.shape} and {b.shape}")
    try:
        data = a._data @ b._data
    except ValueError:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not fit") from None

    def backward(g: Any) -> tuple[Any, Any]:
        return (
            g @ b._data.swapaxes(-1, -2) if a.requires_grad else None,
            a._data.swapaxes(-1, -2) @ g if b.requires_grad else None,
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
