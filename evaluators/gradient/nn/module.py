"""What layers and models have in common: parameters, their first values, modes, state."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

from evaluators.devices import HOST, Arrays, arrays_of
from evaluators.gradient.draws import check_seed
from evaluators.gradient.nn.initialisation import Initialiser
from evaluators.gradient.tensor.place import arrays_holding, arrays_on, check_finite, float_dtype, to_host
from evaluators.gradient.tensor.tape import Version
from evaluators.gradient.tensor.tensor import Tensor, no_grad

Observer = Callable[["Module", Tensor, Tensor], None]
Self = TypeVar("Self", bound="Module")

_observers: list[Observer] = []


class _Streams:
    """The streams of random numbers of what is not initialised from a seed: one each, beyond those of `initialise`."""

    def __init__(self) -> None:
        self._next = 2**31
        self._lock = threading.Lock()

    def take(self) -> int:
        """One that nothing in this process has."""
        with self._lock:
            self._next += 1
            return self._next - 1

    def exclude(self, stream: int) -> None:
        """Take none up to `stream` from now on: something from another process has it."""
        with self._lock:
            self._next = max(self._next, stream + 1)


_streams = _Streams()


@contextlib.contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Within it, `observer(module, input, output)` is called after each module's forward pass."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


class Parameter(Tensor):
    """A tensor that is trained. Its first values are drawn when it is first used.

    They differ from those of all parameters made before; see `Module.initialise` for values that come from a seed.

    `==` between a parameter and a tensor asks whether they are the same object, so that lists of parameters can be
    searched: `weight in model.parameters()`. Compare their `data` for an array of booleans. With arrays and numbers,
    `==` compares element by element, as for every tensor.

    Args:
        shape: Of the array.
        initialiser: Gives the first values.
    """

    __slots__ = ("_device", "_dtype", "_initialiser", "_place", "_shape")

    def __init__(self, shape: tuple[int, ...], initialiser: Initialiser) -> None:
        self.grad = None
        self.requires_grad = True
        self._node = None
        self._version = Version()
        self._shape = shape
        self._initialiser = initialiser
        self._place = (0, _streams.take(), 0)
        self._device = HOST.device
        self._dtype = np.dtype(np.float32)

    def __setstate__(self, state: tuple[dict[str, Any] | None, dict[str, Any]]) -> None:
        attributes, slots = state
        for name, value in {**(attributes or {}), **slots}.items():
            setattr(self, name, value)
        _streams.exclude(self._place[1])

    def __getattr__(self, name: str) -> Any:
        # Python asks here only for what has not been set.
        if name != "_data":
            raise AttributeError(name)
        drawn = self._initialiser(self._shape, *self._place).astype(self._dtype)
        self._data = self._arrays.to_device(drawn)
        return self._data

    def __eq__(self, other: object) -> Any:
        return self is other if isinstance(other, Tensor) else super().__eq__(other)

    def __ne__(self, other: object) -> Any:
        return self is not other if isinstance(other, Tensor) else super().__ne__(other)

    __hash__ = object.__hash__

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self._shape

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self._dtype

    @property
    def device(self) -> str:
        """Where the array is: "cpu", "cuda:0", …"""
        return self._device

    @property
    def _arrays(self) -> Arrays:
        return arrays_of(self._device)

    def draw_from(self, seed: int, stream: int, index: int) -> None:
        """Have first values drawn from this seed, stream and index."""
        self._place = (seed, stream, index)
        if self._is_drawn():
            self.data = self._arrays.to_device(self._initialiser(self._shape, *self._place))

    def to(self, arrays: Arrays, dtype: np.dtype) -> None:
        """Move the values to a device, and round them to a dtype."""
        if self._is_drawn():
            self._data = arrays.to_device(to_host(self._data).astype(dtype))
        self._device, self._dtype = arrays.device, dtype
        self.grad = None
        self._version.count += 1

    def _is_drawn(self) -> bool:
        try:
            object.__getattribute__(self, "_data")
        except AttributeError:
            return False
        return True


def _parts(named: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    """What these values are, or hold in lists, tuples and dictionaries, with the path that leads there."""
    for name, value in named.items():
        inner = dict(enumerate(value)) if isinstance(value, list | tuple) else value
        if isinstance(inner, dict):
            yield from ((f"{name}.{path}", part) for path, part in _parts(inner))
        else:
            yield str(name), value


class Module:
    """A layer, or a model made of modules, which are attributes of it, or stand in lists or dictionaries that are.

    A subclass says in `forward` what it computes. Where the same module stands twice, it is one: its parameters and
    statistics are shared.

    Attributes:
        seed: Of first values and of dropout; `initialise` sets it.
        stream: Which of the seed's random numbers dropout uses. No two modules have the same, but where each was
            initialised by itself from one seed.
        training: Whether it behaves as in training rather than in evaluation; `train` and `eval` set it.
        buffers: Names of attributes other than parameters that belong to its state: arrays or integers.
    """

    training = True
    buffers: tuple[str, ...] = ()
    seed = 0
    stream: int

    def __new__(cls: type[Self], *args: Any, **kwargs: Any) -> Self:
        """A module with a stream of its own."""
        module = super().__new__(cls)
        module.stream = _streams.take()
        return module

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        _streams.exclude(self.stream)

    def forward(self, x: Tensor) -> Tensor:
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def __call__(self, x: Any) -> Tensor:
        """The output for an input, a tensor or an array that is made one of the parameters' dtype and device."""
        if not isinstance(x, Tensor):
            parameters = self.parameters()
            x = Tensor(x, dtype=parameters[0].dtype, device=parameters[0].device) if parameters else Tensor(x)
        output = self.forward(x)
        for observer in _observers:
            observer(self, x, output)
        return output

    def modules(self) -> list[tuple[str, Module]]:
        """This module and all in it, each once, with the path that leads to it, such as "layers.0"."""
        found: dict[Module, str] = {}
        waiting: list[tuple[str, Module]] = [("", self)]
        while waiting:
            path, module = waiting.pop()
            if module not in found:
                found[module] = path
                waiting.extend(reversed(list(module._children(f"{path}." if path else ""))))
        return [(path, module) for module, path in found.items()]

    def _children(self, prefix: str) -> Iterator[tuple[str, Module]]:
        return ((f"{prefix}{path}", value) for path, value in _parts(vars(self)) if isinstance(value, Module))

    def _own_parameters(self) -> list[tuple[str, Parameter]]:
        return [(path, value) for path, value in _parts(vars(self)) if isinstance(value, Parameter)]

    def named_parameters(self) -> dict[str, Parameter]:
        """The parameters by their path, such as "layers.0.weight"; each once."""
        named = {
            f"{path}.{name}".lstrip("."): parameter
            for path, module in self.modules()
            for name, parameter in module._own_parameters()
        }
        once: dict[int, tuple[str, Parameter]] = {}
        for name, parameter in named.items():
            once.setdefault(id(parameter), (name, parameter))
        return dict(once.values())

    def parameters(self) -> list[Parameter]:
        """The parameters, each once, in the order in which the modules were given."""
        return list(self.named_parameters().values())

    def initialise(self: Self, seed: int) -> Self:
        """Begin anew: draw first values and dropout's numbers from a seed, and forget statistics.

        They depend on the seed and on the places of the modules in this model, so that equal models with the same seed
        are equal. Without a seed, each module has values of its own, and a program gets the same ones whenever it makes
        its modules in the same order.
        """
        check_seed(seed)
        for stream, (_, module) in enumerate(self.modules()):
            module.seed, module.stream = int(seed), stream
            module._forget()
            for index, (_, parameter) in enumerate(module._own_parameters()):
                parameter.draw_from(int(seed), stream, index)
        return self

    def _forget(self) -> None:
        """`initialise` begins anew."""

    def train(self: Self, mode: bool = True) -> Self:
        """Let the whole model behave as in training."""
        for _, module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Let the whole model behave as in evaluation."""
        return self.train(False)

    def freeze(self: Self, frozen: bool = True) -> Self:
        """Keep the parameters as they are, or with False let them be trained again; statistics still move."""
        for parameter in self.parameters():
            parameter.requires_grad = not frozen
            parameter.grad = None
        return self

    def to(self: Self, device: str | None = None, dtype: Any = None) -> Self:
        """Move the model to a device, or round it to a dtype. Make optimisers after this.

        Raises:
            ValueError: The device is not there, or the dtype is neither float32 nor float64.
        """
        wanted = None if device is None else arrays_on(device)
        for _, module in self.modules():
            for _, parameter in module._own_parameters():
                kept = parameter.dtype if dtype is None else float_dtype(dtype)
                parameter.to(wanted or parameter._arrays, kept)
            for name in module.buffers:
                value = getattr(module, name)
                if not isinstance(value, int):
                    value = value if dtype is None else value.astype(float_dtype(dtype))
                    setattr(module, name, wanted.to_device(to_host(value)) if wanted else value)
        return self

    def state(self) -> dict[str, np.ndarray]:
        """All that evaluation and further training depend on, as arrays of the host by path."""
        arrays = {name: to_host(p.data).copy() for name, p in self.named_parameters().items()}
        for path, module in self.modules():
            for name in module.buffers:
                value = getattr(module, name)
                arrays[f"{path}.{name}".lstrip(".")] = np.array(
                    value if isinstance(value, int) else to_host(value)
                )
        return arrays

    def restore(self: Self, arrays: dict[str, np.ndarray]) -> Self:
        """Take back what `state` gave.

        Raises:
            ValueError: An array is missing, left over, of another shape or kind of number, not finite, or nothing that
                the module can have, such as a negative variance; nothing is changed then.
        """
        mine = self.state()
        if mine.keys() != arrays.keys():
            different = min(mine.keys() ^ arrays.keys())
            what = "missing" if different in mine else "not part of this model"
            raise ValueError(f"state: {different} is {what}")
        for name, array in arrays.items():
            if array.shape != mine[name].shape:
                raise ValueError(f"state: {name}: expected shape {mine[name].shape}, got {array.shape}")
            kind = mine[name].dtype.kind
            if array.dtype.kind not in {"f": "fiu", "i": "iu", "u": "iu"}.get(kind, kind):
                raise ValueError(f"state: {name}: expected {mine[name].dtype}, got {array.dtype}")
            check_finite(f"state: {name}", array)
        for path, module in self.modules():
            for name in module.buffers:
                inside = f"{path}.{name}".lstrip(".")
                module._check_buffer(name, arrays[inside], f"state: {inside}")
        for name, parameter in self.named_parameters().items():
            parameter.data = parameter._arrays.to_device(arrays[name])
        for path, module in self.modules():
            for name in module.buffers:
                value, array = getattr(module, name), arrays[f"{path}.{name}".lstrip(".")]
                if isinstance(value, int):
                    setattr(module, name, int(array))
                else:
                    value[...] = arrays_holding(value).to_device(array)
            _streams.exclude(module.stream)
        return self

    def _check_buffer(self, name: str, array: np.ndarray, label: str) -> None:
        """ValueError, which begins with the label, if a buffer cannot have these values."""

    def population_statistics(self: Self, data: Iterable[Any]) -> Self:
        """Give each BatchNorm the mean of its inputs' statistics over `data` (Ioffe and Szegedy 2015, Algorithm 2).

        The moving averages are replaced by the exact means, over the batches, of μ_B and of m / (m − 1) · σ²_B. All
        else behaves as in evaluation.

        Args:
            data: Batches of the same size, what the module is called with.

        Raises:
            ValueError: There is none, or one has another size.
        """
        modes = [(module, module.training) for _, module in self.modules()]
        for module, _ in modes:
            module.training = False
            module._begin_average()
        size, complete = None, False
        try:
            with no_grad():
                for k, batch in enumerate(data):
                    if size is not None and len(batch) != size:
                        raise ValueError(
                            f"data: expected batches of {size} samples, got {len(batch)} in batch {k}"
                        )
                    size = len(batch)
                    self(batch)
            complete = True
        finally:
            for module, mode in modes:
                module.training = mode
                module._end_average(complete)
        if size is None:
            raise ValueError("data: expected at least one batch, got none")
        return self

    def _begin_average(self) -> None:
        """`population_statistics` begins."""

    def _end_average(self, keep: bool) -> None:
        """It ends; `keep`: with all batches seen."""
