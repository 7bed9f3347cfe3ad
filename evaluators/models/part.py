"""The base class of the parts of a model, and the numbers in them."""

from __future__ import annotations

from typing import Annotated

from pydantic import FailFast, Field

from neat.support.validation import NOT_TEXT, Model

Number = Annotated[float, NOT_TEXT]
Numbers = Annotated[tuple[Number, ...], FailFast()]
Positive = Annotated[float, Field(gt=0), NOT_TEXT]
Names = tuple[str, ...]


class Part(Model):
    """A part of a model. Its fields are plain data; arrays that are made of them when needed do not count."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.model_dump() == other.model_dump()
