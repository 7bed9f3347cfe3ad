"""Reverse-mode differentiation: tensors, and the tape of the operations that made them.

Each operation computes its result and calls `record` with a function that turns the gradient of the result into those
of its inputs. `Tensor.backward` runs these functions, the newest first: an operation is always newer than the ones it
took its inputs from, so that is a topological order.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from evaluators.backend import HOST
from evaluators.gradient.place import arrays_holding, arrays_on, float_dtype, namespace, to_floats

Backward = Callable[[Any], tuple[Any, ...]]


class _Mode(threading.local):
    recording = True


_mode = _Mode()
_serial = itertools.count()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Within it, operations leave nothing on the tape; also a decorator."""
    before = _mode.recording
    _mode.recording = False
    try:
        yield
    finally:
        _mode.recording = before


class _Node:
    """An operation on the tape.

    Attributes:
        operation: Its name, for errors.
        inputs: The tensors that it took; none once the gradients have gone through it.
        backward: Gives, from its result's gradient, one for each input, or None where none is needed. A gradient may
            be larger than its input if that was broadcast. The array that it is given may not be written to.
        versions: The inputs' when it took them.
        serial: Grows from one operation to the next.
    """

    __slots__ = ("backward", "inputs", "operation", "serial", "versions")

    def __init__(self, operation: str, inputs: tuple[Tensor, ...], backward: Backward) -> None:
        self.operation = operation
        self.inputs = inputs
        self.backward: Backward | None = backward
        self.versions = [tensor._version for tensor in inputs]
        self.serial = next(_serial)


