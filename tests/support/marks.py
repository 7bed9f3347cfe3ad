"""Marks of parameters."""

import pytest


def mark_long(names, short):
    """Return the names as parameters, of which those that are not in `short` are marked as long."""
    return [pytest.param(name, marks=() if name in short else pytest.mark.long) for name in names]
