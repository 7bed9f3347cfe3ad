"""Define the rules that every genome must obey, and find the first one that is broken."""

from __future__ import annotations

from typing import Any

import numpy as np

from neat import activations
from neat.genome.gene_arrays import DTYPES, MOST_INPUTS, Description, GenomeArrays
from neat.genome.schema import CONNECTION_NUMBERS, NODE_NUMBERS, Attribute, generate, repeat
from neat.kernels.jit import inner_function, kernel
from neat.support.messages import quote


class GenomeError(ValueError):
    """Raised for a genome that breaks one of the rules that `Genomes.check` lists."""


def _join_plurals(numbers: tuple[Attribute, ...]) -> str:
    """Return the plurals of the attributes in a list, such as "biases and responses"."""
    *most, last = (row.plural for row in numbers)
    return f"{', '.join(most)} and {last}" if most else last


RULES = (
    "node ids must ascend and be unique",
    "the first nodes must be the outputs, with the ids that follow the inputs'",
    f"{_join_plurals(NODE_NUMBERS)} must be finite",
    "activations must be in the table",
    "aggregations must be in the table",
    "innovation numbers must ascend and be unique",
    "innovation numbers must not be negative",
    "the source of a connection must exist",
    "the target of a connection must exist and must not be an input",
    f"{_join_plurals(CONNECTION_NUMBERS)} must be finite",
    "no two connections may join the same source and target",
    "a feed-forward network must be free of loops, disabled connections counted",
)


def check_description(description: Description) -> None:
    """Raise GenomeError unless the sizes are integers in range, and the other fields are bools."""
    for name in ("num_inputs", "num_outputs"):
        value = getattr(description, name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | np.integer)
            or not 1 <= value <= MOST_INPUTS
        ):
            raise GenomeError(f"{name}: expected an integer from 1 to {MOST_INPUTS}, got {quote(value)}")
    for name in ("bias_input", "feed_forward"):
        value = getattr(description, name)
        if not isinstance(value, bool | np.bool_):
            raise GenomeError(f"{name}: expected True or False, got {quote(value)}")


def check_layout(arrays: GenomeArrays) -> None:
    """Raise GenomeError unless dtypes, shapes and offsets are those of GenomeArrays."""
    for name, array, dtype in zip(arrays._fields, arrays, DTYPES, strict=True):
        if type(array) is not np.ndarray:
            raise GenomeError(f"{name}: expected a numpy array, got {type(array).__name__}")
        if array.dtype != dtype or array.ndim != 1:
            raise GenomeError(
                f"{name}: expected a {dtype} array of one dimension, got {array.dtype} of shape {array.shape}"
            )
    sizes = {"node": len(arrays.node_id), "connection": len(arrays.connection_innovation)}
    for kind, size in sizes.items():
        offset = getattr(arrays, f"{kind}_offset")
        if len(offset) != len(arrays.node_offset) or len(offset) == 0:
            raise GenomeError(
                f"{kind}_offset: expected shape ({len(arrays.node_offset)},), got {offset.shape}"
            )
        if offset[0] != 0 or offset[-1] != size or (np.diff(offset) < 0).any():
            raise GenomeError(f"{kind}_offset: must rise from 0 to the number of {kind}s, {size}")
        for name in arrays._fields:
            array = getattr(arrays, name)
            if name.startswith(kind) and not name.endswith("offset") and len(array) != size:
                raise GenomeError(f"{name}: expected shape ({size},), got {array.shape}")


def check_genes(genes: GenomeArrays, description: Description) -> None:
    """Raise GenomeError, which names the genome, for the first of RULES that is broken.

    Args:
        genes: Writable and contiguous arrays that have passed `check_layout`.
        description: A Description that has passed `check_description`.
    """
    input_count = description.num_inputs + description.bias_input
    most_nodes = int(np.diff(genes.node_offset).max(initial=0))
    genome, rule = first_broken_rule(
        genes,
        input_count,
        description.num_outputs,
        description.feed_forward,
        len(activations.ACTIVATIONS),
        len(activations.AGGREGATIONS),
        np.zeros(input_count + most_nodes, np.int64),
    )
    if genome >= 0:
        raise GenomeError(f"genome {genome}: {RULES[rule]}")


def _make_finite_test(name: str, numbers: tuple[Attribute, ...]) -> Any:
    """Return a jitted function that tests whether these attributes of the gene at a position are finite."""
    tests = repeat("np.isfinite(arrays.{row.field}[position])", numbers, " and ")
    return inner_function(generate(f"{name}(arrays, position)", f"return {tests}", {"np": np}))


