"""Operations that select elements.

An array of indices can select an element several times, and its gradient is the sum over them. The host adds it up,
also for a GPU's tensors: on a GPU, the order of the sum would differ from run to run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.gradient.tensor.device_arrays import arrays_holding, namespace, to_host, to_numbers
from evaluators.gradient.tensor.operations.elementwise import operands
from evaluators.gradient.tensor.operations.reductions import normalise_axes
from evaluators.gradient.tensor.tensor import Tensor, record, tensor_method

_BASIC = (int, np.integer, slice, type(None), type(Ellipsis))


@tensor_method
def select(x: Tensor, index: Any) -> Tensor:
    """Return x[index], by numpy's rules: integers, slices, …, None, and arrays of integers or booleans.

    Raises:
        ValueError: The index does not fit the shape, or has another type.
    """
    parts = [_check_part(x, part) for part in (index if isinstance(index, tuple) else (index,))]
    arrays = [part for part in parts if not isinstance(part, _BASIC)]
    where = tuple(parts)
    try:
        data = x._data[where]
    except IndexError:
        raise ValueError(f"index: {_describe(index)} does not fit shape {x.shape}") from None
    repeats = any(array.dtype != np.bool_ for array in arrays)

    def backward(g: Any) -> tuple[Any]:
        if repeats:
            return (_add_at(x._data, where, g),)
        whole = namespace(g).zeros_like(x._data)
        whole[where] = g
        return (whole,)

    return record("index", data, (x,), backward, is_view=not arrays)


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


def gather(x: Any, index: Any, axis: int = -1) -> Tensor:
    """Return elements along an axis, such as y[i, k] = x[i, index[i, k]], as numpy's `take_along_axis` does.

    Args:
        x: Shape (…, n, …), with n elements along `axis`.
        index: Integers in [0, n) of the shape of x, except for the length along `axis`.
        axis: The axis.

    Returns:
        The shape of `index`.

    Raises:
        ValueError: The shapes do not fit, or an index is out of range.
    """
    (x,) = operands("gather", x)
    axes = normalise_axes("gather", x, axis)
    if len(axes) != 1:
        raise ValueError(f"gather: expected one axis, got {axis}")
    (axis,) = axes
    xp = namespace(x._data)
    length = np.shape(index)[axis] if np.ndim(index) == x.ndim else x.shape[axis]
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    chosen = xp.array(check_index("gather", index, shape, x.shape[axis], x._data))
    where = tuple(chosen if k == axis else grid for k, grid in enumerate(xp.ogrid[tuple(map(slice, shape))]))

    def backward(g: Any) -> tuple[Any]:
        return (_add_at(x._data, where, g),)

    return record("gather", xp.take_along_axis(x._data, chosen, axis), (x,), backward)


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


def _check_part(x: Tensor, part: Any) -> Any:
    """Return a part of an index; arrays and lists as an array on the tensor's device, a copy."""
    if isinstance(part, _BASIC) and not isinstance(part, bool):
        return part
    if isinstance(part, float | str | bool | Tensor):
        raise ValueError(
            f"index: expected integers, slices, and arrays of integers or booleans, got {type(part).__name__}"
        )
    arrays = arrays_holding(x._data)
    array = arrays.xp.array(to_numbers("index", part, arrays))
    if array.dtype.kind not in "iub":
        raise ValueError(f"index: expected integers or booleans, got dtype {array.dtype}")
    return array


def _add_at(like: Any, where: tuple[Any, ...], g: Any) -> Any:
    """Return zeros like an array, to which `g` is added at an index, in a fixed order."""
    whole = np.zeros(like.shape, like.dtype)
    on_host: Any = tuple(part if isinstance(part, _BASIC) else to_host(part) for part in where)
    np.add.at(whole, on_host, to_host(g))
    return arrays_holding(like).to_device(whole)


def _describe(index: Any) -> str:
    """Return an index for a message; an array by its shape."""
    parts = index if isinstance(index, tuple) else (index,)
    texts = [
        str(part) if isinstance(part, _BASIC) else f"an array of shape {np.shape(part)}" for part in parts
    ]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
