"""Reading the sections of an INI file, with complaints that fit in one line."""

from __future__ import annotations

import configparser
from collections.abc import Iterable
from typing import Any

TRUE, FALSE = frozenset({"1", "yes", "true", "on"}), frozenset({"0", "no", "false", "off"})


class Section:
    """A section of an INI file: typed reading, and a record of what is not made use of.

    Args:
        parser: The file.
        name: The section's name.
        lost: Gets a line for each setting given to `drop`, shared by a file's sections.

    Raises:
        ValueError: There is no such section.
    """

    def __init__(self, parser: configparser.ConfigParser, name: str, lost: list[str]) -> None:
        if not parser.has_section(name):
            raise ValueError(f"[{name}]: the section is missing")
        self._name = name
        self._values = dict(parser.items(name))
        self._read: set[str] = set()
        self._lost = lost

    @property
    def unread(self) -> list[str]:
        """Keys that nothing has read or dropped."""
        return [key for key in self._values if key not in self._read]

    def text(self, key: str, default: str | None = None) -> str:
        """The value as it stands; without a default, a missing key is an error (as for those below)."""
        self._read.add(key)
        value = self._values.get(key, default)
        if value is None:
            raise ValueError(f"[{self._name}] {key}: must be given")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """The value as a number."""
        return self._parsed(key, default, float, "a number")

    def integer(self, key: str, default: int | None = None) -> int:
        """The value as an integer."""
        return self._parsed(key, default, int, "an integer")

    def switch(self, key: str, default: bool | None = None) -> bool:
        """The value as true or false."""
        return self._parsed(key, default, _switch, "true or false")

    def one_of(self, key: str, default: str | None, choices: Iterable[str]) -> str:
        """The value, which must be one of `choices`, in lower case."""
        value = self.text(key, default).lower()
        if value not in choices:
            raise ValueError(f"[{self._name}] {key}: must be one of {', '.join(choices)}, got {value!r}")
        return value

    def names(self, key: str, parse: Any) -> list[str]:
        """The value split at spaces, each part through `parse`."""
        try:
            return [parse(name) for name in self.text(key).split()]
        except ValueError as error:
            raise ValueError(f"[{self._name}] {key}: {error}") from None

    def ignore(self, keys: Iterable[str]) -> None:
        """Take the keys as read: they have no effect."""
        self._read.update(keys)

    def drop(self, keys: Iterable[str], why: str) -> None:
        """Say of those of the keys that the file holds that they are not carried over."""
        for key in keys:
            self._read.add(key)
            if key in self._values:
                self._lost.append(f"[{self._name}] {key} = {self._values[key]}: {why}")

    def _parsed(self, key: str, default: Any, parse: Any, kind: str) -> Any:
        text = self.text(key, None if default is None else str(default))
        try:
            return parse(text)
        except ValueError:
            raise ValueError(f"[{self._name}] {key}: must be {kind}, got {text!r}") from None


def _switch(text: str) -> bool:
    if text.lower() not in TRUE | FALSE:
        raise ValueError
    return text.lower() in TRUE
