"""Operations that reshape, select and join elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluators.gradient.tensor.device_arrays import arrays_holding, namespace, to_numbers
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


@tensor_method
def take_slice(x: Tensor, index: Any) -> Tensor:
    """Return x[index] for integers, slices, … and None; for one element of each row, see `pick`."""
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        # Index arrays may repeat an element; adding its gradients in a fixed order is slow on a GPU.
        if isinstance(part, bool) or not (
            part is None or part is Ellipsis or isinstance(part, int | np.integer | slice)
        ):
            raise ValueError(
                f"index: expected integers and slices, got {type(part).__name__}; see operations.pick"
            )
    try:
        data = x._data[index]
    except IndexError:
        raise ValueError(f"index: {index} does not fit shape {x.shape}") from None

    def backward(g: Any) -> tuple[Any]:
        whole = namespace(g).zeros_like(x._data)
        whole[index] = g
        return (whole,)

    return record("index", data, (x,), backward, is_view=True)


def pick(x: Any, index: Any) -> Tensor:
    """Return one element of each row: x[…, index].

    Args:
        x: Shape (…, n).
        index: Integers in [0, n) of shape (…).

    Returns:
        Shape (…).

    Raises:
        ValueError: The shapes do not fit, or an index is out of range.
    """
    (x,) = operands("pick", x)
    xp = namespace(x._data)
    # A copy: the caller may change its index before `backward`.
    columns = xp.array(check_index("pick", index, x.shape[:-1], x.shape[-1], x._data))[..., np.newaxis]

    def backward(g: Any) -> tuple[Any]:
        return (g[..., np.newaxis] * (columns == xp.arange(x.shape[-1])),)

    return record("pick", xp.take_along_axis(x._data, columns, -1)[..., 0], (x,), backward)


def check_index(name: str, index: Any, shape: tuple[int, ...], count: int, like: Any) -> Any:
    """Return `index` as an array on the device of `like`; ValueError unless it has this shape and is in [0, count)."""
    array = to_numbers(name, index, arrays_holding(like))
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected integers, got dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    if array.size:
        least, most = int(array.min()), int(array.max())
        if least < 0 or most >= count:
            raise ValueError(
                f"{name}: expected integers from 0 to {count - 1}, got {least if least < 0 else most}"
            )
    return array


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
