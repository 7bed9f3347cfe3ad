"""Reverse-mode differentiation: tensors, which remember on a tape the operations that made them.

Each operation computes its result and calls `record` with a function that turns the gradient of the result into those
of its inputs. `Tensor.backward` runs these functions; see `tape`.

Operations import `Tensor`, so `Tensor` cannot import them. Those that its operators and methods call, such as `add` for
`+`, are decorated with `tensor_method`, which enters them in a table. The package imports every file of operations, so
the table is full before anybody uses a tensor.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from evaluators.devices import HOST, read_only
from evaluators.gradient.tensor.place import (
    arrays_holding,
    arrays_on,
    float_dtype,
    namespace,
    to_floats,
    to_host,
)
from evaluators.gradient.tensor.tape import (
    Backward,
    Node,
    Version,
    check_usable,
    propagate,
    sort_newest_first,
)

Operation = TypeVar("Operation", bound=Callable[..., "Tensor"])

_operations: dict[str, Callable[..., Tensor]] = {}


def tensor_method(operation: Operation) -> Operation:
    """Enter an operation, under its name, in the table of those that `Tensor`'s operators and methods call."""
    _operations[operation.__name__] = operation
    return operation


class _Mode(threading.local):
    recording = True


_mode = _Mode()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Within it, operations leave nothing on the tape; also a decorator."""
    before = _mode.recording
    _mode.recording = False
    try:
        yield
    finally:
        _mode.recording = before


class Tensor:
    """An array that remembers how it was computed.

    `==` and `<` compare element by element and give boolean arrays, except `==` of a `Parameter`. As a key of a
    dictionary, a tensor is itself alone.
    `copy.deepcopy` and pickle take tensors that were made, not results of operations, whose tape they would need.

    Args:
        data: Numbers of any shape, all finite; copied.
        requires_grad: Whether `backward` shall leave a gradient in `grad`.
        dtype: float32 or float64. Tensors of both do not mix.
        device: See `evaluators.devices.resolve_device`; default: where `data` is.

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
        self._node: Node | None = None
        self._version = Version()

    @property
    def data(self) -> Any:
        """The array, numpy's or cupy's, to read; assign a whole array to change it, `tensor.data = tensor.data * 2`.

        Assigning copies into the memory, which tensors of `detach`, `reshape` and slices share. `backward` refuses
        graphs made with the old values. cupy has no arrays that can only be read: what is written to them goes
        unnoticed.

        Raises:
            ValueError: What is assigned has another shape, or is not finite.
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
        return self._only_element("item")

    def _only_element(self, wanted: str) -> float:
        if self._data.size != 1:
            raise ValueError(f"{wanted}: expected one element, got shape {self.shape}")
        return float(self._data.reshape(())[()])

    def detach(self) -> Tensor:
        """The same array as a tensor that no gradient goes through."""
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
        # numpy takes arrays out of lists and in its functions, too, where nobody would notice.
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
        """Another tensor around the same memory, at the same place of the tape, without a gradient so far."""
        twin = type(self).__new__(type(self))
        for name, value in object.__getstate__(self)[1].items():  # type: ignore[index]
            setattr(twin, name, value)
        twin._data = self._data  # which a parameter draws now, for both
        twin.grad = None
        return twin

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
        order = sort_newest_first(self._node)
        for node in order:
            check_usable(node)
        pending: dict[Node, Any] = {self._node: gradient}
        for node in order:
            propagate(node, pending)

    def _accumulate(self, part: Any, passed: Any) -> None:
        if self.grad is not None:
            self.grad += part
        elif part is passed or part.base is not None:
            self.grad = part.copy()  # others hold this memory too
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

    def __pow__(self, exponent: float) -> Tensor:
        return _operations["power"](self, exponent)

    def __neg__(self) -> Tensor:
        return _operations["negative"](self)

    def __iadd__(self, other: Any) -> Tensor:
        # Without this, `weight -= …` would give the name to a new tensor, and the model's would stay as it is.
        if self.requires_grad and self._node is None:
            raise ValueError(
                "+=, -=, *=, /= and **=: a tensor that is trained; assign to its data, or write x = x + …"
            )
        return NotImplemented  # and Python takes __add__ and so on

    __isub__ = __imul__ = __itruediv__ = __ipow__ = __iadd__

    def __matmul__(self, other: Any) -> Tensor:
        return _operations["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return _operations["matmul"](other, self)

    def __getitem__(self, index: Any) -> Tensor:
        return _operations["take_slice"](self, index)

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """See `operations.sum`."""
        return _operations["sum"](self, axis, keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """See `operations.mean`."""
        return _operations["mean"](self, axis, keepdims)

    def reshape(self, *shape: int) -> Tensor:
        """See `operations.reshape`."""
        return _operations["reshape"](self, shape)

    def transpose(self, *axes: int) -> Tensor:
        """See `operations.transpose`."""
        return _operations["transpose"](self, axes or None)


def constant(data: Any) -> Tensor:
    """A tensor around an array, or a numpy number, of our own: not copied, not checked."""
    tensor = Tensor.__new__(Tensor)
    tensor._set(data)
    return tensor


def _values(other: Any) -> Any:
    return other._data if isinstance(other, Tensor) else other


def record(
    operation: str, data: Any, inputs: tuple[Tensor, ...], backward: Backward, is_view: bool = False
) -> Tensor:
    """The result of an operation as a tensor, with a node on the tape if one of the inputs requires gradients.

    `is_view`: it may share memory with its one input.
    """
    result = constant(np.asarray(data) if isinstance(data, np.generic) else data)
    if is_view:
        result._version = inputs[0]._version
    if _mode.recording:
        for tensor in inputs:
            if tensor.requires_grad:
                result.requires_grad = True
                result._node = Node(operation, inputs, backward, result._version)
                break
    return result
