"""The file of a model: JSON without code, checked when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import Field

from evaluators.models.actions import Choices, Continuous
from evaluators.models.inputs import Observations, Rows
from evaluators.models.outputs import Classes, Raw, Values
from neat.support import validation
from neat.support.files import write_atomically
from neat.support.messages import quote, shorten
from neat.support.text_files import parse_json, read_text, shorten_path

VERSION = 3
READABLE = (1, 2, 3)  # 1 lacks the encodings of columns, 1 and 2 the digest
_MOST_BYTES = 2**31  # a genome of a million connections takes a tenth of it

Inputs: TypeAlias = Rows | Observations
Outputs: TypeAlias = Raw | Values | Classes | Choices | Continuous

_Result = TypeVar("_Result")


class Parts(validation.Model):
    """A genome with the preprocessing and postprocessing of its network, as the file of a model has them."""

    model: Literal["batchneat"] = "batchneat"
    """The mark by which a file is recognised."""
    version: Annotated[int, Field(strict=True)] = VERSION
    """The version of the file's format."""
    genome: dict[str, Any]
    """Plain data that `Genome.from_dict` reads."""
    inputs: Annotated[Inputs, Field(discriminator="kind")]
    outputs: Annotated[Outputs, Field(discriminator="kind")]
    steps: Annotated[int, Field(ge=1, lt=2**24, strict=True)] | None = None
    """Steps of a recurrent network before its outputs are read; None if they are unknown."""


def is_model(content: Any) -> bool:
    """Return whether the content of a JSON file has the mark of a model."""
    return isinstance(content, dict) and content.get("model") == "batchneat"


def write(path: str | Path, parts: Parts) -> None:
    """Write a model's parts as JSON, with a digest by which `read` recognises other content."""
    content = parts.model_dump(mode="json")
    content["digest"] = _digest(content)
    write_atomically(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read(path: str | Path, build: Callable[[Parts], _Result]) -> _Result:
    """Return what `build` makes of a model's file.

    Raises:
        ValueError: The file cannot be read, is no model, is damaged, or `build` refuses its parts; the message names
            the file.
    """
    text = read_text(path, _MOST_BYTES)
    try:
        content = parse_json(text)
        if not is_model(content):
            raise ValueError(f"holds no model{_other_content(content)}")
        version = content.get("version")
        if version not in READABLE:
            known = ", ".join(map(str, READABLE))
            raise ValueError(f"version: is {quote(version)}, and this version of batchneat reads {known}")
        digest = content.pop("digest", None) if version == VERSION else None
        result = build(Parts(**content))
        if version == VERSION and digest != _digest(content):
            raise ValueError("is damaged or was edited: its content does not match its digest")
        return result
    except RecursionError:
        raise ValueError(f"{shorten_path(path)}: holds no model: it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{shorten_path(path)}: must be JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"{shorten_path(path)}: {shorten(str(error), 1000)}") from None


def _digest(content: dict[str, Any]) -> str:
    """Return the SHA-256 of the content of a model's file, which spaces and the order of fields do not change."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _other_content(content: Any) -> str:
    """Return the end of a message about a file that holds a bare genome."""
    if isinstance(content, dict) and {"nodes", "connections"} <= content.keys():
        return ", but a genome alone; neat.Genome.from_dict reads it"
    return ""
