"""Reading files that anybody may have made."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from neat.support.files import as_path
from neat.support.messages import cut

MOST_SETTINGS_BYTES = 2**17
"""Most bytes of a file with settings; real ones have some thousands."""


def read_regular(path: str | Path, most: int | None = None) -> bytes:
    """The content of a regular file; a pipe could make the caller wait for ever.

    Args:
        path: The file.
        most: Bytes that it may have; None for any number.

    Raises:
        ValueError: The file cannot be read or is larger; the message names it.
    """
    path = as_path(path)
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            raise ValueError(f"is {'a folder' if stat.S_ISDIR(kind) else 'no regular file'}")
        with open(path, "rb") as file:
            content = file.read(-1 if most is None else most + 1)
        if most is not None and len(content) > most:
            raise ValueError(f"is larger than the {most:,} bytes that such a file may have")
        return content
    except OSError as error:
        raise ValueError(f"{shorten_path(path)}: cannot be read: {error.strerror}") from None
    except MemoryError:
        raise ValueError(f"{shorten_path(path)}: cannot be read: it does not fit in the memory") from None
    except ValueError as error:
        raise ValueError(f"{shorten_path(path)}: {error}") from None


def read_text(path: str | Path, most: int) -> str:
    """The text of a UTF-8 file, a byte order mark left out.

    Args:
        path: A regular file.
        most: Bytes that it may have.

    Raises:
        ValueError: As `read_regular`, or the file is not UTF-8; the message names it.
    """
    content = read_regular(path, most)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{shorten_path(path)}: must be UTF-8 text, byte {error.start} is not") from None


def shorten_path(path: str | Path) -> str:
    """The path as a message names it."""
    return cut(str(path), 500)
