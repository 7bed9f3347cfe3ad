"""Targets of classification, which `Supervised` and the losses of gradient training share."""

from __future__ import annotations

from typing import Any


def one_hot(labels: Any, classes: int, xp: Any, dtype: Any) -> Any:
    """Return 1 for the class of each label and 0 for the others.

    Args:
        labels: Integers from 0, an array of numpy or cupy of shape (…).
        classes: The number of classes.
        xp: numpy or cupy.
        dtype: The dtype of the result.

    Returns:
        An array of shape (…, classes).
    """
    return (labels[..., None] == xp.arange(classes)).astype(dtype)


def check_probabilities(name: str, array: Any) -> None:
    """Raise a ValueError, which begins with the name, unless all numbers are from 0 to 1."""
    outside = (array < 0) | (array > 1)
    if outside.any():
        raise ValueError(f"{name}: expected probabilities from 0 to 1, got {float(array[outside][0])}")
