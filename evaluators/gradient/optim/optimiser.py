"""The base of optimisers: each computes, from a gradient, the vector to subtract from the parameters.

Optimisers treat all parameters as one vector, which takes a few large operations instead of many small ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from evaluators.checks import check_state
from evaluators.gradient.checks import check_fraction, check_none_negative
from evaluators.gradient.optim.gradients import check_gradients_finite
from evaluators.gradient.optim.schedules import Schedule, check_rate
from evaluators.gradient.tensor.device_arrays import arrays_holding, namespace, to_host
from evaluators.gradient.tensor.tape import mode
from evaluators.gradient.tensor.tensor import Tensor
from neat.support.messages import quote

Rate = float | Schedule


class Setting:
    """A number of an optimiser that can be set at any time: it is checked, and applies from the next step.

    Averages that the optimiser does not use with the new number are deleted; if they are needed again, they start at 0.

    Args:
        check: Takes a name and a value; returns the value to store, or raises ValueError.
    """

    def __init__(self, check: Callable[[str, Any], Any]) -> None:
        self._check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, optimiser: Optimiser | None, owner: type | None = None) -> Any:
        return self if optimiser is None else optimiser._settings[self._name]

    def __set__(self, optimiser: Optimiser, value: Any) -> None:
        changed = {**optimiser._settings, self._name: self._check(self._name, value)}
        optimiser._check_settings(changed)
        optimiser._settings = changed
        optimiser._vectors = {k: v for k, v in optimiser._vectors.items() if k in optimiser.averages}


class Optimiser:
    """Base of the optimisers.

    A step changes neither frozen parameters nor parameters without a gradient, nor their averages. Setting an attribute
    that an optimiser does not have raises AttributeError.

    Args:
        parameters: Tensors of one dtype on one device.
        learning_rate: A number, or a schedule: a function of the number of steps so far.

    Attributes:
        parameters: The parameters, a tuple; another set of parameters needs another optimiser.
        steps: Number of steps so far.
        averages: Names of the vectors that the optimiser keeps.
        squares: Names of the averages that are sums or means of squares, and so never negative.

    Raises:
        ValueError: There is no parameter, one is given twice or is the result of an operation, or a number is not
            allowed.
    """

    __slots__ = (
        "_dtype",
        "_end",
        "_learning_rate",
        "_own_rates",
        "_parameters",
        "_settings",
        "_vectors",
        "steps",
    )

    averages: tuple[str, ...] = ()
    squares: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Tensor], learning_rate: Rate) -> None:
        if isinstance(parameters, Tensor):
            raise ValueError("parameters: expected a list of tensors, got a Tensor")
        _check_iterable(parameters)
        self._parameters = tuple(parameters)
        if not self.parameters or not all(isinstance(p, Tensor) for p in self.parameters):
            raise ValueError("parameters: expected at least one tensor, and nothing else")
        if any(p._node is not None for p in self.parameters):
            raise ValueError("parameters: expected tensors that you created, got the result of an operation")
        if len({id(p) for p in self.parameters}) < len(self.parameters):
            raise ValueError("parameters: one is given twice")
        if len({(p.dtype, p.device) for p in self.parameters}) > 1:
            raise ValueError("parameters: expected one dtype and one device")
        self.learning_rate = learning_rate
        self.steps = 0
        self._dtype = self.parameters[0].dtype
        self._own_rates: list[Rate | None] = [None] * len(self._parameters)
        self._end = np.cumsum([0, *(math.prod(p.shape) for p in self.parameters)]).tolist()
        self._settings: dict[str, Any] = {}
        self._vectors: dict[str, Any] = {}

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """The parameters."""
        return self._parameters

    def names_in(self, named: Mapping[str, Tensor]) -> list[str]:
        """Return the parameters' names among those of a model; ValueError unless all are the model's."""
        names = {id(parameter): name for name, parameter in named.items()}
        if not all(id(parameter) in names for parameter in self._parameters):
            raise ValueError("optimiser: has parameters that are not the model's")
        return [names[id(parameter)] for parameter in self._parameters]

    @property
    def _xp(self) -> Any:
        """numpy or cupy."""
        return namespace(self.parameters[0]._data)

    def _check_settings(self, settings: dict[str, Any]) -> None:
        """Raise ValueError if settings contradict each other; during construction, some are missing."""

    @property
    def learning_rate(self) -> Rate:
        """The number or schedule; a new one applies from the next step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        self._learning_rate = _check_rate(value)

    @property
    def rate(self) -> float:
        """The learning rate of the next step; ValueError if a schedule returns one that is not allowed."""
        return self.rate_at(self.steps)

    def rate_at(self, step: int) -> float:
        """Return the learning rate after this number of steps; ValueError if a schedule returns a wrong one."""
        return _rate_at(self._learning_rate, step)

    @property
    def own_rates(self) -> tuple[Rate | None, ...]:
        """The number or schedule that `set_rate` gave each parameter; None for those with the optimiser's rate."""
        return tuple(self._own_rates)

    def set_rate(self, parameters: Iterable[Tensor], rate: Rate | None) -> None:
        """Give some parameters a learning rate of their own, from the next step.

        Args:
            parameters: Some of the optimiser's, such as `model.layers[0].parameters()`.
            rate: A number, or a schedule: a function of the optimiser's steps so far. None gives them its rate again.

        Raises:
            ValueError: There is no parameter, one is not the optimiser's, or the rate is not allowed.
        """
        if rate is not None:
            rate = _check_rate(rate)
        _check_iterable(parameters)
        places = {id(parameter): k for k, parameter in enumerate(self._parameters)}
        chosen = [id(p) for p in ([parameters] if isinstance(parameters, Tensor) else parameters)]
        if not chosen or not places.keys() >= set(chosen):
            raise ValueError("parameters: expected some of the optimiser's, and nothing else")
        for identity in chosen:
            self._own_rates[places[identity]] = rate

    def momentum_at(self, step: int) -> float:
        """Return the momentum after this number of steps; ValueError if a schedule returns a wrong one."""
        value = self._settings.get("momentum", 0.0)
        return check_fraction(f"momentum at step {step}", value(step)) if callable(value) else value

    def zero_grad(self) -> None:
        """Set the parameters' gradients to None."""
        self._report_step_to_inspector()
        for parameter in self.parameters:
            parameter.grad = None

    def _report_step_to_inspector(self) -> None:
        if mode.inspector is not None:
            mode.inspector.step = self.steps

    def step(self, check_finite: bool = True) -> None:
        """Change the parameters once, in place.

        Args:
            check_finite: Refuse gradients that are not finite.

        Raises:
            ValueError: No parameter has a gradient, one has another shape or dtype or is not finite, or the rate or the
                momentum is not allowed. The optimiser is then unchanged.
        """
        self.momentum_at(self.steps)  # refuses a schedule's wrong number before anything changes
        runs = list(self._ranges_with_gradient())
        if not runs:
            raise ValueError("step: no parameter has a gradient; call backward of a loss first")
        rates = [self._rate_of(first) for first, _ in runs]
        for parameter in self._parameters:
            gradient = parameter.grad
            if gradient is None:
                continue
            if gradient.shape != parameter.shape:
                raise ValueError(
                    f"step: expected a gradient of shape {parameter.shape}, got {gradient.shape}"
                )
            if gradient.dtype != self._dtype:
                raise ValueError(
                    f"step: expected gradients of dtype {self._dtype}, got {gradient.dtype}; "
                    "make the optimiser after the parameters have their dtype"
                )
        gradients = [
            self._xp.concatenate([p.grad.ravel() for p in self.parameters[first:last]])
            for first, last in runs
        ]
        # Where the norm is not finite, the numbers may be.
        if check_finite and not all(map(_has_finite_norm, gradients)):
            check_gradients_finite(f"step {self.steps}", self.parameters)
        averages = self._current_averages()
        self.steps += 1
        self._report_step_to_inspector()
        for (first, last), rate, gradient in zip(runs, rates, gradients, strict=True):
            members, begin = self.parameters[first:last], self._end[first]
            vectors = [vector[begin : self._end[last]] for vector in averages]
            change = self._change(gradient, members, rate, *vectors)
            for k, parameter in enumerate(members, first):
                part = change[self._end[k] - begin : self._end[k + 1] - begin]
                parameter._data -= part.reshape(parameter.shape)
                parameter._keep_limit()
                parameter._version.count += 1

    def _current_averages(self) -> list[Any]:
        """Return the vectors that the next step uses; a new one starts at 0."""
        for name in self.averages:
            if name not in self._vectors:
                self._vectors[name] = self._xp.zeros(self._end[-1], self._dtype)
        return [self._vectors[name] for name in self.averages]

    def _rate_of(self, index: int) -> float:
        """Return the learning rate of a parameter in the next step."""
        own = self._own_rates[index]
        if own is None:
            return self.rate
        name = self._parameters[index].name or f"parameter {index}"
        return _rate_at(own, self.steps, f" of {name}")

    def _ranges_with_gradient(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges of neighbouring parameters that have a gradient, and the same learning rate."""
        first = None
        for k, parameter in enumerate((*self.parameters, None)):
            if parameter is None or parameter.grad is None or not parameter.requires_grad:
                if first is not None:
                    yield first, k
                first = None
            elif first is None:
                first = k
            elif self._own_rates[k] != self._own_rates[first]:
                yield first, k
                first = k

    def _change(self, gradient: Any, members: Sequence[Tensor], rate: float, *vectors: Any) -> Any:
        """Return the vector to subtract from the parameters `members`.

        Args:
            gradient: Their gradients as one vector, which may be overwritten.
            members: Parameters.
            rate: Their learning rate.
            *vectors: Their parts of the averages, changed in place.
        """
        raise NotImplementedError

    def state(self) -> dict[str, np.ndarray]:
        """Return what further steps depend on, besides the settings, as numpy arrays."""
        self._current_averages()
        return {"steps": np.array(self.steps), **{k: to_host(v).copy() for k, v in self._vectors.items()}}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Set the state that `state` returned; floats of another precision are rounded.

        Raises:
            ValueError: The state is another optimiser's, the number of steps or a mean of squares is below 0, or a
                number is not finite. The optimiser is then unchanged.
        """
        mine = self.state()
        with np.errstate(over="ignore"):
            rounded = {
                name: array.astype(self._dtype)
                if name in self.averages and array.dtype.kind == "f"
                else array
                for name, array in arrays.items()
            }
        check_state(rounded, mine)
        for name in ("steps", *self.squares):
            check_none_negative(f"state: {name}", rounded[name])
        self.steps = int(rounded["steps"])
        for name, vector in self._vectors.items():
            vector[...] = arrays_holding(vector).to_device(rounded[name])


def _check_iterable(parameters: Any) -> None:
    if not isinstance(parameters, Iterable):
        raise ValueError(f"parameters: expected a list of tensors, got {quote(parameters)}")


def _check_rate(rate: Rate) -> Rate:
    return rate if callable(rate) else check_rate(rate)


def _rate_at(rate: Rate, step: int, where: str = "") -> float:
    return check_rate(rate(step), f" at step {step}{where}") if callable(rate) else rate


def _has_finite_norm(vector: Any) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(vector.dot(vector))
