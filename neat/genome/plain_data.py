"""Genomes as plain data: what a dictionary or a JSON file must hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, FailFast, Field

from neat import activations
from neat.support.validation import NOT_TEXT, Model, Switch


def _known_activation(name: str) -> str:
    activations.activation_index(name)
    return name


def _known_aggregation(name: str) -> str:
    activations.aggregation_index(name)
    return name


ActivationName = Annotated[str, AfterValidator(_known_activation)]
AggregationName = Annotated[str, AfterValidator(_known_aggregation)]
_Identifier = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
_Size = Annotated[int, Field(ge=1, lt=2**24, strict=True)]  # a slip of the pen shall not fill the memory
_Number = Annotated[float, Field(ge=-3.4028235e38, le=3.4028235e38), NOT_TEXT]  # finite as a float32 too


class NodeData(Model):
    """A node gene."""

    id: _Identifier
    bias: _Number = 0.0
    response: _Number = 1.0
    activation: ActivationName = "sigmoid"
    aggregation: AggregationName = "sum"


class ConnectionData(Model):
    """A connection gene; `source` and `target` are ids."""

    innovation: _Identifier
    source: _Identifier
    target: _Identifier
    weight: _Number
    enabled: Switch = True


class GenomeData(Model):
    """A genome."""

    num_inputs: _Size
    num_outputs: _Size
    bias_input: Switch = False
    feed_forward: Switch = True
    # The first mistake is enough: a file can hold millions.
    nodes: Annotated[list[NodeData], FailFast()]
    connections: Annotated[list[ConnectionData], FailFast()]
