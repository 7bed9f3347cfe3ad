"""Convert genomes between arrays and plain data, which a dictionary or a JSON file can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
from pydantic import AfterValidator, BeforeValidator, FailFast, Field, create_model

from neat import activations
from neat.genome.gene_arrays import DTYPES, MOST_INPUTS, GenomeArrays, connection_arrays, node_arrays
from neat.genome.rules import GenomeError
from neat.genome.schema import CONNECTION, NODE, Attribute, Role
from neat.support.validation import NOT_TEXT, Model, Switch


def known_activation(name: str) -> str:
    """Return the name of an activation; raise ValueError if it is unknown."""
    activations.activation_index(name)
    return name


def known_aggregation(name: str) -> str:
    """Return the name of an aggregation; raise ValueError if it is unknown."""
    activations.aggregation_index(name)
    return name


ActivationName = Annotated[str, AfterValidator(known_activation)]
AggregationName = Annotated[str, AfterValidator(known_aggregation)]
_FUNCTION_NAMES = {"activation": ActivationName, "aggregation": AggregationName}
_FUNCTION_INDEX = {
    "activation": activations.activation_index,
    "aggregation": activations.aggregation_index,
}
_FUNCTION_TABLE: dict[str, Sequence[Any]] = {
    "activation": activations.ACTIVATIONS,
    "aggregation": activations.AGGREGATIONS,
}


def _read_digits(value: Any) -> Any:
    """Return an id that is written as text, since JavaScript reads numbers from 2^53 on inexactly."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 20 else value


_Identifier = Annotated[int, Field(ge=0, lt=2**63, strict=True), BeforeValidator(_read_digits)]
_Size = Annotated[int, Field(ge=1, lt=MOST_INPUTS + 1, strict=True)]
_Generation = Annotated[int, Field(ge=-(2**31), lt=2**31, strict=True)]
_Number = Annotated[float, Field(ge=-3.4028235e38, le=3.4028235e38), NOT_TEXT]  # also finite as a float32


def _field_type(row: Attribute) -> Any:
    """Return the type of an attribute in plain data."""
    if row.role is Role.FUNCTION:
        return _FUNCTION_NAMES[row.name]
    return {
        Role.KEY: _Identifier,
        Role.END: _Identifier,
        Role.NUMBER: _Number,
        Role.SWITCH: Switch,
        Role.GENERATION: _Generation,
    }[row.role]


def _gene_model(name: str, text: str, attributes: tuple[Attribute, ...]) -> type[Model]:
    fields: dict[str, Any] = {
        row.name: (_field_type(row), ... if row.default is None else row.default) for row in attributes
    }
    return create_model(name, __base__=Model, __module__=__name__, __doc__=text, **fields)


if TYPE_CHECKING:
    NodeData: TypeAlias = Any
    ConnectionData: TypeAlias = Any
else:
    NodeData = _gene_model("NodeData", "A node gene.", NODE)
    ConnectionData = _gene_model(
        "ConnectionData", "A connection gene; `source` and `target` are ids.", CONNECTION
    )


class GenomeData(Model):
    """A genome as plain data."""

    num_inputs: _Size
    num_outputs: _Size
    bias_input: Switch = False
    feed_forward: Switch = True
    # FailFast stops at the first mistake, since a file can contain millions.
    nodes: Annotated[list[NodeData], FailFast()]
    connections: Annotated[list[ConnectionData], FailFast()]


def to_arrays(data: GenomeData) -> GenomeArrays:
    """Return the genes of one genome, sorted, with indices instead of ids of sources and targets.

    Raises:
        GenomeError: The source or target of a connection does not exist.
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
    columns = [
        [_to_cell(row, getattr(gene, row.name), index) for gene in genes]
        for rows, genes in ((NODE, nodes), (CONNECTION, connections))
        for row in rows
    ]
    offsets = [[0, len(nodes)], [0, len(connections)]]
    return GenomeArrays(*(np.array(c, dtype) for c, dtype in zip(offsets + columns, DTYPES, strict=True)))


def _to_cell(row: Attribute, value: Any, index: Mapping[int, int]) -> Any:
    """Return a value of plain data in the form that arrays have; `index` maps ids to indices."""
    if row.role is Role.END:
        return index[value]
    return _FUNCTION_INDEX[row.name](value) if row.role is Role.FUNCTION else value


def node_data(genes: GenomeArrays) -> list[dict[str, Any]]:
    """Return the nodes of one genome, as NodeData accepts them."""
    return _to_rows(NODE, node_arrays(genes), ())


def connection_data(genes: GenomeArrays, input_count: int) -> list[dict[str, Any]]:
    """Return the connections of one genome, as ConnectionData accepts them; `input_count` includes the bias input."""
    ids = [*range(input_count), *genes.node_id.tolist()]
    return _to_rows(CONNECTION, connection_arrays(genes), ids)


def _to_rows(
    attributes: tuple[Attribute, ...], arrays: tuple[np.ndarray, ...], ids: Sequence[int]
) -> list[dict[str, Any]]:
    """Return genes as dictionaries; `ids` are the ids by index."""
    columns = [_from_column(row, array, ids) for row, array in zip(attributes, arrays, strict=True)]
    names = [row.name for row in attributes]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _from_column(row: Attribute, array: np.ndarray, ids: Sequence[int]) -> list[Any]:
    """Return the values of an array in the form that plain data has."""
    if row.role is Role.NUMBER:
        return [_shortest(value) for value in array]
    if row.role is Role.END:
        return [ids[index] for index in array.tolist()]
    if row.role is Role.FUNCTION:
        return [_FUNCTION_TABLE[row.name][index].name for index in array.tolist()]
    values: list[Any] = array.tolist()
    return values


def _shortest(value: np.float32) -> float:
    """Return the float with the fewest digits that rounds to this float32."""
    return float(str(value))
