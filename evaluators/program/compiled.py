"""Networks as programs in the host's memory, with what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evaluators.program.program import LINK_FIELDS, NETWORK_FIELDS, NODE_FIELDS, Programs
from neat.genome.genome import Genomes


@dataclass(eq=False)
class CompiledNetworks:
    """Programs, and the facts about their networks that genomes state too.

    Whoever makes the programs answers for them: kernels do not check the slots that they name.

    Attributes:
        programs: The programs, in arrays that can be written to: for read-only ones, numba compiles kernels anew.
        num_inputs: Inputs of each network, without the bias input.
        bias_input: Whether there is an extra input that is constantly 1.
        feed_forward: Whether the networks have no memory: each node comes after those that it reads.
    """

    programs: Programs
    num_inputs: int
    bias_input: bool
    feed_forward: bool

    def __len__(self) -> int:
        return len(self.programs.node_count)

    @property
    def num_outputs(self) -> int:
        """Outputs of each network."""
        return self.programs.output_slot.shape[1]

    @property
    def input_count(self) -> int:
        """Inputs of each network, with the bias input."""
        return self.num_inputs + self.bias_input

    def part(self, begin: int, end: int) -> CompiledNetworks:
        """Networks `begin` to `end`; the arrays are views but for offsets, which count from 0 again."""
        p = self.programs
        nodes = slice(p.node_start[begin], p.node_start[end])
        links = slice(p.link_start[begin], p.link_start[end])
        ranges = ((slice(begin, end), NETWORK_FIELDS), (nodes, NODE_FIELDS), (links, LINK_FIELDS))
        part = Programs(
            node_start=p.node_start[begin : end + 1] - nodes.start,
            link_start=p.link_start[begin : end + 1] - links.start,
            output_slot=p.output_slot[begin:end],
            **{name: getattr(p, name)[rows] for rows, fields in ranges for name in fields},
        )
        part = part._replace(link_end=part.link_end - links.start)
        return CompiledNetworks(part, self.num_inputs, self.bias_input, self.feed_forward)


NetworkBatch = Genomes | CompiledNetworks
"""What engines take: networks as genomes, or as programs that something else than a genome gave."""


class Origins(NamedTuple):
    """The genes that programs come from."""

    node: np.ndarray
    """int64 (nodes,), the position of each node's gene; -1 where the programs' arrays have a node to spare."""
    link: np.ndarray
    """int64 (links,), the position of each link's gene, or -1."""


def part_of(networks: NetworkBatch, begin: int, end: int) -> NetworkBatch:
    """Networks `begin` to `end` of a batch, or the batch itself if these are all."""
    if end - begin == len(networks):
        return networks
    if isinstance(networks, Genomes):
        return networks.take(np.arange(begin, end))
    return networks.part(begin, end)
