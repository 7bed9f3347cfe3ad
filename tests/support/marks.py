"""Marks of parameters."""

import pytest

from tests.support.evolving import SCHEME_NAMES, SCHEMES

every_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=SCHEME_NAMES)


def mark_long(names, short):
    """Return the names as parameters, of which those that are not in `short` are marked as long."""
    return [pytest.param(name, marks=() if name in short else pytest.mark.long) for name in names]
