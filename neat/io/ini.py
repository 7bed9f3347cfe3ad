"""Read the sections of an INI file, with one-line error messages."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Iterable
from typing import Any

from neat.support.messages import quote, restate_errors, shorten
from neat.support.text_files import MOST_SETTINGS_BYTES

TRUE, FALSE = frozenset({"1", "yes", "true", "on"}), frozenset({"0", "no", "false", "off"})

_REFERENCE = re.compile(r"%(?:%|\(([^)]+)\)s)?")
_MOST_CHARACTERS = 10_000  # of a value; nested references can make it grow exponentially


def parse(text: str) -> configparser.RawConfigParser:
    """Return the sections of an INI file without expanding references in values (see `Section`).

    Raises:
        ValueError: The text is not an INI file.
    """
    # configparser needs quadratic time for lines that it cannot parse.
    if len(text) > MOST_SETTINGS_BYTES:
        raise ValueError(f"must have at most {MOST_SETTINGS_BYTES:,} characters")
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text.removeprefix("\ufeff"))
    except configparser.Error as error:
        raise ValueError(f"not a configuration file of neat-python: {shorten(str(error))}") from None
    return parser


class Section:
    """A section of an INI file, with typed access to its values and a record of unused ones.

    In a value, `%(name)s` is replaced by the value of `name` in the section or in [DEFAULT], and `%%` by `%`.

    Args:
        parser: The file, from `parse`.
        name: The section's name.
        dropped: Receives a line for each setting given to `drop`; the sections of a file share it.

    Raises:
        ValueError: There is no such section.
    """

    def __init__(self, parser: configparser.RawConfigParser, name: str, dropped: list[str]) -> None:
        if not parser.has_section(name):
            raise ValueError(f"[{name}]: the section is missing")
        self._name = name
        self._values = dict(parser.items(name))
        self._expanded: dict[str, str] = {}
        self._read: set[str] = set()
        self._dropped = dropped

    @property
    def unread(self) -> list[str]:
        """The keys that were neither read nor ignored nor dropped."""
        return [key for key in self._values if key not in self._read]

    def text(self, key: str, default: str | None = None) -> str:
        """Return the value as text; raise ValueError if it is missing and there is no default."""
        if key in self._values:
            return self._expand(key, ())
        if default is None:
            raise ValueError(f"[{self._name}] {key}: must be given")
        return default

    def number(self, key: str, default: float | None = None) -> float:
        """Return the value as a number."""
        return self._parse_value(key, default, float, "a number")

    def integer(self, key: str, default: int | None = None) -> int:
        """Return the value as an integer."""
        return self._parse_value(key, default, int, "an integer")

    def switch(self, key: str, default: bool | None = None) -> bool:
        """Return the value as a bool."""
        return self._parse_value(key, default, _parse_bool, "true or false")

    def one_of(self, key: str, default: str | None, choices: Iterable[str]) -> str:
        """Return the value in lower case; raise ValueError unless it is one of `choices`."""
        value = self.text(key, default).lower()
        if value not in choices:
            raise ValueError(f"[{self._name}] {key}: must be one of {', '.join(choices)}, got {quote(value)}")
        return value

    def names(self, key: str, parse: Callable[[str], str], default: str | None = None) -> list[str]:
        """Split the value at spaces and return the results of `parse`."""
        text = self.text(key, default)
        with restate_errors(f"[{self._name}] {key}: "):
            return [parse(name) for name in text.split()]

    def ignore(self, keys: Iterable[str]) -> None:
        """Mark keys as read, because they have no effect."""
        self._read.update(keys)

    def drop(self, keys: Iterable[str], why: str) -> None:
        """Report those of `keys` that the section has as not carried over, with the reason."""
        for key in keys:
            self._read.add(key)
            if key in self._values:
                self._dropped.append(f"[{self._name}] {shorten(key)} = {shorten(self._values[key])}: {why}")

    def _expand(self, key: str, outer: tuple[str, ...]) -> str:
        """Return the value of a key with its references replaced; `outer` are the keys that refer to it."""
        self._read.add(key)
        if key in self._expanded:
            return self._expanded[key]
        where, text = f"[{self._name}] {shorten(key)}", self._values[key]
        if key in outer or len(outer) >= configparser.MAX_INTERPOLATION_DEPTH:
            raise ValueError(f"{where}: the references %(…)s run in a circle or are nested too deeply")

        def value_of(reference: re.Match[str]) -> str:
            if reference[0] == "%%":
                return "%"
            name = (reference[1] or "").lower()
            if name not in self._values:
                raise ValueError(
                    f"{where}: {quote(reference[0])} names no value here; a plain % is written %%"
                )
            return self._expand(name, (*outer, key))

        if len(text) <= _MOST_CHARACTERS:
            text = _REFERENCE.sub(value_of, text)
        if len(text) > _MOST_CHARACTERS:
            raise ValueError(f"{where}: must have at most {_MOST_CHARACTERS:,} characters")
        self._expanded[key] = text
        return text

    def _parse_value(self, key: str, default: Any, parse: Any, kind: str) -> Any:
        text = self.text(key, None if default is None else str(default))
        try:
            return parse(text)
        except ValueError:
            raise ValueError(f"[{self._name}] {key}: must be {kind}, got {quote(text)}") from None


def _parse_bool(text: str) -> bool:
    if text.lower() not in TRUE | FALSE:
        raise ValueError
    return text.lower() in TRUE
