"""Make the genomes of generation 0, and check that they fit into memory."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neat.config.config import Config
from neat.config.models import GenomeConfig
from neat.evolution.innovation import GlobalInnovations
from neat.evolution.mutation import draw_function, make_draw_numbers
from neat.evolution.run_settings import RunSettings
from neat.genome import buffers, schema
from neat.genome.gene_arrays import Bounds, Description
from neat.genome.genome import Genomes
from neat.genome.layers import list_links
from neat.kernels import rng
from neat.kernels.jit import kernel

try:
    import resource
except ImportError:  # Windows has no such module
    resource = None  # type: ignore[assignment]

_BYTES_OF_OFFSETS = 16  # per genome
# At most, while links are numbered: ends, order, innovation numbers, and their hash table, which doubles.
_BYTES_OF_A_LINK = 160
_LINEAGE_OF_A_GENOME, _LINEAGE_OF_A_LINK = 256, 10  # bytes
_MOST_UNUSED = 2**20  # links that are numbered before any genome has them
_CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

_draw_node_numbers = make_draw_numbers("node", "first")
_draw_connection_numbers = make_draw_numbers("connection", "first")


class _Links(NamedTuple):
    """The links that genomes of generation 0 can have, in the order of their innovation numbers."""

    innovation: np.ndarray  # int64 (n,)
    source: np.ndarray  # int64 (n,), index of the source, equal in all genomes
    target: np.ndarray  # int64 (n,), index of the target


def make_initial_genomes(config: Config, innovations: GlobalInnovations) -> Genomes:
    """Return the genomes of generation 0: layers of nodes, each connected to the next as the config says."""
    genome = config.genome
    source, target = _list_links(config)
    innovation = innovations.number_links(source, target)
    order = np.argsort(innovation)
    input_count = genome.num_inputs + genome.bias_input
    node_count = genome.num_outputs + sum(genome.hidden_layers)
    rate = _link_rate(config)
    size = config.population_size
    seed = np.uint64(config.seed)
    connection_offset = _count_links(size, len(source), np.float32(rate), seed)
    arrays = buffers.empty(size, size * node_count, int(connection_offset[-1]))
    np.multiply(np.arange(size + 1), node_count, out=arrays.node_offset)
    arrays.connection_offset[:] = connection_offset
    arrays.node_id.reshape(size, node_count)[:] = np.arange(input_count, input_count + node_count)
    arrays.connection_enabled[:], arrays.connection_birth[:] = True, 0
    links = _Links(innovation[order], source[order], target[order])
    _fill(arrays, links, np.float32(rate), RunSettings.of(config))
    return Genomes(arrays, *Description.of(genome), seed=config.seed, bounds=bounds_of(genome))


def bounds_of(genome: GenomeConfig) -> Bounds:
    """Return the bounds that the settings give to weights, biases and responses."""
    values = (getattr(genome, name) for name in Bounds._fields)
    return Bounds(*((np.float32(value.minimum), np.float32(value.maximum)) for value in values))


def check_memory(config: Config) -> None:
    """Raise ValueError if the first population alone needs more memory than this process can have."""
    needed, memory = _needed_bytes(config), _available_bytes()
    if needed > memory:
        inputs, *hidden, outputs = _layer_sizes(config)
        through = "".join(f" through {size:,}" for size in hidden[:3]) + " …" * (len(hidden) > 3)
        raise ValueError(
            f"population_size: {config.population_size:,} genomes with {inputs:,} inputs{through} to {outputs:,} "
            f"outputs need {needed / 2**30:,.1f} GiB, more than the {memory / 2**30:,.1f} that this process can have"
        )


def _needed_bytes(config: Config) -> float:
    """Return the bytes for the first population: genomes, children, drafts, the links to draw from, and the lineage."""
    layers = _layer_sizes(config)
    links = _count_pairs(layers)
    node, connection = (sum(row.dtype.itemsize for row in rows) for rows in (schema.NODE, schema.CONNECTION))
    genome = _BYTES_OF_OFFSETS + node * sum(layers[1:]) + connection * _link_rate(config) * links
    link = _BYTES_OF_A_LINK if _are_links_numbered(config) else 0
    lineage = _LINEAGE_OF_A_GENOME * config.population_size + _LINEAGE_OF_A_LINK * links
    return 3 * config.population_size * genome + link * links + lineage


def _available_bytes() -> float:
    """Return the bytes that this process can have: the machine's memory, or less if the system limits it."""
    limits = [np.inf]
    if hasattr(os, "sysconf"):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if resource is not None:
        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        limits += [] if soft == resource.RLIM_INFINITY else [soft]
    for path in _CONTAINER_LIMITS:
        try:
            limits.append(int(path.read_text("ascii")))
        except (OSError, ValueError):  # no limit: there is no such file, or it contains "max"
            continue
    return min(limits)


