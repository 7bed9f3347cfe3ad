"""Arithmetic with angles in float32."""

from __future__ import annotations

import numpy as np

from neat.kernels.jit import inner_function

_TURNS = np.float32(0.5 / np.pi)  # per radian
# 2π in two parts; the product of the first with a number of turns below 2^12 is exact.
_TAU_HIGH = np.float32(6.28125)
_TAU_LOW = np.float32(2 * np.pi - 6.28125)
# Adding 1.5 · 2^23 to a float32 rounds it to an integer.
_ROUNDER = np.float32(12582912.0)


@inner_function
def wrapped(angle):
    """Return the same angle (rad, float32) between -π and π, up to rounding; valid for up to 4,000 turns.

    It has no branch, so that a loop over episodes can be vectorised.
    """
    turns = (angle * _TURNS + _ROUNDER) - _ROUNDER
    return angle - turns * _TAU_HIGH - turns * _TAU_LOW
