"""Checking the arrays that people pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from neat.genome import Genomes


def as_float32(name: str, value: Any) -> np.ndarray:
    """`value` as a float32 array, or a ValueError that names it: not numbers, NaN, or infinite in float32."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name}: expected an array of numbers, got rows of different lengths") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected an array of numbers, got dtype {array.dtype}")
    if array.dtype == np.float32:
        result = np.ascontiguousarray(array)
    else:
        with np.errstate(over="ignore"):
            result = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(result).all():
        position = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise ValueError(f"{name}: expected finite float32 numbers, got {array[position]} at {position}")
    return result


def check_current(genomes: Genomes) -> None:
    """ValueError if a population has used the arrays again for a later generation, which shows in most cases."""
    arrays = genomes.arrays
    if arrays.node_offset[-1] != len(arrays.node_id) or arrays.connection_offset[-1] != len(
        arrays.connection_innovation
    ):
        raise ValueError(
            f"genomes: those of generation {genomes.generation}, whose arrays hold a later one now; "
            "keep a copy, such as genomes.take(range(len(genomes)))"
        )


def check_size(name: str, dimension: str, got: int, expected: int) -> None:
    """ValueError unless a dimension has the size that it must have."""
    if got != expected:
        raise ValueError(f"{name}: expected {expected} {dimension}, got {got}")
