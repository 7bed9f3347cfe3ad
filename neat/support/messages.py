"""Values and names as error messages hold them: short, and on one line."""

from __future__ import annotations

import difflib
import math
import reprlib
from collections.abc import Iterable
from typing import Any

_MOST = 200  # characters of a value in a message
_LONGEST_NAME = 60  # difflib takes quadratic time; no right name is as long


class _Short(reprlib.Repr):
    """`repr` that stays short, and quick, for whatever a file or a caller hands over."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxtuple, self.maxdict = 2, 6, 6, 4
        self.maxstring, self.maxother = 60, 120

    def repr_int(self, x: int, level: int) -> str:
        """Digits of an int; Python itself refuses to write more than 4,300 of them."""
        if x.bit_length() <= 128:
            return repr(x)
        return f"an integer of {math.floor(x.bit_length() * math.log10(2)) + 1} digits"

    def repr_bytes(self, x: bytes, level: int) -> str:
        """The first bytes."""
        return repr(x) if len(x) <= self.maxstring else f"{x[: self.maxstring]!r}..."

    def repr_ndarray(self, x: Any, level: int) -> str:
        """An array's shape, which says more than its numbers."""
        return f"an array of shape {x.shape}"

    def repr_instance(self, x: Any, level: int) -> str:
        """What an object says of itself, but for its address in memory."""
        if type(x).__repr__ is object.__repr__:
            return f"a {type(x).__name__}"
        return super().repr_instance(x, level)


_SHORT = _Short()


def shown(value: Any) -> str:
    """`repr(value)` on one line, cut to what a message has room for."""
    return cut(_SHORT.repr(value))


def cut(text: str, most: int = _MOST) -> str:
    """`text` on one line, control characters escaped, without its middle where it is longer than `most` characters."""
    text = " ".join(line.strip() for line in text.splitlines() if line.strip())
    if not text.isprintable():  # a terminal would obey some, and no encoding has others
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-(most // 2) :]}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of the known names that is spelled nearly like `name`, if there is one."""
    close = difflib.get_close_matches(name, known, 1) if len(name) <= _LONGEST_NAME else []
    return close[0] if close else None
