"""Batches of programs in the host's memory, with the properties that all their networks share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evaluators.program.program import LINK_FIELDS, NETWORK_FIELDS, NODE_FIELDS, Programs
from neat.genome.genome import Genomes


@dataclass(eq=False)
class CompiledNetworks:
    """Programs, and the properties of their networks.

    The caller must make sure that the programs are valid: kernels do not check the slots in them.

    Attributes:
        programs: The programs, in writable arrays: numba would compile kernels again for read-only ones.
        num_inputs: The number of inputs of each network, without the bias input.
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
        """The number of outputs of each network."""
        return self.programs.output_slot.shape[1]

    @property
    def input_count(self) -> int:
        """The number of inputs of each network, with the bias input."""
        return self.num_inputs + self.bias_input

    def part(self, begin: int, end: int) -> CompiledNetworks:
        """Return networks `begin` to `end`: views of the arrays, and copies of offsets that count from 0."""
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
"""Networks for an engine: genomes, or programs from another source."""


class Origins(NamedTuple):
    """The genes from which programs were compiled."""

    node: np.ndarray
    """int64 (nodes,), the position of each node's gene; -1 for unused elements of the programs' arrays."""
    link: np.ndarray
    """int64 (links,), the position of each link's gene; -1 for unused elements of the programs' arrays."""


def part_of(networks: NetworkBatch, begin: int, end: int) -> NetworkBatch:
    """Return networks `begin` to `end` of a batch, or the batch itself if these are all."""
    if end - begin == len(networks):
        return networks
    if isinstance(networks, Genomes):
        return networks.take(np.arange(begin, end))
    return networks.part(begin, end)