def _link_rate(config: Config) -> float:
    """Return the probability that a genome has a given link."""
    genome = config.genome
    return {"full": 1.0, "partial": genome.initial_rate, "none": 0.0}[genome.initial_connections]


def _layer_sizes(config: Config) -> list[int]:
    genome = config.genome
    return [genome.num_inputs + genome.bias_input, *genome.hidden_layers, genome.num_outputs]


def _count_pairs(layers: list[int]) -> int:
    """Return the number of links from each layer to the next."""
    return sum(size * following for size, following in pairwise(layers))


def _are_links_numbered(config: Config) -> bool:
    """Whether the links between the layers get their innovation numbers before evolution begins.

    They get them even without initial connections, unless there are so many that most would stay unused.
    """
    return config.genome.initial_connections != "none" or _count_pairs(_layer_sizes(config)) <= _MOST_UNUSED


def _list_links(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return (source, target) of all links from each layer to the next, int64 (n,) each; ids equal indices here."""
    if not _are_links_numbered(config):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return list_links(_layer_sizes(config))


@kernel
def _count_links(genomes, links, rate, seed):
    """Return connection_offset, int64 (genomes + 1,), where each genome has each link with probability `rate`."""
    offset = np.zeros(genomes + 1, np.int64)
    for genome in range(genomes):
        count = 0
        for link in range(links):
            word, _, _, _ = rng.block(seed, 0, genome, rng.INITIAL_TOPOLOGY, link)
            count += rng.to_uniform(word) < rate
        offset[genome + 1] = offset[genome] + count
    return offset


@kernel(allocates=False)
def _fill(arrays, links, rate, run):
    """Write the connections of each genome, each link with probability `rate`, and the attributes of its genes.

    Args:
        arrays: GenomeArrays of P genomes, written; their offsets and node ids must be set.
        links: _Links.
        rate: float32, the same as for `_count_links`.
        run: RunSettings.
    """
    initial, functions, seed = run.config[0].genome, run.functions, run.seed
    for genome in range(len(arrays.node_offset) - 1):
        key, gene = rng.Key(seed, 0, genome), arrays.connection_offset[genome]
        for link in range(len(links.innovation)):
            word, _, _, _ = rng.block(seed, 0, genome, rng.INITIAL_TOPOLOGY, link)
            if rng.to_uniform(word) < rate:
                arrays.connection_innovation[gene] = links.innovation[link]
                arrays.connection_source[gene] = links.source[link]
                arrays.connection_target[gene] = links.target[link]
                _draw_connection_numbers(arrays, gene, initial, key, link)
                gene += 1
        first = arrays.node_offset[genome]
        for node in range(arrays.node_offset[genome + 1] - first):
            _draw_node_numbers(arrays, first + node, initial, key, node)
            word0, word1, _, _ = rng.block(seed, 0, genome, rng.INITIAL_FUNCTION, node)
            new = run.functions.new[1] if node < run.shape.num_outputs else run.functions.new[0]
            arrays.node_activation[first + node] = draw_function(new, functions.activation_options, word0)
            arrays.node_aggregation[first + node] = draw_function(
                functions.new[2], functions.aggregation_options, word1
            )
