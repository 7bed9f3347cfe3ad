"""Conversion of observations to the form that their Gymnasium space describes, and refusal of those that differ.

Gymnasium is optional: this module is imported only where an environment exists. Worker processes get its functions by
value, so it imports nothing of this package.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces


class InvalidResult(ValueError):
    """An environment returned an invalid value; the message is one line without the environment's name."""


def convert_to_space(space: spaces.Space[Any], value: Any, place: str = "observation") -> Any:
    """Return `value` in the form that the space describes. Numbers of a Box may lie outside its bounds.

    Args:
        space: A space that Gymnasium can flatten: Box, Discrete, MultiDiscrete, MultiBinary, Text, and Dict, Tuple and
            OneOf of these.
        value: An observation, or a part of one.
        place: Name of the part, for the message.

    Raises:
        InvalidResult: The value has another shape or dtype, or lies outside a space of integers.
    """
    if isinstance(space, spaces.Box):
        return _convert_box(space, value, place)
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        return _convert_integers(space, value, place)
    if isinstance(space, spaces.Dict):
        if not isinstance(value, dict) or value.keys() != space.spaces.keys():
            got = f"a dictionary of {list(value)}" if isinstance(value, dict) else _describe(value)
            raise InvalidResult(f"expected {place} as a dictionary of {list(space.spaces)}, got {got}")
        return {
            key: convert_to_space(part, value[key], f"{place}[{key!r}]") for key, part in space.spaces.items()
        }
    if isinstance(space, spaces.Tuple):
        if not isinstance(value, tuple | list) or len(value) != len(space.spaces):
            got = f"{len(value)} values" if isinstance(value, tuple | list) else _describe(value)
            raise InvalidResult(f"expected {place} as a tuple of {len(space.spaces)} values, got {got}")
        pairs = zip(space.spaces, value, strict=True)
        return tuple(convert_to_space(part, each, f"{place}[{k}]") for k, (part, each) in enumerate(pairs))
    if isinstance(space, spaces.OneOf) and isinstance(value, tuple) and len(value) == 2:
        kind = _convert_integers(spaces.Discrete(len(space.spaces)), value[0], f"{place}[0]")
        return kind, convert_to_space(space.spaces[kind], value[1], f"{place}[1]")
    if not space.contains(value):
        raise InvalidResult(f"expected {place} in {space}, got {value!r}")
    return value


def _convert_box(space: spaces.Box, value: Any, place: str) -> np.ndarray:
    array = _as_array(value)
    whole = np.issubdtype(space.dtype, np.integer) or space.dtype == np.bool_
    if array is not None and array.shape == space.shape and array.dtype.kind in ("iub" if whole else "iubf"):
        with np.errstate(over="ignore"):  # too large numbers become infinite, which the evaluator refuses
            fitting = array.astype(space.dtype)
        if not whole or np.array_equal(fitting, array):
            return fitting
    expected = f"{place} of shape {space.shape} and dtype {space.dtype}"
    raise InvalidResult(f"expected {expected}, got {_describe(value)}")


def _convert_integers(
    space: spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary, value: Any, place: str
) -> Any:
    low: Any
    count: Any
    if isinstance(space, spaces.MultiBinary):
        low, count = 0, 2
    else:
        low, count = space.start, space.n if isinstance(space, spaces.Discrete) else space.nvec
    low, count = np.int64(low), np.int64(count)  # their sum may exceed the space's own dtype
    array = _as_array(value)
    if array is None or array.shape != (space.shape or ()) or array.dtype.kind not in "iub":
        raise InvalidResult(
            f"expected {place} in {space}, integers of shape {space.shape or ()}, got {_describe(value)}"
        )
    if not ((array >= low) & (array < low + count)).all():
        raise InvalidResult(f"expected {place} in {space}, got {array.tolist()}")
    return array.astype(space.dtype)[()]


def _as_array(value: Any) -> np.ndarray | None:
    """Return an array; None if `value` is not one, or has masked elements, whose mask would be lost."""
    try:
        return None if _has_masked(value) else np.asarray(value)
    except (TypeError, ValueError):
        return None


def _has_masked(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_masked, value))
    return isinstance(value, np.ma.MaskedArray) and bool(np.ma.is_masked(value))


def _describe(value: Any) -> str:
    if isinstance(value, np.ma.MaskedArray):
        return f"a masked array of shape {value.shape}"
    if isinstance(value, np.ndarray | np.generic):
        content = f" ({value.tolist()!r})" if value.size <= 4 else ""
        return f"shape {value.shape} and dtype {value.dtype}{content}"
    array = _as_array(value)
    if array is not None and array.dtype.kind in "iubf":
        return f"{type(value).__name__} of shape {array.shape} ({value!r})"
    return f"{type(value).__name__} ({value!r})"
