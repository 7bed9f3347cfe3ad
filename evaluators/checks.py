"""Checks of callers' arguments, which raise ValueErrors of one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluators.devices import HOST, Arrays
from neat.genome.genome import Genome, Genomes
from neat.support.archive import check_arrays
from neat.support.messages import quote, shorten
from neat.support.validation import check_unmasked


def as_float32(name: str, value: Any, arrays: Arrays = HOST) -> Any:
    """Return `value` as a device's float32 array; ValueError, which names it, unless all are finite in float32."""
    return _as_finite(name, value, np.float32, arrays)


def as_float64(name: str, value: Any) -> np.ndarray:
    """Return `value` as a float64 array; ValueError, which names it, unless all numbers are finite."""
    return _as_finite(name, value, np.float64, HOST)


def _as_finite(name: str, value: Any, dtype: Any, arrays: Arrays) -> Any:
    try:
        array = arrays.to_device(value)
    except ValueError:
        raise ValueError(f"{name}: expected an array of numbers, got rows of different lengths") from None
    except TypeError:  # raised by cupy
        where = "the host's memory" if arrays is HOST else f"the memory of {arrays.device}"
        raise ValueError(f"{name}: expected an array in {where}, got {type(value).__name__}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected an array of numbers, got dtype {array.dtype}")
    check_unmasked(name, value)
    xp = arrays.xp
    with np.errstate(over="ignore"):
        result = xp.ascontiguousarray(array, dtype)
    finite = xp.isfinite(result)
    if not finite.all():
        position = tuple(int(i) for i in xp.argwhere(~finite)[0])
        wrong = array.reshape(result.shape)[position]  # `result` has one dimension where `array` has none
        raise ValueError(f"{name}: expected finite {result.dtype} numbers, got {wrong} at {position}")
    return result


def as_batch(genomes: Genomes | Genome) -> Genomes:
    """Return genomes as they are, and a single genome as Genomes; ValueError for anything else."""
    batch = genomes.genomes if isinstance(genomes, Genome) else genomes
    if not isinstance(batch, Genomes):
        raise ValueError(f"genomes: expected neat.Genomes or neat.Genome, got {type(genomes).__name__}")
    return batch


def as_genome(name: str, genome: Any) -> Genome:
    """Return a single genome; ValueError, which names it, for anything else."""
    if not isinstance(genome, Genome):
        raise ValueError(f"{name}: expected neat.Genome, got {type(genome).__name__}")
    return genome


def check_current(genomes: Genomes) -> None:
    """Raise ValueError if genomes are invalid, or a population has reused their arrays (detected in most cases)."""
    arrays = genomes.to_kernel()
    if arrays.node_offset[-1] != len(arrays.node_id) or arrays.connection_offset[-1] != len(
        arrays.connection_innovation
    ):
        raise ValueError(
            f"genomes: a later generation has overwritten the arrays of generation {genomes.generation}; keep a copy, "
            "such as genomes.take(range(len(genomes)))"
        )


def check_size(name: str, dimension: str, got: int, expected: int) -> None:
    """Raise ValueError unless a dimension has the expected size."""
    if got != expected:
        raise ValueError(f"{name}: expected {expected} {dimension}, got {got}")


def check_count(name: str, value: Any, least: int = 1, most: int = 2**24 - 1) -> None:
    """Raise ValueError unless `value` is an integer in this range."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ValueError(f"{name}: expected an integer from {least} to {most}, got {quote(value)}")


def is_number(value: Any) -> bool:
    """Return whether `value` is a number of Python or NumPy, and not a bool."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def check_share(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is a number above 0 and at most 1."""
    if not is_number(value) or not 0 < value <= 1:
        raise ValueError(f"{name}: must be above 0 and at most 1, got {quote(value)}")


def check_not_negative(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is a finite number of at least 0."""
    if not is_number(value) or not 0 <= value < np.inf:
        raise ValueError(f"{name}: expected a finite number of at least 0, got {quote(value)}")


def check_seconds(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is a number of seconds, above 0 and at most 10⁶."""
    if not is_number(value) or not 0 < value <= 1e6:
        raise ValueError(f"{name}: expected seconds above 0 and at most 1e6, got {quote(value)}")


def check_state(arrays: Mapping[str, np.ndarray], own: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError unless a checkpoint's arrays are finite and have the names, dtypes and shapes of `own`."""
    if arrays.keys() != own.keys():
        raise ValueError(f"state: expected {shorten(', '.join(own))}, got {shorten(', '.join(arrays))}")
    try:
        check_arrays(arrays, {name: (array.dtype, array.shape) for name, array in own.items()})
    except ValueError as error:
        raise ValueError(f"state: {error}") from None
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"state: {name}: expected finite numbers")


def check_choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Raise ValueError unless `value` is one of the allowed ones."""
    if value not in allowed:
        raise ValueError(f"{name}: must be one of {', '.join(map(repr, allowed))}, got {quote(value)}")
