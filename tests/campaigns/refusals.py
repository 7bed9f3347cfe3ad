"""The definition of a refusal: a `raise` statement of this library with a message of one short line."""

from __future__ import annotations

import linecache
import os
import traceback

from tests.support.paths import ROOT

OURS = tuple(f"{ROOT / package}{os.sep}" for package in ("neat", "evaluators", "experiments"))
REFUSALS = (ValueError, TypeError, IndexError, OverflowError, ImportError, AttributeError, RuntimeError)
LONGEST = 2000  # characters of a message


class Refused(Exception):
    """The message that a command printed about the exception which is the cause of this one."""


def flaw_of_refusal(error: Exception) -> str | None:
    """Return the reason why an exception is not a proper refusal, or None if it is one."""
    message = str(error)
    if isinstance(error, Refused):
        assert isinstance(error.__cause__, Exception)
        error = error.__cause__
    if not message.strip() or "\n" in message or len(message) > LONGEST:
        return f"the message has {len(message)} characters and {message.count(chr(10)) + 1} lines"
    if isinstance(error, OSError):  # raised by the system
        return None if error.filename else "a system error that names no file"
    if not isinstance(error, REFUSALS):
        return f"{type(error).__name__} is not a refusal"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(frame.filename, frame.lineno or 0).strip()
    if not frame.filename.startswith(OURS) or not line.startswith("raise"):
        return f"{type(error).__name__} was not raised by a statement of this library"
    return None
