"""The base of layers and models: parameters, their initial values, modes, and state."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

from evaluators.devices import HOST, Arrays, arrays_of
from evaluators.gradient.draws import check_seed
from evaluators.gradient.nn.initialisation import Initialiser
from evaluators.gradient.tensor.device_arrays import (
    arrays_holding,
    arrays_on,
    check_finite,
    float_dtype,
    to_host,
)
from evaluators.gradient.tensor.tape import Version
from evaluators.gradient.tensor.tensor import Tensor, no_grad

Observer = Callable[["Module", Tensor, Tensor], None]
Self = TypeVar("Self", bound="Module")

_observers: list[Observer] = []


class _Streams:
    """Hands out streams of random numbers to objects without a seed, each once; `initialise` uses lower streams."""

    def __init__(self) -> None:
        self._next = 2**31
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return a stream that nothing else in this process uses."""
        with self._lock:
            self._next += 1
            return self._next - 1

    def exclude(self, stream: int) -> None:
        """Hand out no stream up to `stream` from now on: an object from another process uses it."""
        with self._lock:
            self._next = max(self._next, stream + 1)


_streams = _Streams()


@contextlib.contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Call `observer(module, input, output)` after each module's forward pass, within the `with` block."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


class Parameter(Tensor):
    """A tensor that is trained. Its initial values are drawn when it is first used.

    Each parameter draws different values; see `Module.initialise` for values that come from a seed.

    `==` between a parameter and a tensor asks whether they are the same object, so that lists of parameters can be
    searched: `weight in model.parameters()`. Compare their `data` for an array of booleans. With arrays and numbers,
    `==` compares element by element, as for every tensor.

    Args:
        shape: Shape of the array.
        initialiser: Draws the initial values.
    """

    __slots__ = ("_device", "_dtype", "_initialiser", "_place", "_shape", "name")

    def __init__(self, shape: tuple[int, ...], initialiser: Initialiser) -> None:
        self.name = ""
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
        # Python calls this only for attributes that are not set.
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
        """Shape of the array."""
        return self._shape

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self._dtype

    @property
    def device(self) -> str:
        """Device of the array: "cpu", "cuda:0", …"""
        return self._device

    @property
    def _arrays(self) -> Arrays:
        return arrays_of(self._device)

    def draw_from(self, seed: int, stream: int, index: int) -> None:
        """Draw the initial values from this seed, stream and index."""
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
    """Yield these values with their paths; lists, tuples and dictionaries yield their elements instead."""
    for name, value in named.items():
        inner = dict(enumerate(value)) if isinstance(value, list | tuple) else value
        if isinstance(inner, dict):
            yield from ((f"{name}.{path}", part) for path, part in _parts(inner))
        else:
            yield str(name), value


