"""One definition, compiled for a float32 and applied to arrays, gives the same numbers."""

import numpy as np
import pytest

from neat.activations import ACTIVATIONS, BUILT_IN_ACTIVATIONS
from neat.kernels import elementwise
from neat.kernels.elementwise import ONE, exp, if_positive, indicator, number, softplus

BUILT_IN = ACTIVATIONS[:BUILT_IN_ACTIVATIONS]
FLOAT32 = np.dtype(np.float32)
# A fine grid, the limits and kinks of the activations with their neighbours, and numbers that overflow.
MARKS = np.array([1e-7, 1.0, 3.4, 12.0, 24.0, 60.0, 88.7, 104.0, 300.0], np.float32)
MARKS = np.concatenate([np.nextafter(MARKS, np.float32(0)), MARKS, np.nextafter(MARKS, np.float32(np.inf))])
GRID = np.concatenate([np.linspace(-8, 8, 2001, dtype=np.float32), MARKS, -MARKS])


def one_by_one(function, *columns):
    return np.array([function(*numbers) for numbers in zip(*columns, strict=True)])


@pytest.mark.parametrize("entry", BUILT_IN, ids=lambda entry: entry.name)
def test_activations_of_arrays_are_those_of_numbers(entry):
    y = elementwise.on_arrays(entry.function, np, FLOAT32)(GRID)
    assert y.dtype == np.float32
    # Rounding an argument moves the result by as much as the function is steep there.
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(y, one_by_one(entry.function, GRID), **close)
    if entry.slope is not None:
        slope = ONE * elementwise.on_arrays(entry.slope, np, FLOAT32)(GRID, y)
        assert slope.dtype == np.float32
        np.testing.assert_allclose(np.broadcast_to(slope, y.shape), one_by_one(entry.slope, GRID, y), **close)


def test_all_but_the_step_have_a_slope():
    assert [entry.name for entry in BUILT_IN if entry.slope is None] == ["step"]


def definition(x):
    return if_positive(x - ONE, number(0.1) * softplus(x), indicator(x > -ONE) / exp(x))


def test_a_constant_has_the_precision_of_the_arguments():
    x = np.array([-2.0, 0.5, 3.0])
    expected = np.array([0.0, np.exp(-0.5), 0.1 * np.log1p(np.exp(3.0))])
    for dtype, tolerance in ((np.float32, 1e-6), (np.float64, 1e-15)):
        result = elementwise.on_arrays(definition, np, np.dtype(dtype))(x.astype(dtype))
        assert result.dtype == dtype
        np.testing.assert_allclose(result, expected, rtol=tolerance)
    compiled = elementwise.compiled(definition)
    np.testing.assert_allclose(one_by_one(compiled, x.astype(np.float32)), expected, rtol=1e-6)
