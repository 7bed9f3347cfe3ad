"""How networks see the columns of raw data: as numbers, or as one input for each category of a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import numpy as np
from pydantic import FailFast, Field, model_validator

from evaluators.checks import as_float64
from evaluators.models.part import Number, Part
from neat.support.messages import quote, shorten

EMPTY = "must not be empty"
_LONGEST_LIST = 300  # characters of categories in a message


class NumberColumn(Part):
    """A column of numbers, which is one input."""

    kind: Literal["number"] = "number"
    fill: Number | None = None
    """What an empty cell counts as; None: empty cells are refused."""

    width: ClassVar[int] = 1

    def input_names(self, name: str) -> list[str]:
        """Return the names of the inputs, for the name of the column."""
        return [name]

    def encode(self, field: str, cells: np.ndarray) -> np.ndarray:
        """Return the inputs, float64 (samples, 1), for cells as `read_cells` returns them.

        Raises:
            ValueError: A cell is text, infinite, or empty without a number to fill it.
        """
        if cells.dtype == object:
            texts = np.array([cell is not None for cell in cells])
            if not texts.any():
                return self.encode(field, np.full(len(cells), np.nan))
            row = int(np.argmax(texts))
            raise ValueError(f"{field}: expected an array of numbers, got {quote(cells[row])} in row {row}")
        filled = _fill(field, cells, np.isnan(cells), self.fill)
        return as_float64(field, filled)[:, np.newaxis]


class TextColumn(Part):
    """A column of text, which has one input for each category: 1 if the cell holds it, otherwise 0."""

    kind: Literal["text"] = "text"
    categories: Annotated[tuple[str, ...], Field(min_length=1), FailFast()]
    """The categories, in the order of their inputs."""
    fill: str | None = None
    """The category that an empty cell counts as; None: empty cells are refused."""

    @model_validator(mode="after")
    def _check(self) -> TextColumn:
        if len(set(self.categories)) < len(self.categories):
            raise ValueError(f"categories: expected different ones, got {quote(list(self.categories))}")
        if self.fill is not None and self.fill not in self.categories:
            raise ValueError(f"fill: must be one of {self._listed()}, got {quote(self.fill)}")
        return self

    @property
    def width(self) -> int:
        """The number of inputs."""
        return len(self.categories)

    def input_names(self, name: str) -> list[str]:
        """Return the names of the inputs, for the name of the column."""
        return [f"{name}={category}" for category in self.categories]

    def check_category(self, text: str) -> None:
        """Raise a ValueError unless the text is a category."""
        if text not in self.categories:
            raise ValueError(f"expected one of {self._listed()}, got {quote(text)}")

    def encode(self, field: str, cells: np.ndarray) -> np.ndarray:
        """Return the inputs, float64 (samples, categories), for cells as `read_cells` returns them.

        Raises:
            ValueError: A cell is a number, no category, or empty without a category to fill it.
        """
        if cells.dtype != object:
            if not np.isnan(cells).all():
                row = int(np.argmin(np.isnan(cells)))
                raise ValueError(f"{field}: expected text, got {cells[row]:g} in row {row}")
            cells = np.full(len(cells), None)
        filled = _fill(field, cells, np.array([cell is None for cell in cells]), self.fill)
        position = {category: k for k, category in enumerate(self.categories)}
        chosen = np.array([position.get(text, -1) for text in filled], np.int64)
        if (chosen < 0).any():
            row = int(np.argmin(chosen))
            try:
                self.check_category(filled[row])
            except ValueError as error:
                raise ValueError(f"{field}: {error} in row {row}") from None
        return np.eye(len(self.categories))[chosen]

    def _listed(self) -> str:
        return shorten(", ".join(map(quote, self.categories)), _LONGEST_LIST)


Column: TypeAlias = Annotated[NumberColumn | TextColumn, Field(discriminator="kind")]


def fit_column(field: str, cells: np.ndarray, fills: bool, declared: Sequence[str] | None) -> Column:
    """Return the encoding of a column of training data.

    Args:
        field: The name of the column in messages.
        cells: What `read_cells` returns.
        fills: Whether empty cells count as the mean or, in text, as the most frequent category.
        declared: The categories, if they are known; default: those in the cells.

    Raises:
        ValueError: All cells are empty, or nearly every text is different.
    """
    if cells.dtype != object and not np.isnan(cells).all():
        if declared is not None:
            raise ValueError(f"categories: {field} has numbers")
        if not fills:
            return NumberColumn()
        as_float64(field, np.where(np.isnan(cells), 0.0, cells))  # refuses infinite numbers
        with np.errstate(over="ignore"):
            mean = np.nanmean(cells, keepdims=True)
        return NumberColumn(fill=float(as_float64(f"{field}, mean", mean)[0]))
    texts = [text for text in cells if isinstance(text, str)]
    if not texts:
        raise ValueError(f"{field}: expected a value, got {len(cells)} empty cells; leave the column out")
    categories = list_categories(field, cells) if declared is None else tuple(declared)
    count = Counter(texts)
    fill = max(categories, key=lambda text: count[text]) if fills else None
    return TextColumn(categories=categories, fill=fill)


def list_categories(field: str, cells: Iterable[Any]) -> tuple[str, ...]:
    """Return the different texts of a column, sorted.

    Raises:
        ValueError: There are more than two, and fewer than two samples of each on average.
    """
    texts = [text for text in cells if isinstance(text, str)]
    found = tuple(sorted(set(texts)))
    if len(found) > max(2, len(texts) // 2):
        raise ValueError(
            f"{field}: has {len(found)} different texts in {len(texts)} samples, too many to learn from; leave the "
            "column out"
        )
    return found


def _fill(field: str, cells: np.ndarray, empty: np.ndarray, fill: Any) -> np.ndarray:
    """Return the cells with `fill` in the empty ones."""
    if not empty.any():
        return cells
    if fill is None:
        row = int(np.argmax(empty))
        raise ValueError(f"{field}: {EMPTY}, as in row {row}; training with missing='mean' fills empty cells")
    return np.where(empty, fill, cells)
