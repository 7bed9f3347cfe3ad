"""Format values, names and errors for error messages: short, and on one line."""

from __future__ import annotations

import contextlib
import difflib
import math
import reprlib
from collections.abc import Iterable, Iterator
from typing import Any

_MOST = 200  # characters of a value in a message
_LONGEST_NAME = 60  # characters; difflib takes quadratic time, and no valid name is as long


class _Short(reprlib.Repr):
    """A `repr` that stays short and quick for any value from a file or a caller."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxtuple, self.maxdict = 2, 6, 6, 4
        self.maxstring, self.maxother = 60, 120

    def repr_int(self, x: int, level: int) -> str:
        """Return the digits, or for a huge int their number: Python refuses to print more than 4,300."""
        if x.bit_length() <= 128:
            return repr(x)
        return f"an integer of {math.floor(x.bit_length() * math.log10(2)) + 1} digits"

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x) if len(x) <= self.maxstring else f"{x[: self.maxstring]!r}..."

    def repr_ndarray(self, x: Any, level: int) -> str:
        """Return the shape, which says more than the numbers."""
        return f"an array of shape {x.shape}"

    def repr_instance(self, x: Any, level: int) -> str:
        """Return the object's repr; the default one, an address in memory, is replaced by the class."""
        if type(x).__repr__ is object.__repr__:
            return f"a {type(x).__name__}"
        return super().repr_instance(x, level)


_SHORT = _Short()


def quote(value: Any) -> str:
    """Return `repr(value)` on one line, cut to a length that suits a message."""
    return shorten(_SHORT.repr(value))


def shorten(text: str, most: int = _MOST) -> str:
    """Return `text` on one line with control characters escaped; cut its middle if it exceeds `most` characters."""
    text = " ".join(line.strip() for line in text.splitlines() if line.strip())
    if not text.isprintable():  # terminals obey control characters, and surrogates cannot be encoded
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-(most // 2) :]}"


def summarise_error(error: BaseException) -> str:
    """Return the exception's type and message as one short line."""
    return shorten(f"{type(error).__name__}: {error}", 500)


@contextlib.contextmanager
def restate_errors(
    prefix: str = "", kind: type[ValueError] = ValueError, most: int | None = None
) -> Iterator[None]:
    """Replace a ValueError that the context raises.

    Args:
        prefix: What to put before its message, such as "genome: ".
        kind: The class of the new error.
        most: Characters to which its message is shortened; None: it stays whole.
    """
    try:
        yield
    except ValueError as error:
        message = str(error) if most is None else shorten(str(error), most)
        raise kind(prefix + message) from None


def find_similar(name: Any, known: Iterable[str]) -> str | None:
    """Return the known name whose spelling is closest to `name`; None if none is close, or `name` is no text."""
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        return None
    return next(iter(difflib.get_close_matches(name, known, 1)), None)
