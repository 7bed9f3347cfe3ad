"""Tensors, which record on a tape the operations that produced them.

Each operation computes its result and calls `record` with a function that turns the gradient of the result into those
of its inputs. `Tensor.backward` runs these functions; see `tape`.

Operations import `Tensor`, so `Tensor` cannot import them. Those that its operators and methods call, such as `add` for
`+`, are decorated with `tensor_method`, which enters them in a table. The package imports every file of operations, so
the table is complete before a tensor is used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from evaluators.devices import HOST, read_only
from evaluators.gradient.tensor.device_arrays import (
    arrays_holding,
    arrays_on,
    float_dtype,
    namespace,
    to_floats,
    to_host,
)
from evaluators.gradient.tensor.tape import (
    Backward,
    TapeNode,
    Version,
    check_usable,
    mode,
    propagate,
    sort_newest_first,
)

Operation = TypeVar("Operation", bound=Callable[..., "Tensor"])

_operations: dict[str, Callable[..., Tensor]] = {}


def tensor_method(operation: Operation) -> Operation:
    """Decorate an operation that `Tensor`'s operators and methods call: enter it, under its name, in their table."""
    _operations[operation.__name__] = operation
    return operation


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Record no operations within the `with` block, or within a function that this decorates."""
    before = mode.recording
    mode.recording = False
    try:
        yield
    finally:
        mode.recording = before


class Tensor:
    """An array that records how it was computed.

    `==` and `<` compare element by element and return boolean arrays, except `==` of a `Parameter`. The hash of a
    tensor is that of the object. `copy.deepcopy` and pickle refuse results of operations, since these have a tape.

    Args:
        data: Finite numbers of any shape; copied.
        requires_grad: Whether `backward` adds a gradient to `grad`.
        dtype: float32 or float64. An operation cannot mix tensors of both.
        device: As in `evaluators.devices.resolve_device`; by default the device of `data`.

    Attributes:
        grad: The sum of the gradients of all calls of `backward` since it was None, an array like `data`; always None
            for results of operations.
        requires_grad: The argument; for the result of an operation, whether one of its inputs requires gradients.
        name: Path of a parameter in its model, for messages; otherwise empty.

    Raises:
        ValueError: `data` is not an array of finite numbers.
    """

    __slots__ = ("_data", "_node", "_version", "grad", "requires_grad")
    __array_ufunc__ = None  # so that numpy leaves `array * tensor` to __rmul__

    _data: Any
    grad: Any
    name = ""

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
        self._node: TapeNode | None = None
        self._version = Version()

    @property
    def data(self) -> Any:
        """The numpy or cupy array, read-only; assign a whole array to change it, `tensor.data = tensor.data * 2`.

        Assigning copies into the memory, which tensors from `detach`, `reshape` and slices share. `backward` refuses
        graphs that used the old values. cupy has no read-only arrays: writing to its elements goes undetected.

        Raises:
            ValueError: The assigned array has another shape, or is not finite.
        """
        return read_only(self._data)

    @data.setter
    def data(self, value: Any) -> None:
        value = to_floats("data", value, self.dtype, arrays_holding(self._data))
        if value.shape != self.shape:
            raise ValueError(f"data: expected shape {self.shape}, got {value.shape}")
        self._data[...] = value
        self._version.count += 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
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
        """Device of the array: "cpu", "cuda:0", …"""
        return arrays_holding(self._data).device

    def item(self) -> float:
        """Return the only element as a number; ValueError if there is not exactly one."""
        return self._only_element("item")

    def _only_element(self, wanted: str) -> float:
        if self._data.size != 1:
            raise ValueError(f"{wanted}: expected one element, got shape {self.shape}")
        return float(self._data.reshape(())[()])

    def detach(self) -> Tensor:
        """Return a tensor with the same memory through which no gradient is propagated."""
        result = constant(self._data)
        result._version = self._version
        return result

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len: a tensor of shape () has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return map(self.__getitem__, range(len(self)))

    def __float__(self) -> float:
        return self._only_element("float")

    def __int__(self) -> int:
        return int(self._only_element("int"))

    def __bool__(self) -> bool:
        return bool(self._only_element("bool"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        # numpy's functions call this silently, also for tensors in lists; the gradients would be lost.
        if self.requires_grad:
            raise TypeError(
                "numpy would lose the gradients of this tensor; use its data or detach(), or operations in place of "
                "numpy's functions"
            )
        return np.array(to_host(self.data), dtype, copy=copy)

    def __contains__(self, value: Any) -> bool:
        return bool(namespace(self._data).any(self._data == _values(value)))

    def __eq__(self, other: object) -> Any:
        return self._data == _values(other)

    def __ne__(self, other: object) -> Any:
        return self._data != _values(other)

    def __lt__(self, other: Any) -> Any:
        return self._data < _values(other)

    def __le__(self, other: Any) -> Any:
        return self._data <= _values(other)

    def __gt__(self, other: Any) -> Any:
        return self._data > _values(other)

    def __ge__(self, other: Any) -> Any:
        return self._data >= _values(other)

    __hash__ = object.__hash__

    def __getstate__(self) -> Any:
        if self._node is not None:
            raise ValueError(f"copy: a result of {self._node.operation} has a tape; copy its detach()")
        return object.__getstate__(self)

    def __copy__(self) -> Tensor:
        """Return a tensor with the same memory and the same node of the tape, and without a gradient."""
        twin = type(self).__new__(type(self))
        for name, value in object.__getstate__(self)[1].items():  # type: ignore[index]
            setattr(twin, name, value)
        twin._data = self._data  # a parameter draws its values here, once for both
        twin.grad = None
        return twin

    def __repr__(self) -> str:
        return (
            f"Tensor({self._data}, dtype={self.dtype}{', requires_grad=True' if self.requires_grad else ''})"
        )

    def backward(self) -> None:
        """Add the gradient of this number to the `grad` of every tensor that it depends on and that requires gradients.

        This frees the graph, so it can be called once.

        Raises:
            ValueError: This is not one number, depends on nothing that requires gradients, its graph has been used, or
                a tensor that it was computed from has changed since.
        """
        if self._data.size != 1:
            raise ValueError(f"backward: expected a loss that is one number, got shape {self.shape}")
        if not self.requires_grad:
            raise ValueError("backward: nothing that this loss was computed from requires gradients")
        gradient = namespace(self._data).ones_like(self._data)
        if self._node is None:
            self._accumulate(gradient, gradient)
            return
        order = sort_newest_first(self._node)
        for node in order:
            check_usable(node)
        pending: dict[TapeNode, Any] = {self._node: gradient}
        for node in order:
            propagate(node, pending)

    def _keep_limit(self) -> None:
        """Change values that an optimiser's step has made too great; a parameter may have a limit."""

    def _accumulate(self, part: Any, passed: Any) -> None:
        if self.grad is not None:
            self.grad += part
        elif part is passed or part.base is not None:
            self.grad = part.copy()  # other gradients share this memory
        else:
            self.grad = part

    def __add__(self, other: Any) -> Tensor:
        return _operations["add"](self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Tensor:
        return _operations["subtract"](self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return _operations["subtract"](other, self)

    def __mul__(self, other: Any) -> Tensor:
        return _operations["multiply"](self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Tensor:
        return _operations["divide"](self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return _operations["divide"](other, self)

    def __pow__(self, exponent: Any) -> Tensor:
        return _operations["power"](self, exponent)

    def __rpow__(self, base: Any) -> Tensor:
        return _operations["power"](base, self)

    def __neg__(self) -> Tensor:
        return _operations["negative"](self)

    def __iadd__(self, other: Any) -> Tensor:
        # Without this, `weight -= …` would bind the name to a new tensor and leave the model's weight unchanged.
        if self.requires_grad and self._node is None:
            raise ValueError(
                "+=, -=, *=, /= and **=: in-place operators cannot change a trained tensor; "
                "assign to its data, or write x = x + …"
            )
        return NotImplemented  # Python then calls __add__, __sub__, …

    __isub__ = __imul__ = __itruediv__ = __ipow__ = __iadd__

    def __matmul__(self, other: Any) -> Tensor:
        return _operations["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return _operations["matmul"](other, self)

    def __getitem__(self, index: Any) -> Tensor:
        return _operations["select"](self, index)

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Return the sum over axes, by default all; `operations.sum` computes it."""
        return _operations["sum"](self, axis, keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Return the mean over axes, by default all; `operations.mean` computes it."""
        return _operations["mean"](self, axis, keepdims)

    def reshape(self, *shape: int) -> Tensor:
        """Return the same elements in another shape; `operations.reshape` makes it."""
        return _operations["reshape"](self, shape)

    def transpose(self, *axes: int) -> Tensor:
        """Permute the axes, or reverse them; `operations.transpose` does it."""
        return _operations["transpose"](self, axes or None)


def constant(data: Any) -> Tensor:
    """Wrap an array or a numpy number in a tensor, without a copy or a check."""
    tensor = Tensor.__new__(Tensor)
    tensor._set(data)
    return tensor


def _values(other: Any) -> Any:
    return other._data if isinstance(other, Tensor) else other


def record(
    operation: str, data: Any, inputs: tuple[Tensor, ...], backward: Backward, is_view: bool = False
) -> Tensor:
    """Return the result of an operation as a tensor, with a node on the tape if an input requires gradients.

    `is_view`: the result may share memory with its only input.
    """
    result = constant(np.asarray(data) if isinstance(data, np.generic) else data)
    if is_view:
        result._version = inputs[0]._version
    if mode.recording:
        for tensor in inputs:
            if tensor.requires_grad:
                result.requires_grad = True
                result._node = TapeNode(operation, inputs, backward, result._version)
                break
    if mode.inspector is not None:
        mode.inspector.inspect(operation, inputs, result)
    return result
