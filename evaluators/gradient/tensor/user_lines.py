"""The line of a user's code that led to the current call, for messages and for numpy's warnings."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any

import numpy as np

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
_LIBRARY = tuple(os.path.join(_ROOT, package, "") for package in ("evaluators", "neat"))


def _is_ours(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file.startswith(_LIBRARY) or file == contextlib.__file__


def describe_user_line() -> str:
    """Return the file and line of the innermost call outside this library, such as "model.py, line 14"."""
    stack = traceback.walk_stack(sys._getframe())
    frame, line = next((frame, line) for frame, line in stack if not _is_ours(frame))
    return f"{os.path.basename(frame.f_code.co_filename)}, line {line}"


@contextlib.contextmanager
def warnings_at_user_lines() -> Iterator[None]:
    """Let numpy's warnings name the user's line, and the operation, within the block; silenced ones stay silent."""
    shown: Any = {kind: "call" for kind, mode in np.geterr().items() if mode == "warn"}
    with np.errstate(call=_warn, **shown):
        yield


def _warn(kind: str, flag: int) -> None:
    frames = (frame for frame, _ in traceback.walk_stack(sys._getframe()))
    names = [frame.f_code.co_qualname.split(".")[0] for frame in itertools.takewhile(_is_ours, frames)]
    operation = next((name for name in names if not name.startswith(("_", "<"))), "a function")
    warnings.warn(f"{kind} encountered in {operation}", RuntimeWarning, stacklevel=len(names) + 1)
