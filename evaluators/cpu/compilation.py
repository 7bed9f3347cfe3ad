"""Compilation of genomes to programs, on all cores."""

from __future__ import annotations

import numpy as np

from evaluators.cpu.kernels import compile_range, origins_range
from evaluators.program.compiled import CompiledNetworks, NetworkBatch, Origins
from evaluators.program.program import LINK_FIELDS, NETWORK_FIELDS, NODE_FIELDS, Programs
from neat.genome.genome import Genomes
from neat.kernels import parallel
from neat.kernels.parallel import Workers


def as_compiled(networks: NetworkBatch, workers: Workers | None = None) -> CompiledNetworks:
    """Return networks as programs: compile genomes, and return programs unchanged."""
    if isinstance(networks, CompiledNetworks):
        return networks
    programs = _empty_programs(networks)
    parallel.over(
        compile_range,
        len(networks),
        networks.to_kernel(),
        networks.input_count,
        networks.num_outputs,
        programs,
        workers=workers,
    )
    return CompiledNetworks(programs, networks.num_inputs, networks.bias_input, networks.feed_forward)


def compile_with_origins(genomes: Genomes, workers: Workers | None = None) -> tuple[Programs, Origins]:
    """Return programs whose `link_end` counts from each network's first link, and the genes that they come from.

    Weight, bias and response are 0 for nodes and links on which no output depends.
    """
    arrays = genomes.to_kernel()
    programs = _empty_programs(genomes)
    origins = Origins(np.full(len(arrays.node_id), -1), np.full(len(arrays.connection_weight), -1))
    for values in (programs.link_weight, programs.node_bias, programs.node_response):
        values.fill(0.0)
    parallel.over(
        origins_range,
        len(genomes),
        arrays,
        genomes.input_count,
        genomes.num_outputs,
        programs,
        *origins,
        workers=workers,
    )
    first_link = np.repeat(programs.link_start[:-1], np.diff(programs.node_start))
    return programs._replace(link_end=programs.link_end - first_link), origins


def _empty_programs(genomes: Genomes) -> Programs:
    """Return uninitialised programs with room for all genes."""
    arrays = genomes.arrays
    nodes, links = len(arrays.node_id), len(arrays.connection_weight)
    sizes = ((len(genomes), NETWORK_FIELDS), (nodes, NODE_FIELDS), (links, LINK_FIELDS))
    return Programs(
        node_start=arrays.node_offset.copy(),  # the networks may outlive the genomes' arrays
        link_start=arrays.connection_offset.copy(),
        output_slot=np.empty((len(genomes), genomes.num_outputs), np.int32),
        **{name: np.empty(size, dtype) for size, fields in sizes for name, dtype in fields.items()},
    )
