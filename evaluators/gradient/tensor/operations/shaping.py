"""Operations that reshape and join tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.operations.elementwise import operands
from evaluators.gradient.tensor.tensor import Tensor, record, tensor_method


@tensor_method
def reshape(x: Any, shape: Sequence[int]) -> Tensor:
    """Return the same elements in another shape; −1 stands for the size that follows from the others."""
    (x,) = operands("reshape", x)
    try:
        data = x._data.reshape(tuple(shape))
    except ValueError:
        raise ValueError(f"reshape: shape {x.shape} does not fit {tuple(shape)}") from None
    return record("reshape", data, (x,), lambda g: (g.reshape(x.shape),), is_view=True)


@tensor_method
def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Permute the axes; by default, reverse them."""
    (x,) = operands("transpose", x)
    order = tuple(axes) if axes is not None else tuple(range(x.ndim))[::-1]
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(f"transpose: axes {order} do not fit shape {x.shape}")
    back = tuple(np.argsort(order).tolist())
    data = x._data.transpose(order)
    return record("transpose", data, (x,), lambda g: (g.transpose(back),), is_view=True)


def broadcast_to(x: Any, shape: Sequence[int]) -> Tensor:
    """Broadcast x to a larger shape, by numpy's rules."""
    (x,) = operands("broadcast_to", x)
    try:
        data = namespace(x._data).broadcast_to(x._data, tuple(shape))
    except ValueError:
        raise ValueError(f"broadcast_to: shape {x.shape} does not fit {tuple(shape)}") from None
    return record("broadcast_to", data, (x,), lambda g: (g,), is_view=True)


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Join tensors along an existing axis."""
    if not tensors:
        raise ValueError("concatenate: expected at least one tensor, got none")
    parts = operands("concatenate", *tensors)
    xp = namespace(*(part._data for part in parts))
    try:
        data = xp.concatenate([part._data for part in parts], axis)
    except ValueError:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"concatenate: shapes {shapes} do not fit along axis {axis}") from None
    ends = np.cumsum([part.shape[axis] for part in parts]).tolist()
    return record("concatenate", data, tuple(parts), lambda g: tuple(xp.split(g, ends[:-1], axis)))
