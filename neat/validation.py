"""Checked, frozen models whose complaints fit in one line, and a check of arrays that all of the library shares."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from neat import activations


class Model(BaseModel):
    """A pydantic model that refuses unknown fields, cannot be changed, and says in one line what is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise ValueError(one_line(error)) from None


def one_line(error: ValidationError) -> str:
    """The first of pydantic's complaints: the field, what is allowed, the value."""
    complaint = error.errors()[0]
    field = ".".join(str(part) for part in complaint["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if complaint["type"] == "value_error":
        text = str(complaint["ctx"]["error"])
        if not field:
            return text + more
        nested = isinstance(complaint["input"], dict)
        return f"{field}{'.' if nested else ': '}{text}{more}"
    if complaint["type"] == "extra_forbidden":
        return f"{field}: there is no such field{more}"
    if complaint["type"] == "missing":
        return f"{field}: must be given{more}"
    return f"{field}: {complaint['msg'][0].lower()}{complaint['msg'][1:]}, got {complaint['input']!r}{more}"


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


def _number(value: Any) -> Any:
    """As it is; pydantic would read numbers from text and take true for 1."""
    if isinstance(value, str | bytes | bool | np.bool_):
        raise ValueError(f"must be a number, got {value!r}")
    return value


def _activation(name: str) -> str:
    activations.activation_index(name)
    return name


def _aggregation(name: str) -> str:
    activations.aggregation_index(name)
    return name


NOT_TEXT = BeforeValidator(_number)
ActivationName = Annotated[str, AfterValidator(_activation)]
AggregationName = Annotated[str, AfterValidator(_aggregation)]
