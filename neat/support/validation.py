"""Define frozen, validated models with one-line error messages, and shared checks of arrays and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NoReturn

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from neat.support.messages import find_similar, quote, shorten

_LONGEST_NAME = 60  # characters of a field's name in a message


class Model(BaseModel):
    """A frozen pydantic model that rejects unknown fields and raises ValueError with a one-line message."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    other_names: ClassVar[Mapping[str, str]] = {}
    """The name to suggest for each name that another library uses."""

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise ValueError(_format_error(error, type(self))) from None
        except TypeError as error:  # the dictionary of a section has keys that are not strings
            raise ValueError(f"{type(self).__name__}: {error}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            self._refuse_change(name, quote(value))
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._refuse_change(name, "…")

    def _refuse_change(self, name: str, value: str) -> NoReturn:
        kind, short = type(self).__name__, shorten(name, _LONGEST_NAME)
        if name not in type(self).model_fields:
            raise ValueError(f"{short}: a {kind} has no such field{_suggestion(name, type(self))}")
        raise ValueError(f"{short}: a {kind} cannot be changed; {self._change_hint(name, value)}")

    def _change_hint(self, name: str, value: str) -> str:
        return f"make another with {name}={value}"


def _format_error(error: ValidationError, model: type[Model]) -> str:
    """Return pydantic's first complaint on one line: the field, what is allowed, the value."""
    complaint = error.errors()[0]
    field = ".".join(shorten(str(part), _LONGEST_NAME) for part in complaint["loc"])
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
        f"{field}: {complaint['msg'][0].lower()}{complaint['msg'][1:]}, got {quote(complaint['input'])}{more}"
    )


def _suggestion(name: str, model: type[Model]) -> str:
    """Return "; did you mean …?" with the closest field of the model or its sections, or ""."""
    paths = _field_paths(model)
    meant = model.other_names.get(name) or paths.get(find_similar(name, paths) or "")
    return f"; did you mean {meant}?" if meant else ""


def _field_paths(model: type[Model]) -> dict[str, str]:
    """Return the full names of the fields of a model and its sections, by their last parts."""
    paths = {name: name for name in model.model_fields}
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Model):
            for last, path in _field_paths(info.annotation).items():
                paths.setdefault(last, f"{name}.{path}")
    return paths


def check_unmasked(name: str, value: Any) -> None:
    """Raise ValueError if an array, or one in a list of arrays, has masked values: NumPy drops masks silently.

    Args:
        name: The name of the value in the message.
        value: An array of numbers, or a list of such arrays.
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


def check_integer(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Raise ValueError unless a value is an int, which a bool is not here, from `least` to `most`; None: no limit."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not is_integer or value < least or (most is not None and value > most):
        limit = "" if most is None else f" to {most}"
        raise ValueError(f"{name}: must be an integer from {least}{limit}, got {quote(value)}")


def to_number(name: str, value: Any) -> float:
    """Return a single number as a float; raise ValueError for anything else, including text and masked values."""
    kind = getattr(getattr(value, "dtype", None), "kind", "f")  # dtypes of other libraries have no kind
    try:
        if isinstance(value, str | bytes | bytearray) or kind not in "fiub" or np.ma.is_masked(value):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"expected a number as {name}, got {quote(value)}") from None


def _reject_text(value: Any) -> Any:
    """Return `value` unchanged; raise ValueError for text and bools, which pydantic would convert to numbers."""
    if isinstance(value, str | bytes | bool | np.bool_):
        raise ValueError(f"must be a number, got {quote(value)}")
    return value


def _to_bool(value: Any) -> Any:
    """Return a bool or a NumPy bool as a bool; raise ValueError for text and numbers, which pydantic would convert."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"must be true or false, got {quote(value)}")
    return bool(value)


NOT_TEXT = BeforeValidator(_reject_text)
Switch = Annotated[bool, BeforeValidator(_to_bool)]
