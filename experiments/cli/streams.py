"""Standard output and error whose failures do not end a run."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO


class Stream:
    """A text stream that escapes characters outside its encoding and drops text that it cannot write.

    A closed pipe, a full disk or a closed terminal loses text, but does not end the run.

    Args:
        stream: The stream to write to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the text, or drop it if that fails."""
        try:
            self._stream.write(text)
        except OSError as error:
            self._discard_output(error)
        return len(text)

    def flush(self) -> None:
        """Write the buffer, or drop it if that fails."""
        try:
            self._stream.flush()
        except OSError as error:
            self._discard_output(error)

    def _discard_output(self, error: OSError) -> None:
        """Send the buffer and all later text to the null device. Warn, unless the reader of a pipe has ended."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)
        if self is sys.stdout and not isinstance(error, BrokenPipeError):
            print(f"warning: standard output: {error.strerror}; the rest of it is lost", file=sys.stderr)


def protect() -> None:
    """Replace the standard output and error of this process by `Stream` objects."""
    # If a standard stream is closed, the first file that the run opens would take its number.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    null = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stdout, sys.stderr = (Stream(stream or null) for stream in (sys.stdout, sys.stderr))
