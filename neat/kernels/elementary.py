"""Compute elementary functions in float32 without branches, so that LLVM can vectorise loops over them.

Each takes and returns one float32. They use only additions, products, divisions, selections and the bits of a number,
and do not call the machine's libm, so all backends use the same formulas. Unless a docstring says otherwise, the
relative error is at most 4e-7 where the result is a normal number. Infinities and NaN are treated as in IEEE 754, but
the sign of a zero can differ. The polynomials are minimax fits in relative error (by Lawson's reweighted least squares)
on the interval to which the argument is reduced.
"""

from __future__ import annotations

import numpy as np

from neat.kernels.jit import function, inner_function

_0 = np.float32(0.0)
_HALF = np.float32(0.5)
_1 = np.float32(1.0)
_INFINITY = np.float32(np.inf)
_NAN = np.float32(np.nan)
_SMALLEST_NORMAL = np.float32(2.0**-126)

# Adding 1.5 · 2^23 to a float32 rounds it to an integer, which is then in the low bits of the sum.
_ROUNDER = np.float32(12582912.0)
_ROUNDER_BITS = np.int32(0x4B400000)
_MANTISSA_BITS = np.int32(23)
_ONE_BITS = np.int32(0x3F800000)

_LOG2_E = np.float32(1.442695)
# ln 2 as a sum of two parts (Cody and Waite 1980); the product of the first with an exponent is exact.
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.1219444e-4)
# Above the first, exp is infinity in float32; below the second, it is 0.
_EXP_HIGHEST = np.float32(89.0)
_EXP_LOWEST = np.float32(-104.0)

# The bits of 1/sqrt(2); log scales the mantissa to [1/sqrt(2), sqrt(2)).
_SQRT_HALF_BITS = np.int32(0x3F3504F3)
_TWO_TO_23 = np.float32(2.0**23)
_23 = np.float32(23.0)

_TWO_OVER_PI = np.float32(0.63661977)
# π/2 as a sum of three parts; the products of the first two with a quadrant number below 2^16 are exact.
_HALF_PI_HIGH = np.float32(1.5703125)
_HALF_PI_MIDDLE = np.float32(4.825592041015625e-4)
_HALF_PI_LOW = np.float32(1.2675908e-6)
# Slightly more than π/4, because the quadrant number is rounded from an inexact product.
_SIN_LIMIT = np.float32(0.79)

_TANH_LIMIT = np.float32(9.0)


@inner_function(contract=True)
def _power_of_two(exponent):
    """Return 2^exponent for an int32 exponent from -126 to 127."""
    return np.int32(_ONE_BITS + np.int32(exponent << _MANTISSA_BITS)).view(np.float32)


@inner_function(contract=True)
def _reduce_exp(x):
    """Return (r, q, n) with x = r + n ln 2, |r| <= ln 2 / 2, q = e^r - 1 - r, n an int32; x is within exp's limits."""
    shifted = x * _LOG2_E + _ROUNDER
    n = shifted - _ROUNDER
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = np.float32(0.00138825)
    p = p * r + np.float32(0.00836652)
    p = p * r + np.float32(0.0416672)
    p = p * r + np.float32(0.16666544)
    p = p * r + np.float32(0.49999998)
    return r, p * r * r, np.int32(np.float32(shifted).view(np.int32) - _ROUNDER_BITS)


@inner_function(contract=True)
def _limit_exp(x):
    x = _EXP_HIGHEST if x > _EXP_HIGHEST else x
    return _EXP_LOWEST if x < _EXP_LOWEST else x


@function(contract=True)
def exp(x):
    """Return e^x."""
    r, q, n = _reduce_exp(_limit_exp(x))
    # 2^n is split into two factors because n, from -150 to 128, can exceed the exponents of normal numbers.
    half = np.int32(n >> np.int32(1))
    return (q + r + _1) * _power_of_two(half) * _power_of_two(np.int32(n - half))


@function(contract=True)
def expm1(x):
    """Return e^x - 1, also accurate near 0; infinity from x = 88.38 on."""
    r, q, n = _reduce_exp(_limit_exp(x))
    half = np.int32(n >> np.int32(1))
    first, second = _power_of_two(half), _power_of_two(np.int32(n - half))
    power = first * second
    # e^x - 1 = (q + r) 2^n + (2^n - 1)
    scaled = (q + r) * first * second
    result = scaled + (power - _1)
    return _INFINITY if x > np.float32(88.72284) else result


