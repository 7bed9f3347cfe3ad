"""Checked, frozen models whose complaints fit in one line, and a check of arrays that all of the library shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NoReturn

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from neat.support.messages import cut, nearest, shown

_MOST_NAME = 60  # characters of a field's name in a message


class Model(BaseModel):
    """A pydantic model that refuses unknown fields, cannot be changed, and says in one line what is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    other_names: ClassVar[Mapping[str, str]] = {}
    """What other libraries call a field, and what to write here."""

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise ValueError(one_line(error, type(self))) from None
        except TypeError as error:  # a section's dictionary with keys that are no strings
            raise ValueError(f"{type(self).__name__}: {error}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            self._refuse_change(name, shown(value))
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._refuse_change(name, "…")

    def _refuse_change(self, name: str, value: str) -> NoReturn:
        kind, short = type(self).__name__, cut(name, _MOST_NAME)
        if name not in type(self).model_fields:
            raise ValueError(f"{short}: a {kind} has no such field{_suggestion(name, type(self))}")
        raise ValueError(f"{short}: a {kind} cannot be changed; {self._how_to_change(name, value)}")

    def _how_to_change(self, name: str, value: str) -> str:
        return f"make another with {name}={value}"


def one_line(error: ValidationError, model: type[Model]) -> str:
    """The first of pydantic's complaints about a model: the field, what is allowed, the value."""
    complaint = error.errors()[0]
    field = ".".join(cut(str(part), _MOST_NAME) for part in complaint["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if complaint["type"] == "value_error":
        text = str(complaint["ctx"]["error"])
        if not field:
            return text + more
        nested = isinstance(complaint["input"], dict)
        return f"{field}{'.' if nested else ': '}{text}{more}"
    if complaint["type"] == "extra_forbidden":
        return f"{field}: there is no such field{_suggestion(str(complaint['loc'][-1]), model)}{more}"
    if complaint["type"] == "missing":
        return f"{field}: must be given{more}"
    return (
        f"{field}: {complaint['msg'][0].lower()}{complaint['msg'][1:]}, got {shown(complaint['input'])}{more}"
    )


def _suggestion(name: str, model: type[Model]) -> str:
    """'; did you mean …?' with the field of the model, or of its sections, that the name stands for."""
    paths = _paths(model)
    meant = model.other_names.get(name) or paths.get(nearest(name, paths) or "")
    return f"; did you mean {meant}?" if meant else ""


def _paths(model: type[Model]) -> dict[str, str]:
    """Full names of a model's fields and of those of its sections, by their last parts."""
    paths = {name: name for name in model.model_fields}
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Model):
            for last, path in _paths(info.annotation).items():
                paths.setdefault(last, f"{name}.{path}")
    return paths


def check_unmasked(name: str, value: Any) -> None:
    """ValueError if an array, or one in a list of them, has masked values: NumPy drops masks without a word.

    Args:
        name: What the message calls it.
        value: Anything that has been found to be an array of numbers.
    """
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            masked = int(np.ma.count_masked(value))
            raise ValueError(
                f"{name}: expected no masked values, got {masked} of {value.size}; fill them or leave their rows out"
            )
    elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
        for element in value:
            check_unmasked(name, element)


def to_number(name: str, value: Any) -> float:
    """A single number as a float; ValueError for all else, also for text and masked values, which float() takes."""
    kind = getattr(getattr(value, "dtype", None), "kind", "f")  # other libraries' dtypes have none
    try:
        if isinstance(value, str | bytes | bytearray) or kind not in "fiub" or np.ma.is_masked(value):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"expected a number as {name}, got {shown(value)}") from None


def _number(value: Any) -> Any:
    """As it is; pydantic would read numbers from text and take true for 1."""
    if isinstance(value, str | bytes | bool | np.bool_):
        raise ValueError(f"must be a number, got {shown(value)}")
    return value


def _switch(value: Any) -> Any:
    """A bool, NumPy's too; pydantic would read text and numbers as one."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"must be true or false, got {shown(value)}")
    return bool(value)


NOT_TEXT = BeforeValidator(_number)
Switch = Annotated[bool, BeforeValidator(_switch)]
