"""Standard output and error that cannot make a run fail: they show any text, and outlive whoever reads them."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO


class Stream:
    """A text stream that escapes what its encoding does not have, and drops what nobody takes any more.

    A pipe whose reader has ended, a full disk or a terminal that has gone cost the text, not the run that writes it.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the text, or drop it."""
        try:
            self._stream.write(text)
        except OSError as error:
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Write what is in the buffer, or drop it."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Send what is in the buffer, and all that follows, to nowhere. A reader who has seen enough is not told."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        if self is sys.stdout and not isinstance(error, BrokenPipeError):
            print(f"warning: standard output: {error.strerror}; the rest of it is lost", file=sys.stderr)


def protect() -> None:
    """Let the process's standard output and error be such streams."""
    # Where one of them is closed, the first file that the run opens would become it.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stdout, sys.stderr = (Stream(stream or nowhere) for stream in (sys.stdout, sys.stderr))