@function(contract=True)
def log(x):
    """Return the natural logarithm of x, -infinity for 0 and NaN below 0."""
    subnormal = x < _SMALLEST_NORMAL
    bits = np.float32(x * _TWO_TO_23 if subnormal else x).view(np.int32)
    # The exponent that leaves a mantissa in [1/sqrt(2), sqrt(2)).
    exponent = np.int32(np.int32(bits - _SQRT_HALF_BITS) >> _MANTISSA_BITS)
    f = np.int32(bits - np.int32(exponent << _MANTISSA_BITS)).view(np.float32) - _1
    n = np.float32(exponent) - (_23 if subnormal else _0)
    p = np.float32(-0.07634493)
    p = p * f + np.float32(0.12761576)
    p = p * f + np.float32(-0.13160183)
    p = p * f + np.float32(0.14201758)
    p = p * f + np.float32(-0.16623357)
    p = p * f + np.float32(0.20001227)
    p = p * f + np.float32(-0.25000821)
    p = p * f + np.float32(0.33333332)
    square = f * f
    result = (p * f * square + n * _LN2_LOW) - _HALF * square + f + n * _LN2_HIGH
    result = result if x < _INFINITY else x  # returns infinity and NaN as they are
    result = -_INFINITY if x == _0 else result
    return _NAN if x < _0 else result


@function(contract=True)
def log1p(x):
    """Return log(1 + x) for x > -1, also accurate near 0."""
    u = _1 + x
    # Corrects the rounding of 1 + x, to first order (Goldberg 1991, theorem 4, in the form of a correction).
    correction = (x - (u - _1)) / u
    # The correction is NaN where u is 0 or infinite.
    return log(u) + (correction if correction == correction else _0)


@inner_function(contract=True)
def _sin_of_quadrant(x, shift):
    """Return sin(x + shift · π/2)."""
    shifted = x * _TWO_OVER_PI + _ROUNDER
    n = shifted - _ROUNDER
    r = x - n * _HALF_PI_HIGH - n * _HALF_PI_MIDDLE - n * _HALF_PI_LOW
    # This keeps the result between -1 and 1 where x is too large for the reduction.
    r = _SIN_LIMIT if r > _SIN_LIMIT else r
    r = -_SIN_LIMIT if r < -_SIN_LIMIT else r
    quadrant = np.int32(np.float32(shifted).view(np.int32) + np.int32(shift))
    s = r * r
    sine = np.float32(-0.0001951146)
    sine = sine * s + np.float32(0.008332133)
    sine = sine * s + np.float32(-0.1666665418)
    sine = sine * s * r + r
    cosine = np.float32(2.4428786e-05)
    cosine = cosine * s + np.float32(-1.3887279e-03)
    cosine = cosine * s + np.float32(4.1666645e-02)
    cosine = cosine * s * s + (_1 - _HALF * s)
    result = cosine if np.int32(quadrant & np.int32(1)) != 0 else sine
    return -result if np.int32(quadrant & np.int32(2)) != 0 else result


@function(contract=True)
def sin(x):
    """Return sin x, with an absolute error of at most 2e-7 for |x| <= 100,000; beyond, only |sin x| <= 1 holds."""
    return _sin_of_quadrant(x, 0)


@function(contract=True)
def cos(x):
    """Return cos x, with an absolute error of at most 2e-7 for |x| <= 100,000; beyond, only |cos x| <= 1 holds."""
    return _sin_of_quadrant(x, 1)


@function(contract=True)
def tanh(x):
    """Return the hyperbolic tangent of x."""
    # x P(x²) / Q(x²) for |x| <= 9; beyond, tanh is ±1 in float32. All terms are positive, so none cancel.
    limited = _TANH_LIMIT if x > _TANH_LIMIT else x
    limited = -_TANH_LIMIT if limited < -_TANH_LIMIT else limited
    s = limited * limited
    p = np.float32(1.335447791890e-8)
    p = p * s + np.float32(2.060894499270e-5)
    p = p * s + np.float32(3.495579662700e-3)
    p = p * s + np.float32(0.1338101850562)
    p = p * s + _1
    q = np.float32(7.776481600718e-7)
    q = q * s + np.float32(3.285621039311e-4)
    q = q * s + np.float32(2.587694995608e-2)
    q = q * s + np.float32(0.4671433410266)
    q = q * s + _1
    result = limited * (p / q)
    result = _1 if result > _1 else result
    return -_1 if result < -_1 else result
