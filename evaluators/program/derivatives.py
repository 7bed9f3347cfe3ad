"""Slopes of the activations, for gradients through evolved networks.

Each activation of `neat.activations` that has a useful slope has a jitted function `slope(x, y)` of its input x and its
output y. At a kink, it returns the slope on one of the sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neat.kernels import elementary
from neat.kernels.jit import function

_0 = np.float32(0.0)
_1 = np.float32(1.0)
_60 = np.float32(60.0)


@function(contract=True)
def _sigmoid(x, y):
    return y * (_1 - y)


@function(contract=True)
def _tanh(x, y):
    return _1 - y * y


@function(contract=True)
def _relu(x, y):
    return _1 if x > _0 else _0


@function(contract=True)
def _identity(x, y):
    return _1


@function(contract=True)
def _steepened_sigmoid(x, y):
    return np.float32(4.9) * y * (_1 - y)


@function(contract=True)
def _gauss(x, y):
    return np.float32(-2.0) * x * y


@function(contract=True)
def _sin(x, y):
    return elementary.cos(x)


@function(contract=True)
def _cos(x, y):
    return -elementary.sin(x)


@function(contract=True)
def _elu(x, y):
    return _1 if x > _0 else y + _1


@function(contract=True)
def _lelu(x, y):
    return _1 if x > _0 else np.float32(0.005)


@function(contract=True)
def _selu(x, y):  # λ, and λα e^x = y + λα (Klambauer et al. 2017, equation 2)
    return np.float32(1.050701) if x > _0 else y + np.float32(1.7580993)


@function(contract=True)
def _softplus(x, y):
    return _1 / (_1 + elementary.exp(-x))


@function(contract=True)
def _clamped(x, y):
    return _1 if abs(x) <= _1 else _0


@function(contract=True)
def _inv(x, y):
    return -y * y


@function(contract=True)
def _log(x, y):
    return _1 / x if x > np.float32(1e-7) else _0


@function(contract=True)
def _exp(x, y):
    return y if abs(x) <= _60 else _0


@function(contract=True)
def _abs(x, y):
    return _1 if x > _0 else -_1 if x < _0 else _0


@function(contract=True)
def _hat(x, y):
    return -_abs(x, y) if y > _0 else _0


@function(contract=True)
def _square(x, y):
    return x + x


@function(contract=True)
def _cube(x, y):
    return np.float32(3.0) * x * x


@function(contract=True)
def _scaled_sigmoid(x, y):
    return np.float32(5.0) * y * (_1 - y)  # 0 in float32 where it is clamped


@function(contract=True)
def _scaled_tanh(x, y):
    return np.float32(2.5) * (_1 - y * y)  # 0 in float32 where it is clamped


@function(contract=True)
def _scaled_sin(x, y):
    z = np.float32(5.0) * x
    return np.float32(5.0) * elementary.cos(z) if abs(z) <= _60 else _0


@function(contract=True)
def _scaled_gauss(x, y):
    return np.float32(-10.0) * x * y if abs(x) <= np.float32(3.4) else _0


@function(contract=True)
def _scaled_softplus(x, y):
    z = np.float32(5.0) * x
    return _1 / (_1 + elementary.exp(-z)) if abs(z) <= _60 else _0


SLOPES: dict[str, Any] = {
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "relu": _relu,
    "identity": _identity,
    "steepened_sigmoid": _steepened_sigmoid,
    "gauss": _gauss,
    "sin": _sin,
    "cos": _cos,
    "elu": _elu,
    "lelu": _lelu,
    "selu": _selu,
    "softplus": _softplus,
    "clamped": _clamped,
    "inv": _inv,
    "log": _log,
    "exp": _exp,
    "abs": _abs,
    "hat": _hat,
    "square": _square,
    "cube": _cube,
    "scaled_sigmoid": _scaled_sigmoid,
    "scaled_tanh": _scaled_tanh,
    "scaled_sin": _scaled_sin,
    "scaled_gauss": _scaled_gauss,
    "scaled_softplus": _scaled_softplus,
}
