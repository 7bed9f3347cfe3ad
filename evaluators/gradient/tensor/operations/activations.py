"""The activations of `neat.activations` that have a useful derivative, as operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.operations.elementwise import operands
from evaluators.gradient.tensor.tensor import Tensor, record
from neat.activations import activation_index

_SELU = 1.0507009873554805  # λ of Klambauer et al. 2017, equation 2
_SELU_ALPHA = _SELU * 1.6732632423543772


def _sigmoid(xp: Any, x: Any) -> Any:
    return xp.exp(xp.minimum(x, 0)) / (1 + xp.exp(-abs(x)))  # does not overflow


def _relu(xp: Any, x: Any) -> Any:
    zero = xp.zeros_like(x)  # numpy takes four times as long with the number 0
    return xp.maximum(x, zero, out=zero)


def _softplus(xp: Any, x: Any) -> Any:
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-abs(x)))


def _inverse(xp: Any, x: Any) -> Any:
    zero = x == 0
    return ~zero / (x + zero)


def _within(x: Any, limit: float) -> Any:
    return abs(x) <= limit


def _leaky(slope: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return lambda xp, x: xp.where(x > 0, x, slope * x), lambda xp, x, y: xp.where(x > 0, 1, slope).astype(
        x.dtype
    )


def _exponential_unit(scale: float, alpha: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def value(xp: Any, x: Any) -> Any:
        return scale * xp.maximum(x, 0) + alpha * xp.expm1(xp.minimum(x, 0))

    def slope(xp: Any, x: Any, y: Any) -> Any:
        return xp.where(x > 0, scale, y + alpha)

    return value, slope


def _steep_sigmoid(factor: float, limit: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return (
        lambda xp, x: _sigmoid(xp, xp.clip(factor * x, -limit, limit)),
        lambda xp, x, y: factor * y * (1 - y) * _within(factor * x, limit),
    )


# Name: (value y of x, slope from x and y).
_TABLE: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sigmoid": (_sigmoid, lambda xp, x, y: y * (1 - y)),
    "tanh": (lambda xp, x: xp.tanh(x), lambda xp, x, y: 1 - y * y),
    "relu": (_relu, lambda xp, x, y: x > 0),
    "identity": (lambda xp, x: x.copy(), lambda xp, x, y: xp.ones_like(x)),
    "steepened_sigmoid": (lambda xp, x: _sigmoid(xp, 4.9 * x), lambda xp, x, y: 4.9 * y * (1 - y)),
    "gauss": (lambda xp, x: xp.exp(-x * x), lambda xp, x, y: -2 * x * y),
    "sin": (lambda xp, x: xp.sin(x), lambda xp, x, y: xp.cos(x)),
    "cos": (lambda xp, x: xp.cos(x), lambda xp, x, y: -xp.sin(x)),
    "elu": _exponential_unit(1.0, 1.0),
    "lelu": _leaky(0.005),
    "selu": _exponential_unit(_SELU, _SELU_ALPHA),
    "softplus": (_softplus, lambda xp, x, y: _sigmoid(xp, x)),
    "clamped": (lambda xp, x: xp.clip(x, -1, 1), lambda xp, x, y: _within(x, 1)),
    "inv": (_inverse, lambda xp, x, y: -y * y),
    "log": (lambda xp, x: xp.log(xp.maximum(x, 1e-7)), lambda xp, x, y: (x > 1e-7) / xp.maximum(x, 1e-7)),
    "exp": (lambda xp, x: xp.exp(xp.clip(x, -60, 60)), lambda xp, x, y: y * _within(x, 60)),
    "abs": (lambda xp, x: abs(x), lambda xp, x, y: xp.sign(x)),
    "hat": (lambda xp, x: xp.maximum(1 - abs(x), 0), lambda xp, x, y: -xp.sign(x) * (y > 0)),
    "square": (lambda xp, x: x * x, lambda xp, x, y: 2 * x),
    "cube": (lambda xp, x: x * x * x, lambda xp, x, y: 3 * x * x),
    "scaled_sigmoid": _steep_sigmoid(5.0, 60.0),
    "scaled_tanh": (
        lambda xp, x: xp.tanh(xp.clip(2.5 * x, -60, 60)),
        lambda xp, x, y: 2.5 * (1 - y * y) * _within(2.5 * x, 60),
    ),
    "scaled_sin": (
        lambda xp, x: xp.sin(xp.clip(5 * x, -60, 60)),
        lambda xp, x, y: 5 * xp.cos(5 * x) * _within(5 * x, 60),
    ),
    "scaled_gauss": (
        lambda xp, x: xp.exp(-5 * xp.clip(x, -3.4, 3.4) ** 2),
        lambda xp, x, y: -10 * x * y * _within(x, 3.4),
    ),
    "scaled_softplus": (
        lambda xp, x: _softplus(xp, xp.clip(5 * x, -60, 60)) / 5,
        lambda xp, x, y: _sigmoid(xp, 5 * x) * _within(5 * x, 60),
    ),
}

DIFFERENTIABLE = tuple(_TABLE)


def check_differentiable(name: str) -> None:
    """Raise ValueError unless the activation is in `neat.activations` and has a useful derivative."""
    activation_index(name)
    if name not in _TABLE:
        known = ", ".join(DIFFERENTIABLE)
        raise ValueError(f"activation {name!r} has no derivative to train with; those that have: {known}")


def activate(name: str, x: Any) -> Tensor:
    """Apply an activation of `neat.activations`, by name, to each element."""
    check_differentiable(name)
    value, slope = _TABLE[name]
    (x,) = operands(name, x)
    xp = namespace(x._data)
    y = value(xp, x._data)
    return record(name, y, (x,), lambda g: (g * slope(xp, x._data, y),))


def sigmoid(x: Any) -> Tensor:
    """Return 1 / (1 + e^−x)."""
    return activate("sigmoid", x)


def tanh(x: Any) -> Tensor:
    """Return the hyperbolic tangent."""
    return activate("tanh", x)


def relu(x: Any) -> Tensor:
    """Return max(x, 0)."""
    return activate("relu", x)
