"""Copying genes between arrays, gene by gene and genome by genome."""

from __future__ import annotations

from neat.genome.schema import CONNECTION, CONNECTION_NUMBERS, NODE, generate, spell
from neat.kernels.jit import inner_function

_COPY = "target.{row.field}[new] = source.{row.field}[old]"

# Copy a gene from position `old` of `source` to position `new` of `target` (GenomeArrays).
copy_node = inner_function(generate("copy_node(source, old, target, new)", spell(_COPY, NODE), {}))
copy_connection = inner_function(
    generate("copy_connection(source, old, target, new)", spell(_COPY, CONNECTION), {})
)

# As well, but only the numbers of a connection.
copy_connection_numbers = inner_function(
    generate("copy_connection_numbers(source, old, target, new)", spell(_COPY, CONNECTION_NUMBERS), {})
)


@inner_function
def copy_genome(source, old, node_count, connection_count, target, new):
    """Copy so many genes of genome `old` of `source` to where genome `new` of `target` begins (GenomeArrays)."""
    first, to = source.node_offset[old], target.node_offset[new]
    for node in range(node_count):
        copy_node(source, first + node, target, to + node)
    first, to = source.connection_offset[old], target.connection_offset[new]
    for gene in range(connection_count):
        copy_connection(source, first + gene, target, to + gene)
