"""The base of layers and models: their parameters, modes, and state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import numpy as np

from evaluators.gradient.checks import check_positive
from evaluators.gradient.nn.matching import Match
from evaluators.gradient.nn.parameter import Parameter, streams
from evaluators.gradient.random_numbers import check_seed
from evaluators.gradient.tensor.device_arrays import (
    arrays_holding,
    arrays_on,
    check_finite,
    float_dtype,
    to_host,
)
from evaluators.gradient.tensor.tensor import Tensor, no_grad

Observer = Callable[["Module", Tensor, Tensor], None]

_observers: list[Observer] = []


@contextlib.contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Call `observer(module, input, output)` after each module's forward pass, within the `with` block."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


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
        frozen: Whether the module's statistics stay as they are; see `freeze`.
        buffers: Names of attributes other than parameters that belong to its state: arrays or integers.
    """

    training = True
    frozen = False
    buffers: tuple[str, ...] = ()
    _incoming: tuple[int, ...] = ()  # axes of `weight` with the weights into one neuron
    seed = 0
    stream: int

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Give the new module its own stream."""
        module = super().__new__(cls)
        module.stream = streams.take()
        return module

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        streams.exclude(self.stream)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; a subclass implements it."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def __call__(self, x: Any) -> Tensor:
        """Return the output for a tensor, or for an array, which is converted to the parameters' dtype and device."""
        if not isinstance(x, Tensor):
            first = next(
                (p for _, module in self._walk("", set()) for _, p in module._own_parameters()), None
            )
            x = Tensor(x) if first is None else Tensor(x, dtype=first.dtype, device=first.device)
        output = self.forward(x)
        for observer in _observers:
            observer(self, x, output)
        return output

    def modules(self) -> list[tuple[str, Module]]:
        """Return this module and all modules in it, each once, with its path, such as "layers.0"."""
        return list(self._walk("", set()))

    def _walk(self, path: str, found: set[Module]) -> Iterator[tuple[str, Module]]:
        """Yield what `modules` returns, lazily and under this path, except modules in `found`; add them there."""
        if self not in found:
            found.add(self)
            yield path, self
            for name, part in _parts(vars(self)):
                if isinstance(part, Module):
                    yield from part._walk(f"{path}.{name}".lstrip("."), found)

    def _own_parameters(self) -> Iterator[tuple[str, Parameter]]:
        return ((path, value) for path, value in _parts(vars(self)) if isinstance(value, Parameter))

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters by path, such as "layers.0.weight", each once."""
        names: dict[Parameter, str] = {}
        for path, module in self.modules():
            for name, parameter in module._own_parameters():
                names.setdefault(parameter, f"{path}.{name}".lstrip("."))
        for parameter, name in names.items():
            # The path in the whole model, not in a part of it.
            parameter.name = max(name, parameter.name, key=len)
        return {name: parameter for parameter, name in names.items()}

    def _named_buffers(self) -> list[tuple[str, Module, str]]:
        """Return the path of each buffer, the module that has it, and the name of its attribute."""
        return [
            (f"{path}.{name}".lstrip("."), module, name)
            for path, module in self.modules()
            for name in module.buffers
        ]

    def parameters(self) -> list[Parameter]:
        """Return the parameters, each once, in the order of the modules."""
        return list(self.named_parameters().values())

    def initialise(self, seed: int) -> Self:
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

    def train(self, mode: bool = True) -> Self:
        """Put the whole model into training mode; `mode=False`: into evaluation mode."""
        for _, module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Put the whole model into evaluation mode."""
        return self.train(False)

    def freeze(self, frozen: bool = True) -> Self:
        """Exclude the parameters from training, or include them again with False.

        Batch normalisation within the module then uses its running statistics, and leaves them as they are, also in
        training and in `population_statistics`. Dropout still drops elements in training.
        """
        for _, module in self.modules():
            module.frozen = frozen
        for parameter in self.parameters():
            parameter.requires_grad = not frozen
            parameter.grad = None
        return self

    def limit_norms(self, limit: float | None) -> Self:
        """Keep the norm of the weights into each neuron or filter at most `limit` (Srivastava et al. 2014, 5.1).

        This holds for all Dense and Conv2d layers in this module. Optimisers scale the weights down after each step.

        Args:
            limit: The greatest norm; None removes the limit.

        Raises:
            ValueError: The limit is not above 0, or there is no such layer.
        """
        limit = None if limit is None else check_positive("limit", limit)
        layers = [module for _, module in self.modules() if module._incoming]
        if not layers:
            raise ValueError("limit_norms: expected a Dense or Conv2d layer, got none")
        for layer in layers:
            layer.weight.limit_norms(limit, layer._incoming)  # type: ignore[attr-defined]
        return self

    def to(self, device: str | None = None, dtype: Any = None) -> Self:
        """Move the model to a device, or round its parameters and buffers of floats to a dtype.

        Create optimisers after this.

        Raises:
            ValueError: The device is not available, or the dtype is neither float32 nor float64.
        """
        wanted = None if device is None else arrays_on(device)
        rounded = None if dtype is None else float_dtype(dtype)
        for parameter in self.parameters():
            parameter.to(wanted or parameter._arrays, rounded or parameter.dtype)
        for _, module, name in self._named_buffers():
            value = getattr(module, name)
            if not isinstance(value, int):
                value = value.astype(rounded) if rounded and value.dtype.kind == "f" else value
                setattr(module, name, wanted.to_device(to_host(value)) if wanted else value)
        return self

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that evaluation and further training depend on, as numpy arrays by path."""
        arrays = {name: to_host(p.data).copy() for name, p in self.named_parameters().items()}
        for path, module, name in self._named_buffers():
            value = getattr(module, name)
            arrays[path] = np.array(value if isinstance(value, int) else to_host(value))
        return arrays

    def restore(self, arrays: dict[str, np.ndarray]) -> Self:
        """Set the state that `state` returned.

        Raises:
            ValueError: An array is missing or unknown, has another shape or kind of number, or holds numbers that are
                not finite or not possible, such as a negative variance. The module is then unchanged.
        """
        Match.of(arrays, self.state()).check_complete("model")
        return self._set_state(arrays)

    def restore_part(self, arrays: dict[str, np.ndarray]) -> Match:
        """Set what fits of a state, by name and shape, and leave the rest of the model as it is.

        Returns:
            What fitted, and what did not.

        Raises:
            ValueError: Nothing fits, or an array that fits has another kind of number, or numbers that are not finite
                or not possible. The module is then unchanged.
        """
        match = Match.of(arrays, self.state())
        if not match.matched:
            raise ValueError(
                f"state: none of its {len(arrays)} arrays has the name and the shape of one here"
            )
        self._set_state({name: arrays[name] for name in match.matched})
        return match

    def _set_state(self, arrays: dict[str, np.ndarray]) -> Self:
        """Set arrays that have the shapes of the module's own, all or none."""
        mine = self.state()
        buffers = [buffer for buffer in self._named_buffers() if buffer[0] in arrays]
        for name, array in arrays.items():
            kind = mine[name].dtype.kind
            if array.dtype.kind not in {"f": "fiu", "i": "iu", "u": "iu"}.get(kind, kind):
                raise ValueError(f"state: {name}: expected {mine[name].dtype}, got {array.dtype}")
            check_finite(f"state: {name}", array)
        for path, module, name in buffers:
            module._check_buffer(name, arrays[path], f"state: {path}")
        for name, parameter in self.named_parameters().items():
            if name in arrays:
                parameter.data = parameter._arrays.to_device(arrays[name])
        for path, module, name in buffers:
            value, array = getattr(module, name), arrays[path]
            if isinstance(value, int):
                setattr(module, name, int(array))
            else:
                value[...] = arrays_holding(value).to_device(array)
            streams.exclude(module.stream)
        return self

    def _check_buffer(self, name: str, array: np.ndarray, label: str) -> None:
        """Raise ValueError, whose message begins with `label`, if a buffer cannot have these values."""

    def population_statistics(self, data: Iterable[Any]) -> Self:
        """Set each BatchNorm's statistics to those of its inputs over `data` (Ioffe and Szegedy 2015, Algorithm 2).

        The mean of all values and their pooled variance Σ (m − 1) s²_B / Σ (m − 1) replace the running averages, where
        s²_B is the unbiased variance of a batch with m values of a channel. All other layers are in evaluation mode.

        Args:
            data: Batches of inputs, which may differ in size.

        Raises:
            ValueError: There is no batch, or one has a single value per channel.
        """
        modes = [(module, module.training) for _, module in self.modules()]
        for module, _ in modes:
            module.training = False
            module._begin_average()
        seen, complete = 0, False
        try:
            with no_grad():
                for batch in data:
                    self(batch)
                    seen += 1
            complete = True
        finally:
            for module, mode in modes:
                module.training = mode
                module._end_average(complete)
        if not seen:
            raise ValueError("data: expected at least one batch, got none")
        return self

    def _begin_average(self) -> None:
        """Prepare for `population_statistics`."""

    def _end_average(self, keep: bool) -> None:
        """End `population_statistics`; `keep`: use its averages, since all batches were seen."""
