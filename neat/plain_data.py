"""Genomes as plain data: what a dictionary or a JSON file must hold, checked by pydantic."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from neat import activations


def _known_activation(name: str) -> str:
    activations.activation_index(name)
    return name


def _known_aggregation(name: str) -> str:
    activations.aggregation_index(name)
    return name


ActivationName = Annotated[str, AfterValidator(_known_activation)]
AggregationName = Annotated[str, AfterValidator(_known_aggregation)]
Identifier = Annotated[int, Field(ge=0, lt=2**63, strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NodeData(_Strict):
    """A node gene."""

    id: Identifier
    bias: FiniteFloat = 0.0
    response: FiniteFloat = 1.0
    activation: ActivationName = "sigmoid"
    aggregation: AggregationName = "sum"


class ConnectionData(_Strict):
    """A connection gene; `source` and `target` are ids."""

    innovation: Identifier
    source: Identifier
    target: Identifier
    weight: FiniteFloat
    enabled: bool = True


class GenomeData(_Strict):
    """A genome."""

    num_inputs: Annotated[int, Field(ge=1)]
    num_outputs: Annotated[int, Field(ge=1)]
    bias_input: bool = False
    feed_forward: bool = True
    nodes: list[NodeData]
    connections: list[ConnectionData]


def first_error(error: ValidationError) -> str:
    """The first of pydantic's complaints in one line: field, what is wrong, value."""
    complaint = error.errors()[0]
    field = ".".join(str(part) for part in complaint["loc"]) or "data"
    message = complaint["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if complaint["type"] in ("missing", "extra_forbidden"):
        return f"{field}: {message.lower()}{more}"
    return f"{field}: {message}, got {complaint['input']!r}{more}"
