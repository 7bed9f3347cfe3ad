"""Genomes as plain data: what a dictionary or a JSON file must hold, and arrays of it and back."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, FailFast, Field

from neat import activations
from neat.genome.gene_arrays import DTYPES, GenomeArrays
from neat.genome.rules import GenomeError
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


def to_arrays(data: GenomeData) -> GenomeArrays:
    """The genes of one genome, sorted, with ids of endpoints turned into indices.

    Raises:
        GenomeError: A connection begins or ends at a node that is not there.
    """
    nodes = sorted(data.nodes, key=lambda node: node.id)
    connections = sorted(data.connections, key=lambda connection: connection.innovation)
    input_count = data.num_inputs + data.bias_input
    index = {node.id: input_count + position for position, node in enumerate(nodes)}
    for connection in connections:
        for end in (connection.source, connection.target):
            if end < input_count:  # an input's id is its index
                index[end] = end
            elif end not in index:
                raise GenomeError(f"connection {connection.innovation}: there is no node {end}")
    columns: list[list[Any]] = [
        [0, len(nodes)],
        [0, len(connections)],
        [node.id for node in nodes],
        [node.bias for node in nodes],
        [node.response for node in nodes],
        [activations.activation_index(node.activation) for node in nodes],
        [activations.aggregation_index(node.aggregation) for node in nodes],
        [connection.innovation for connection in connections],
        [index[connection.source] for connection in connections],
        [index[connection.target] for connection in connections],
        [connection.weight for connection in connections],
        [connection.enabled for connection in connections],
    ]
    return GenomeArrays(*(np.array(c, dtype) for c, dtype in zip(columns, DTYPES, strict=True)))


def node_data(genes: GenomeArrays) -> list[dict[str, Any]]:
    """The nodes of one genome, as NodeData takes them."""
    columns = (
        genes.node_id,
        genes.node_bias,
        genes.node_response,
        genes.node_activation,
        genes.node_aggregation,
    )
    return [
        {
            "id": id_,
            "bias": _shortest(bias),
            "response": _shortest(response),
            "activation": activations.ACTIVATIONS[activation].name,
            "aggregation": activations.AGGREGATIONS[aggregation].name,
        }
        for id_, bias, response, activation, aggregation in zip(
            *(c.tolist() if c.dtype.kind != "f" else c for c in columns), strict=True
        )
    ]


def connection_data(genes: GenomeArrays, input_count: int) -> list[dict[str, Any]]:
    """The connections of one genome, as ConnectionData takes them; `input_count` counts the bias input."""
    ids = np.concatenate([np.arange(input_count), genes.node_id])
    return [
        {
            "innovation": int(innovation),
            "source": int(ids[source]),
            "target": int(ids[target]),
            "weight": _shortest(weight),
            "enabled": bool(enabled),
        }
        for innovation, source, target, weight, enabled in zip(*genes[7:], strict=True)
    ]


def _shortest(value: np.float32) -> float:
    """The float with the fewest digits that is this float32."""
    return float(str(value))