class Tensor:
    """An array that remembers how it was computed.

    Args:
        data: Numbers of any shape, all finite; copied.
        requires_grad: Whether `backward` shall leave a gradient in `grad`.
        dtype: float32 or float64. Tensors of both do not mix.
        device: See `evaluators.backend.resolve_device`; default: where `data` is.

    Attributes:
        grad: The sum of the gradients of all calls of `backward` since it was None, an array like `data`; only for
            tensors made by a person, not for results of operations.
        requires_grad: As given; of a result, whether one of the inputs has it.

    Raises:
        ValueError: `data` holds no numbers, or some that are not finite.
    """

    __slots__ = ("_data", "_node", "_version", "grad", "requires_grad")
    __array_ufunc__ = None  # so that numpy leaves `array * tensor` to __rmul__

    _data: Any
    grad: Any

    def __init__(
        self, data: Any, requires_grad: bool = False, dtype: Any = np.float32, device: str | None = None
    ) -> None:
        if isinstance(data, Tensor):
            raise ValueError("data: expected an array of numbers, got a Tensor; see Tensor.detach")
        is_array = hasattr(data, "__cuda_array_interface__")
        arrays = arrays_on(device) if device else arrays_holding(data) if is_array else HOST
        self._set(to_floats("data", data, float_dtype(dtype), arrays), requires_grad)

    def _set(self, data: Any, requires_grad: bool = False) -> None:
        self._data = data
        self.grad = None
        self.requires_grad = requires_grad
        self._node: _Node | None = None
        self._version = 0

    @property
    def data(self) -> Any:
        """The array, numpy's or cupy's; assigning copies into it, and ends the use of graphs made with the old values.

        Raises:
            ValueError: What is assigned has another shape, or is not finite.
        """
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if value is not self._data:
            value = to_floats("data", value, self._data.dtype, arrays_holding(self._data))
            if value.shape != self._data.shape:
                raise ValueError(f"data: expected shape {self._data.shape}, got {value.shape}")
            self._data[...] = value
        self._version += 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self._data.dtype

    @property
    def device(self) -> str:
        """Where the array is: "cpu", "cuda:0", …"""
        return arrays_holding(self._data).device

    def item(self) -> float:
        """The only element as a number; ValueError if there are several."""
        if self._data.size != 1:
            raise ValueError(f"item: expected one element, got shape {self.shape}")
        return float(self._data.reshape(())[()])

    def detach(self) -> Tensor:
        """The same array as a tensor that no gradient goes through."""
        return constant(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return (
            f"Tensor({self._data}, dtype={self.dtype}{', requires_grad=True' if self.requires_grad else ''})"
        )

    def backward(self) -> None:
        """Add the gradient of this number to `grad` of every tensor that it depends on and that requires one.

        The graph is used up: what it held is freed.

        Raises:
            ValueError: This is not one number, depends on nothing that requires gradients, was used before, or one of
                the tensors it was computed from has changed since.
        """
        if self._data.size != 1:
            raise ValueError(f"backward: expected a loss that is one number, got shape {self.shape}")
        if not self.requires_grad:
            raise ValueError("backward: nothing that this loss was computed from requires gradients")
        gradient = namespace(self._data).ones_like(self._data)
        if self._node is None:
            self._accumulate(gradient, gradient)
            return
        order = _newest_first(self._node)
        for node in order:
            _check_usable(node)
        pending: dict[_Node, Any] = {self._node: gradient}
        for node in order:
            _propagate(node, pending)

    def _accumulate(self, part: Any, passed: Any) -> None:
        if self.grad is not None:
            self.grad += part
        elif part is passed or part.base is not None:
            self.grad = part.copy()  # others hold this memory too
        else:
            self.grad = part

    def __add__(self, other: Any) -> Tensor:
        return elementwise.add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Tensor:
        return elementwise.subtract(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return elementwise.subtract(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return elementwise.multiply(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Tensor:
        return elementwise.divide(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return elementwise.divide(other, self)

    def __pow__(self, exponent: float) -> Tensor:
        return elementwise.power(self, exponent)

    def __neg__(self) -> Tensor:
        return elementwise.negative(self)

    def __matmul__(self, other: Any) -> Tensor:
        return products.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return products.matmul(other, self)

    def __getitem__(self, index: Any) -> Tensor:
        return shaping.take_slice(self, index)

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """See `operations.sum`."""
        return reductions.sum(self, axis, keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """See `operations.mean`."""
        return reductions.mean(self, axis, keepdims)

    def reshape(self, *shape: int) -> Tensor:
        """See `operations.reshape`."""
        return shaping.reshape(self, shape)

    def transpose(self, *axes: int) -> Tensor:
        """See `operations.transpose`."""
        return shaping.transpose(self, axes or None)


def constant(data: Any) -> Tensor:
    """A tensor around an array, or a numpy number, of our own: not copied, not checked."""
    tensor = Tensor.__new__(Tensor)
    tensor._set(data)
    return tensor


def record(operation: str, data: Any, inputs: tuple[Tensor, ...], backward: Backward) -> Tensor:
    """The result of an operation as a tensor, with a node on the tape if one of the inputs requires gradients."""
    result = constant(np.asarray(data) if isinstance(data, np.generic) else data)
    if _mode.recording:
        for tensor in inputs:
            if tensor.requires_grad:
                result.requires_grad = True
                result._node = _Node(operation, inputs, backward)
                break
    return result


def undo_broadcast(gradient: Any, shape: tuple[int, ...]) -> Any:
    """The gradient of an array of this shape from that of its broadcast: the sum over all copies of an element."""
    added = gradient.ndim - len(shape)
    stretched = tuple(k + added for k, n in enumerate(shape) if n == 1 and gradient.shape[k + added] != 1)
    total = gradient.sum(axis=(*range(added), *stretched))
    return namespace(gradient).asarray(total).reshape(shape)


def _newest_first(root: _Node) -> list[_Node]:
    """All operations that led to `root`, without recursion: a graph may be deeper than Python's stack."""
    found, waiting = {root}, [root]
    while waiting:
        for tensor in waiting.pop().inputs:
            node = tensor._node
            if node is not None and node not in found:
                found.add(node)
                waiting.append(node)
    return sorted(found, key=lambda node: node.serial, reverse=True)


def _check_usable(node: _Node) -> None:
    if node.backward is None:
        raise ValueError(
            f"backward: this graph ({node.operation}) has been used already; compute the loss again, "
            "or add the losses before one backward"
        )
    for tensor, version in zip(node.inputs, node.versions, strict=True):
        if tensor._version != version:
            raise ValueError(
                f"backward: a tensor of shape {tensor.shape} has been changed since {node.operation} used it; "
                "compute the loss again after each step of an optimiser"
            )


def _propagate(node: _Node, pending: dict[_Node, Any]) -> None:
    """Give the gradient of a node's result on to the node's inputs, and free what the node held."""
    gradient = pending.pop(node, None)
    if gradient is not None:
        assert node.backward is not None
        for tensor, part in zip(node.inputs, node.backward(gradient), strict=True):
            if part is None or not tensor.requires_grad:
                continue
            if part.shape != tensor.shape:
                part = undo_broadcast(part, tensor.shape)
            elif isinstance(part, np.generic):
                part = np.asarray(part)
            if tensor._node is None:
                tensor._accumulate(part, gradient)
            elif tensor._node in pending:
                pending[tensor._node] = pending[tensor._node] + part
            else:
                pending[tensor._node] = part
    node.inputs, node.backward = (), None


# At the end, since operations need Tensor.
from evaluators.gradient.operations import elementwise, products, reductions, shaping  # noqa: E402
