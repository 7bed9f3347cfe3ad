"""Read untrusted files: only regular ones, up to a given size."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from neat.support.files import as_path
from neat.support.messages import restate_errors, shorten

MOST_SETTINGS_BYTES = 2**17
"""Largest allowed size of a settings file; real ones have a few thousand bytes."""


def read_regular(path: str | Path, most: int | None = None) -> bytes:
    """Return the content of a regular file; reading a pipe could block forever.

    Args:
        path: The file.
        most: The largest allowed size in bytes; None for any size.

    Raises:
        ValueError: The file cannot be read or is too large; the message names it.
    """
    path = as_path(path)
    with restate_errors(f"{shorten_path(path)}: "):
        try:
            kind = os.stat(path).st_mode
            if not stat.S_ISREG(kind):
                raise ValueError(f"is {'a folder' if stat.S_ISDIR(kind) else 'not a regular file'}")
            with open(path, "rb") as file:
                content = file.read(-1 if most is None else most + 1)
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
        except MemoryError:
            raise ValueError("cannot be read: it does not fit in memory") from None
        if most is not None and len(content) > most:
            raise ValueError(f"is larger than the allowed {most:,} bytes")
    return content


def read_text(path: str | Path, most: int) -> str:
    """Return the text of a UTF-8 file without its byte order mark.

    Args:
        path: A regular file.
        most: The largest allowed size in bytes.

    Raises:
        ValueError: The file cannot be read, is too large, or is not UTF-8; the message names it.
    """
    content = read_regular(path, most)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{shorten_path(path)}: must be UTF-8 text, byte {error.start} is not") from None


def parse_json(text: str) -> Any:
    """Return the content of JSON, which has no NaN and no infinity, unlike what Python's parser takes.

    Raises:
        ValueError: The text is not JSON.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def shorten_path(path: str | Path) -> str:
    """Return the path as text for a message: on one line, at most 500 characters."""
    return shorten(str(path), 500)