_node_numbers_are_finite = _make_finite_test("_node_numbers_are_finite", NODE_NUMBERS)
_connection_numbers_are_finite = _make_finite_test("_connection_numbers_are_finite", CONNECTION_NUMBERS)


@kernel
def first_broken_rule(
    arrays, input_count, num_outputs, feed_forward, activation_count, aggregation_count, latest
):
    """Return (genome, position in RULES) of the first broken rule, or (-1, -1). The time is linear in the genes.

    `latest` is scratch: int64 zeros, one for each input and each node of the largest genome. The caller allocates it
    because there can be 2**24 inputs: the system gives NumPy zeros page by page, while compiled code fills them all.
    """
    most_nodes, most_connections = 0, 0
    for genome in range(len(arrays.node_offset) - 1):
        most_nodes = max(most_nodes, arrays.node_offset[genome + 1] - arrays.node_offset[genome])
        most_connections = max(
            most_connections, arrays.connection_offset[genome + 1] - arrays.connection_offset[genome]
        )
    start = np.empty(most_nodes + 1, np.int64)
    unresolved, queue = np.empty_like(start), np.empty_like(start)
    sources = np.empty(most_connections, np.int32)
    for genome in range(len(arrays.node_offset) - 1):
        first_node, last_node = arrays.node_offset[genome], arrays.node_offset[genome + 1]
        node_count = last_node - first_node
        if node_count < num_outputs:
            return genome, 1
        for node in range(node_count):
            position = first_node + node
            if node > 0 and arrays.node_id[position] <= arrays.node_id[position - 1]:
                return genome, 0
            if node < num_outputs and arrays.node_id[position] != input_count + node:
                return genome, 1
            if not _node_numbers_are_finite(arrays, position):
                return genome, 2
            if arrays.node_activation[position] >= activation_count:
                return genome, 3
            if arrays.node_aggregation[position] >= aggregation_count:
                return genome, 4

        first, last = arrays.connection_offset[genome], arrays.connection_offset[genome + 1]
        index_count = input_count + node_count
        for position in range(first, last):
            if position > first and (
                arrays.connection_innovation[position] <= arrays.connection_innovation[position - 1]
            ):
                return genome, 5
            if arrays.connection_innovation[position] < 0:
                return genome, 6
            if not 0 <= arrays.connection_source[position] < index_count:
                return genome, 7
            if not input_count <= arrays.connection_target[position] < index_count:
                return genome, 8
            if not _connection_numbers_are_finite(arrays, position):
                return genome, 9

        _group_by_target(arrays, first, last, input_count, node_count, start, sources)
        if _has_duplicate(first_node, node_count, start, sources, latest):
            return genome, 10
        if feed_forward and not _is_acyclic(input_count, node_count, start, sources, unresolved, queue):
            return genome, 11
    return -1, -1


@inner_function
def _group_by_target(arrays, first, last, input_count, node_count, start, sources):
    """Write the connections' sources, grouped by target: those of node i are `sources[start[i]:start[i + 1]]`.

    Unsigned indices avoid the code for negative ones.
    """
    for node in range(node_count):
        start[node] = 0
    for position in range(first, last):
        start[np.uint64(arrays.connection_target[position] - input_count)] += 1
    for node in range(1, node_count):
        start[node] += start[node - 1]
    start[node_count] = last - first
    for position in range(last - 1, first - 1, -1):
        target = np.uint64(arrays.connection_target[position] - input_count)
        place = start[target] - 1
        start[target] = place
        sources[place] = arrays.connection_source[position]


@inner_function
def _has_duplicate(first_node, node_count, start, sources, latest):
    """Whether a node has the same source twice; `latest[source]` is 1 + the position of the source's last target."""
    for node in range(node_count):
        mark = first_node + node + 1
        for place in range(start[node], start[node + 1]):
            source = np.uint64(sources[place])
            if latest[source] == mark:
                return True
            latest[source] = mark
    return False


@inner_function
def _is_acyclic(input_count, node_count, start, sources, unresolved, queue):
    """Whether the connections have no loop (Kahn 1962, backwards: first the nodes that are no node's source)."""
    for node in range(node_count):
        unresolved[node] = 0
    for place in range(start[node_count]):
        if sources[place] >= input_count:
            unresolved[sources[place] - input_count] += 1
    count = 0
    for node in range(node_count):
        if unresolved[node] == 0:
            queue[count] = node
            count += 1
    head = 0
    while head < count:
        node = queue[head]
        head += 1
        for place in range(start[node], start[node + 1]):
            source = sources[place] - input_count
            if source >= 0:
                unresolved[source] -= 1
                if unresolved[source] == 0:
                    queue[count] = source
                    count += 1
    return count == node_count
