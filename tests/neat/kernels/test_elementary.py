import json
import math

import numpy as np
import pytest
from numba import njit

from neat.kernels import elementary
from tests.support.scripts import run_python

# Name, exact function of float64, lowest and highest |x|, whether x can be negative, relative and absolute tolerance.
CASES = [
    ("exp", np.exp, 1e-30, 87.0, True, 4e-7, 0.0),
    ("expm1", np.expm1, 1e-30, 87.0, True, 4e-7, 0.0),
    ("log", np.log, 1e-44, 3e38, False, 4e-7, 0.0),
    ("log1p", np.log1p, 1e-37, 3e38, False, 4e-7, 0.0),
    ("sin", np.sin, 1e-30, 1e5, True, 0.0, 2e-7),
    ("sin", np.sin, 1e-30, 1.5, True, 4e-7, 0.0),
    ("cos", np.cos, 1e-30, 1e5, True, 0.0, 2e-7),
    ("tanh", np.tanh, 1e-30, 3e38, True, 4e-7, 0.0),
]


def floats(lowest, highest, negative, count=300_000):
    """Return float32 numbers spread evenly over the bit patterns between two positive numbers."""
    bits = np.array([lowest, highest], np.float32).view(np.int32).astype(np.int64)
    x = np.linspace(*bits, count).astype(np.int32).view(np.float32)
    return np.concatenate([x, -x]) if negative else x


def over_arrays(function):
    """Return a compiled loop that applies a function to the elements of an array."""

    @njit
    def loop(x):
        y = np.empty_like(x)
        for i in range(len(x)):
            y[i] = function(x[i])
        return y

    return loop


@pytest.mark.parametrize(("name", "exact", "lowest", "highest", "negative", "relative", "absolute"), CASES)
def test_error_is_bounded_over_the_whole_range(name, exact, lowest, highest, negative, relative, absolute):
    x = floats(lowest, highest, negative)
    expected = exact(x.astype(np.float64))
    error = np.abs(over_arrays(getattr(elementary, name))(x) - expected)
    # A result below the normal numbers has fewer digits.
    assert (error <= np.maximum(relative * np.abs(expected) + absolute, 1.5e-45)).all()


NAN, INF = math.nan, math.inf
SPECIAL = {
    "exp": [(0, 1), (INF, INF), (-INF, 0), (NAN, NAN), (1000, INF), (-1000, 0), (89, INF)],
    "expm1": [(0, 0), (INF, INF), (-INF, -1), (NAN, NAN), (1000, INF), (-1000, -1)],
    "log": [(0, -INF), (INF, INF), (-1, NAN), (-INF, NAN), (NAN, NAN), (1, 0)],
    "log1p": [(0, 0), (INF, INF), (-1, -INF), (-2, NAN), (NAN, NAN)],
    "sin": [(0, 0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "cos": [(0, 1), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "tanh": [(0, 0), (INF, 1), (-INF, -1), (NAN, NAN), (100, 1)],
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name):
    for x, expected in SPECIAL[name]:
        y = getattr(elementary, name)(np.float32(x))
        np.testing.assert_allclose(y, expected, rtol=1e-6, err_msg=f"{name}({x})")


def test_subnormal_arguments():
    tiny = np.float32(1e-44)
    for name in ("expm1", "log1p", "sin", "tanh"):
        assert getattr(elementary, name)(tiny) == tiny
    assert elementary.log(tiny) == pytest.approx(math.log(float(tiny)), rel=4e-7)


def test_sin_and_cos_of_huge_arguments_stay_bounded():
    x = floats(1e5, 3e38, True)
    for function in (elementary.sin, elementary.cos):
        assert (np.abs(over_arrays(function)(x)) <= 1).all()


def test_a_single_call_and_a_vectorised_loop_agree():
    x = np.linspace(-8, 8, 1001, dtype=np.float32)
    for name in ("exp", "expm1", "sin", "cos", "tanh"):
        function = getattr(elementary, name)
        np.testing.assert_array_equal(over_arrays(function)(x), [np.float32(function(v)) for v in x])


PLAIN = """
import json, sys
import numpy as np
from neat.kernels import elementary
x = np.linspace(0.01, 8, 101, dtype=np.float32)
json.dump({name: [float(getattr(elementary, name)(v)) for v in x] for name in sys.argv[1:]}, sys.stdout)
"""


def test_results_without_the_compiler_differ_by_rounding_only():
    """The CUDA simulator runs them like this, with NumPy's scalars, which promote types by other rules than numba's."""
    printed = run_python("-W", "error", "-c", PLAIN, *SPECIAL, NUMBA_DISABLE_JIT="1")
    x = np.linspace(0.01, 8, 101, dtype=np.float32)
    for name, plain in json.loads(printed).items():
        np.testing.assert_allclose(plain, over_arrays(getattr(elementary, name))(x), rtol=5e-7, atol=2e-7)
