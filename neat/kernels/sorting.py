"""Sort numbers in kernels."""

from __future__ import annotations

import numpy as np

from neat.kernels.jit import inner_function

_SIGN = np.uint64(1 << 63)
_BYTE = np.uint64(255)


@inner_function(inline="never", allocates=True)
def descending(value):
    """Return the indices that sort float64 values in descending order, equal ones by index (radix sort by bytes)."""
    count = len(value)
    bits = value.view(np.uint64)
    key = np.empty(count, np.uint64)
    order, spare = np.empty(count, np.int64), np.empty(count, np.int64)
    for position in range(count):
        # The key, an unsigned number, falls as the value rises. -0 has the key of 0.
        word = bits[position] if value[position] != 0 else np.uint64(0)
        key[position] = word if word & _SIGN else ~(word | _SIGN)
        order[position] = position
    start = np.empty(257, np.int64)
    for shift in range(0, 64, 8):
        for digit in range(257):
            start[digit] = 0
        for position in range(count):
            start[np.int64((key[position] >> np.uint64(shift)) & _BYTE) + 1] += 1
        if count == 0 or start[np.int64((key[0] >> np.uint64(shift)) & _BYTE) + 1] == count:
            continue
        for digit in range(256):
            start[digit + 1] += start[digit]
        for position in range(count):
            place = np.int64((key[order[position]] >> np.uint64(shift)) & _BYTE)
            spare[start[place]] = order[position]
            start[place] += 1
        order, spare = spare, order
    return order


@inner_function
def count_below(values, limit):
    """Return the number of elements of an ascending array that are less than `limit`.

    `np.searchsorted` does so too, but it makes each process that loads the kernel import SciPy's linear algebra.
    """
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < limit:
            low = middle + 1
        else:
            high = middle
    return low
