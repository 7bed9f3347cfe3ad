"""Sorting and searching in kernels, beside NumPy's."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neat.kernels.jit import kernel
from neat.kernels.sorting import count_below


@kernel
def count(values, limit):
    return count_below(values, limit)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(-5, 5), max_size=12), st.integers(-6, 6))
def test_elements_below_a_limit_are_counted(values, limit):
    ascending = np.sort(np.array(values, np.int64))
    assert count(ascending, limit) == np.searchsorted(ascending, limit)


def test_an_array_of_int32_and_extreme_limits():
    ascending = np.array([-(2**31), 0, 2**31 - 1], np.int32)
    for limit in (-(2**63), -(2**31), 1, 2**31 - 1, 2**31, 2**63 - 1):
        assert count(ascending, limit) == np.searchsorted(ascending, limit)
