"""Copy genes and genomes between arrays."""

from __future__ import annotations

from neat.genome.schema import CONNECTION, CONNECTION_NUMBERS, NODE, generate, repeat
from neat.kernels.jit import inner_function

_COPY = "target.{row.field}[new] = source.{row.field}[old]"

# Copy a gene from position `old` of `source` to position `new` of `target` (GenomeArrays).
copy_node = inner_function(generate("copy_node(source, old, target, new)", repeat(_COPY, NODE), {}))
copy_connection = inner_function(
    generate("copy_connection(source, old, target, new)", repeat(_COPY, CONNECTION), {})
)

# Copy only the numbers of a connection.
copy_connection_numbers = inner_function(
    generate("copy_connection_numbers(source, old, target, new)", repeat(_COPY, CONNECTION_NUMBERS), {})
)


@inner_function
def copy_genome(source, old, node_count, connection_count, target, new):
    """Copy the first genes of genome `old` of `source` to genome `new` of `target` (GenomeArrays)."""
    first, to = source.node_offset[old], target.node_offset[new]
    for node in range(node_count):
        copy_node(source, first + node, target, to + node)
    first, to = source.connection_offset[old], target.connection_offset[new]
    for gene in range(connection_count):
        copy_connection(source, first + gene, target, to + gene)
