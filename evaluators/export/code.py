"""Expressions as source text, with the operators that C and Python share."""

from __future__ import annotations

import functools
import operator
import re
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from neat.support.messages import quote

# How tightly the outermost operator of an expression binds.
_SUM, _PRODUCT, _ATOM = 1, 2, 3


class Code:
    """The source of an expression. Operators return the source of larger expressions, with parentheses where needed.

    Args:
        text: The source.
        suffix: What the language writes after a float32 number.
        rank: How tightly the outermost operator binds.
    """

    def __init__(self, text: str, suffix: str, rank: int = _ATOM) -> None:
        self.text, self.suffix, self.rank = text, suffix, rank

    @classmethod
    def number(cls, value: float, suffix: str) -> Code:
        """Return a float32 number with the fewest digits that restore it."""
        text = str(np.float32(value)) + suffix
        return cls(text, suffix, _PRODUCT if text.startswith("-") else _ATOM)

    def __str__(self) -> str:
        return self.text

    def lift(self, value: Any) -> Code:
        """Return a number as Code, and Code unchanged."""
        return value if isinstance(value, Code) else self.number(value, self.suffix)

    def __add__(self, other: Any) -> Code:
        if isinstance(other, int | float) and other == 0:
            return self
        other = self.lift(other)
        if other.text.startswith("-") and other.rank == _PRODUCT:  # a + -b * c is a - b * c
            return Code(f"{self._inside(_SUM)} - {other.text[1:]}", self.suffix, _SUM)
        return self._join("+", other, _SUM)

    def __radd__(self, other: Any) -> Code:
        return self if other == 0 else self.lift(other) + self

    def __sub__(self, other: Any) -> Code:
        return self._join("-", self.lift(other), _SUM)

    def __rsub__(self, other: Any) -> Code:
        return self.lift(other) - self

    def __mul__(self, other: Any) -> Code:
        if isinstance(other, int | float) and other == 1:
            return self
        return self._join("*", self.lift(other), _PRODUCT)

    def __rmul__(self, other: Any) -> Code:
        return self if other == 1 else self.lift(other) * self

    def __truediv__(self, other: Any) -> Code:
        return self._join("/", self.lift(other), _PRODUCT)

    def __rtruediv__(self, other: Any) -> Code:
        return self.lift(other) / self

    def __neg__(self) -> Code:
        if self.text.startswith("-"):
            return Code(f"-({self.text})", self.suffix, _PRODUCT)
        return Code(f"-{self._inside(_PRODUCT)}", self.suffix, _PRODUCT)  # -(a * b) is -a * b

    def _inside(self, least: int) -> str:
        return self.text if self.rank >= least else f"({self.text})"

    def _join(self, operator: str, right: Code, rank: int) -> Code:
        return Code(f"{self._inside(rank)} {operator} {right._inside(rank + 1)}", self.suffix, rank)


def calls(suffix: str) -> Callable[[str], Callable[..., Code]]:
    """Return a function that, for a template such as "expf({})", returns the function that fills it with arguments."""

    def template(text: str) -> Callable[..., Code]:
        def call(*arguments: Any) -> Code:
            codes = [a if isinstance(a, Code) else Code.number(a, suffix) for a in arguments]
            return Code(text.format(*codes), suffix)

        return call

    return template


ARITHMETIC: dict[str, Callable[[list[Code]], Code]] = {
    "sum": lambda values: functools.reduce(operator.add, values),
    "product": lambda values: functools.reduce(operator.mul, values),
    "mean": lambda values: functools.reduce(operator.add, values) / len(values),
}
"""The aggregations that operators of source code compute, by name."""


def lines_of(
    prefix: str, code: Code | str, suffix: str = "", brackets: tuple[str, str] = ("", "")
) -> Iterable[str]:
    """Return the lines of a statement, of at most 100 characters where possible, indented by four spaces.

    Args:
        prefix: What comes before the expression.
        code: The expression.
        suffix: What comes after it.
        brackets: What encloses an expression that takes several lines.
    """
    statement = f"{prefix}{code}{suffix}"
    if len(statement) <= 96:
        return [f"    {statement}"]
    return textwrap.wrap(
        f"{prefix}{brackets[0]}{code}{brackets[1]}{suffix}",
        width=100,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def check_name(name: Any, reserved: frozenset[str]) -> None:
    """Raise ValueError unless a function can have this name in C or Python; `reserved` are what it cannot be."""
    if not isinstance(name, str) or not re.fullmatch("[A-Za-z][A-Za-z0-9_]{0,62}", name) or name in reserved:
        raise ValueError(
            f"name: expected a letter, then at most 62 letters, digits and underscores, not a reserved word or name, "
            f"got {quote(name)}"
        )
