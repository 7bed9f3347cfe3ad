"""Copying genes between arrays, gene by gene and genome by genome."""

from __future__ import annotations

from neat.kernels.jit import inner_function


@inner_function
def copy_node(source, old, target, new):
    """Copy a node gene from position `old` of `source` to position `new` of `target` (GenomeArrays)."""
    target.node_id[new] = source.node_id[old]
    target.node_bias[new] = source.node_bias[old]
    target.node_response[new] = source.node_response[old]
    target.node_activation[new] = source.node_activation[old]
    target.node_aggregation[new] = source.node_aggregation[old]


@inner_function
def copy_connection(source, old, target, new):
    """Copy a connection gene from position `old` of `source` to position `new` of `target` (GenomeArrays)."""
    target.connection_innovation[new] = source.connection_innovation[old]
    target.connection_source[new] = source.connection_source[old]
    target.connection_target[new] = source.connection_target[old]
    target.connection_weight[new] = source.connection_weight[old]
    target.connection_enabled[new] = source.connection_enabled[old]


@inner_function
def copy_genome(source, old, node_count, connection_count, target, new):
    """Copy so many genes of genome `old` of `source` to where genome `new` of `target` begins (GenomeArrays)."""
    first, to = source.node_offset[old], target.node_offset[new]
    for node in range(node_count):
        copy_node(source, first + node, target, to + node)
    first, to = source.connection_offset[old], target.connection_offset[new]
    for gene in range(connection_count):
        copy_connection(source, first + gene, target, to + gene)