class Module:
    """A layer, or a model whose attributes are modules, or lists or dictionaries of modules.

    A subclass implements `forward`. A module that appears twice in a model shares its parameters and statistics.

    Attributes:
        seed: Seed of initial values and of dropout; `initialise` sets it.
        stream: Number of the seed's random stream that dropout uses. Modules have different streams, unless each was
            initialised by itself from the same seed.
        training: Whether the module is in training mode rather than in evaluation mode; see `train` and `eval`.
        buffers: Names of attributes other than parameters that belong to its state: arrays or integers.
    """

    training = True
    buffers: tuple[str, ...] = ()
    seed = 0
    stream: int

    def __new__(cls: type[Self], *args: Any, **kwargs: Any) -> Self:
        """Give the new module its own stream."""
        module = super().__new__(cls)
        module.stream = _streams.take()
        return module

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        _streams.exclude(self.stream)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; a subclass implements it."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def __call__(self, x: Any) -> Tensor:
        """Return the output for a tensor, or for an array, which is converted to the parameters' dtype and device."""
        if not isinstance(x, Tensor):
            first = next((p for _, module in self._walk() for _, p in module._own_parameters()), None)
            x = Tensor(x) if first is None else Tensor(x, dtype=first.dtype, device=first.device)
        output = self.forward(x)
        for observer in _observers:
            observer(self, x, output)
        return output

    def modules(self) -> list[tuple[str, Module]]:
        """Return this module and all modules in it, each once, with its path, such as "layers.0"."""
        return list(self._walk())

    def _walk(self) -> Iterator[tuple[str, Module]]:
        """Yield what `modules` returns, and look for no more of it than is taken."""
        found: set[Module] = set()
        waiting = [iter([("", self)])]
        while waiting:
            path, module = next(waiting[-1], ("", None))
            if module is None:
                waiting.pop()
            elif module not in found:
                found.add(module)
                yield path, module
                waiting.append(module._children(f"{path}." if path else ""))

    def _children(self, prefix: str) -> Iterator[tuple[str, Module]]:
        return ((f"{prefix}{path}", value) for path, value in _parts(vars(self)) if isinstance(value, Module))

    def _own_parameters(self) -> Iterator[tuple[str, Parameter]]:
        return ((path, value) for path, value in _parts(vars(self)) if isinstance(value, Parameter))

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters by path, such as "layers.0.weight", each once."""
        named = {
            f"{path}.{name}".lstrip("."): parameter
            for path, module in self.modules()
            for name, parameter in module._own_parameters()
        }
        once: dict[int, tuple[str, Parameter]] = {}
        for name, parameter in named.items():
            once.setdefault(id(parameter), (name, parameter))
        for name, parameter in once.values():
            parameter.name = max(
                name, parameter.name, key=len
            )  # the path in the whole model, not in a part of it
        return dict(once.values())

    def parameters(self) -> list[Parameter]:
        """Return the parameters, each once, in the order of the modules."""
        return list(self.named_parameters().values())

    def initialise(self: Self, seed: int) -> Self:
        """Draw initial values and dropout's numbers from a seed, and reset statistics.

        They depend only on the seed and on the modules' positions, so that equal models with the same seed are equal.
        Without this call, each module draws different values, which repeat if a program creates its modules in the same
        order.
        """
        check_seed(seed)
        for stream, (_, module) in enumerate(self.modules()):
            module.seed, module.stream = int(seed), stream
            module._reset_state()
            for index, (_, parameter) in enumerate(module._own_parameters()):
                parameter.draw_from(int(seed), stream, index)
        return self

    def _reset_state(self) -> None:
        """Reset what `initialise` resets besides the parameters; subclasses override it."""

    def train(self: Self, mode: bool = True) -> Self:
        """Put the whole model into training mode; `mode=False`: into evaluation mode."""
        for _, module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Put the whole model into evaluation mode."""
        return self.train(False)

    def freeze(self: Self, frozen: bool = True) -> Self:
        """Exclude the parameters from training, or include them again with False; statistics still change."""
        for parameter in self.parameters():
            parameter.requires_grad = not frozen
            parameter.grad = None
        return self

    def to(self: Self, device: str | None = None, dtype: Any = None) -> Self:
        """Move the model to a device, or round it to a dtype. Create optimisers after this.

        Raises:
            ValueError: The device is not available, or the dtype is neither float32 nor float64.
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
        """Return everything that evaluation and further training depend on, as numpy arrays by path."""
        arrays = {name: to_host(p.data).copy() for name, p in self.named_parameters().items()}
        for path, module in self.modules():
            for name in module.buffers:
                value = getattr(module, name)
                arrays[f"{path}.{name}".lstrip(".")] = np.array(
                    value if isinstance(value, int) else to_host(value)
                )
        return arrays

    def restore(self: Self, arrays: dict[str, np.ndarray]) -> Self:
        """Set the state that `state` returned.

        Raises:
            ValueError: An array is missing or unknown, has another shape or kind of number, or holds numbers that are
                not finite or not possible, such as a negative variance. The module is then unchanged.
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
        """Raise ValueError, whose message begins with `label`, if a buffer cannot have these values."""

    def population_statistics(self: Self, data: Iterable[Any]) -> Self:
        """Set each BatchNorm's statistics to those of its inputs over `data` (Ioffe and Szegedy 2015, Algorithm 2).

        The exact means, over the batches, of μ_B and of m / (m − 1) · σ²_B replace the running averages. All other
        layers are in evaluation mode.

        Args:
            data: Batches of inputs, all of the same size.

        Raises:
            ValueError: There is no batch, or the sizes differ.
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
        """Prepare for `population_statistics`."""

    def _end_average(self, keep: bool) -> None:
        """End `population_statistics`; `keep`: use its averages, since all batches were seen."""
