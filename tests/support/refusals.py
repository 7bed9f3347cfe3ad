"""Checks that something is refused with a message."""

import re

import pytest


def refuses(message, kind=ValueError):
    """Expect an exception of this kind within the context, whose message begins with this text."""
    return pytest.raises(kind, match=f"^{re.escape(message)}")


def refused(call, message, kind=ValueError):
    """Check that the call raises an exception of this kind with exactly this message."""
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
