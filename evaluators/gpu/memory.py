"""Programs on a GPU, launches of kernels over them, and the division of populations into parts that fit in memory.

A GPU compiles programs from genes, or gets them from the host. Each launch handles networks of similar size, because
every thread gets as much scratch as the largest of them needs.
"""

from __future__ import annotations

import functools
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from evaluators.gpu import launcher, specialisations
from evaluators.gpu.kernels import SAMPLES, Genes, InterleavedPrograms, Part
from evaluators.gpu.launcher import WARP, Kernel
from evaluators.gpu.program_layout import WORDS_OF_LINK, WORDS_OF_NODE, ProgramLayout, lay_out, scratch_words
from evaluators.gpu.workspace import Workspace, report_failures
from evaluators.program.compiled import CompiledNetworks, NetworkBatch
from evaluators.program.program import Programs
from neat.activations import AGGREGATIONS
from neat.genome import schema
from neat.genome.genome import Genomes

_BLOCKS = 16  # the most blocks for each multiprocessor, with scratch in device memory
_RESERVED = 1024  # bytes of a block's shared memory that are not scratch
_SPARE = 0.25  # the fraction of the free memory for scratch
_USABLE = 0.8  # the fraction of the free memory for everything
_PER_GENOME = 64  # bytes of a genome's offsets, and of its program without nodes and links


class Source(ABC):
    """Networks `begin` to `end` of a batch, copied to a device, which writes their programs.

    Attributes:
        work: The workspace that holds the copy.
        count: The number of networks.
        buffers: The buffers of values that a network needs: 1 if it is feed-forward, else 2.
        input_count: The number of inputs of each network, with the bias input.
        num_outputs: The number of outputs of each network.
        node_offset: int64 (networks + 1,), where the room for each network's nodes begins.
        connection_offset: int64 (networks + 1,), where the room for each network's links begins.
    """

    def __init__(self, work: Workspace, networks: NetworkBatch, begin: int, end: int) -> None:
        self.work = work
        self.count = end - begin
        self.buffers = 1 if networks.feed_forward else 2
        self.input_count, self.num_outputs = networks.input_count, networks.num_outputs
        node_offset, connection_offset = _offsets(networks)
        self.node_offset = _from_zero(node_offset[begin : end + 1])
        self.connection_offset = _from_zero(connection_offset[begin : end + 1])
        self._aggregation = np.empty(0, np.uint8)

    @abstractmethod
    def write(self, interleaved: InterleavedPrograms, layout: ProgramLayout) -> None:
        """Let the device write the programs at the places that the layout gives them."""

    @functools.cached_property
    def gathers(self) -> bool:
        """Whether some node's aggregation needs the values of its links side by side.

        The first access computes it, so that it can overlap with the writing of programs on the device.
        """
        if self._aggregation.max(initial=0) == 0:  # all are the first of the table
            return not AGGREGATIONS[0].fold
        needed = [position for position, entry in enumerate(AGGREGATIONS) if not entry.fold]
        return bool(np.isin(self._aggregation, needed).any())

    def keep(self) -> None:
        """Copy the arrays that are shared with the networks, so that the caller can change the networks."""
        self.node_offset, self.connection_offset = self.node_offset.copy(), self.connection_offset.copy()
        self._aggregation = self._aggregation.copy()


class DeviceGenes(Source):
    """Genomes, which the device compiles to programs."""

    def __init__(self, work: Workspace, genomes: Genomes, begin: int, end: int) -> None:
        super().__init__(work, genomes, begin, end)
        arrays = genomes.to_kernel()
        nodes = slice(arrays.node_offset[begin], arrays.node_offset[end])
        connections = slice(arrays.connection_offset[begin], arrays.connection_offset[end])
        self._aggregation = arrays.node_aggregation[nodes]
        part = {
            row.field: getattr(arrays, row.field)[nodes if row.owner == "node" else connections]
            for row in schema.EVALUATED
        }
        offsets = {"node_offset": self.node_offset, "connection_offset": self.connection_offset}
        self.genes = Genes(**work.send("genes", offsets | part))

    def write(self, interleaved: InterleavedPrograms, layout: ProgramLayout) -> None:
        """Let the device compile the genes, level by level."""
        width = int(interleaved.width)
        for first, last, nodes, links in layout.levels.tolist():
            begin, end = first * width, min(self.count, last * width)
            slots = self.input_count + nodes
            launch(
                self.work,
                specialisations.compile_kernel,
                -(-(end - begin) // WARP),
                scratch_words(slots, links),
                np.int32,
                Part(begin, end, 1, slots, links, 0, None),
                self.genes,
                interleaved,
            )


class CopiedPrograms(Source):
    """Programs that the host compiled."""

    def __init__(self, work: Workspace, networks: CompiledNetworks, begin: int, end: int) -> None:
        super().__init__(work, networks, begin, end)
        programs = networks.part(begin, end).programs
        self._aggregation = programs.node_aggregation
        self._programs = Programs(**work.send("programs", programs._asdict()))

    def write(self, interleaved: InterleavedPrograms, layout: ProgramLayout) -> None:
        """Let the device copy the programs to the places that the layout gives them."""
        launch_over(self.work, specialisations.copy_kernel(), self.count, self._programs, interleaved)


def copy_to_device(work: Workspace, networks: NetworkBatch, begin: int, end: int) -> Source:
    """Copy networks `begin` to `end` to the workspace's device, and return the copy."""
    if isinstance(networks, Genomes):
        return DeviceGenes(work, networks, begin, end)
    return CopiedPrograms(work, networks, begin, end)


class DevicePrograms:
    """The programs of networks, written on their device.

    Args:
        source: The networks.
        width: The number of networks in a slice (see `evaluators.gpu.program_layout`).
        by_size: Whether to sort the networks by size in any case, which pays if the kernel runs long.

    Attributes:
        source: The networks.
        interleaved: The programs as kernel arguments.
        layout: Their places, in host memory that the next DevicePrograms of the workspace overwrites.
    """

    def __init__(self, source: Source, width: int, by_size: bool) -> None:
        self.source = source
        self.layout: ProgramLayout = lay_out(
            source.node_offset,
            source.connection_offset,
            source.num_outputs,
            width,
            by_size,
            partial(source.work.stage, "layout"),
        )
        integers = source.work.room("program", int(self.layout.start[-1]), np.int32)
        self.interleaved = InterleavedPrograms(
            **source.work.send_staged("layout"),
            integers=integers,
            numbers=launcher.as_numbers(integers),
            width=np.uint32(width),
            count=source.count,
            input_count=source.input_count,
            num_outputs=source.num_outputs,
        )
        source.write(self.interleaved, self.layout)

    def launch(
        self,
        kernel_for: Callable[[bool], Kernel],
        samples: int,
        tasks: Callable[[int], int],
        *arguments: Any,
        per_block: int = 1,
    ) -> None:
        """Launch a kernel for each level of sizes.

        Args:
            kernel_for: Returns the kernel, with scratch in shared memory (True) or in device memory (False).
            samples: The number of samples that a thread computes at once.
            tasks: Returns the number of tasks before a slice.
            *arguments: The kernel's arguments before its Part.
            per_block: The number of tasks that a block takes at once.
        """
        for first, last, nodes, links in self.layout.levels.tolist():
            slots, gathered = self.source.input_count + nodes, links * self.source.gathers
            words = self.source.buffers * slots * samples + gathered
            part = Part(tasks(first), tasks(last), self.source.buffers, slots, gathered, 0, None)
            launch(
                self.source.work,
                kernel_for,
                -(-(part.end - part.begin) // per_block),
                words,
                np.float32,
                part,
                *arguments,
            )


def launch(
    work: Workspace,
    kernel_for: Callable[[bool], Kernel],
    blocks: int,
    words: int,
    dtype: Any,
    part: Any,
    *arguments: Any,
) -> None:
    """Launch a kernel with scratch for each thread.

    Args:
        work: The workspace of the device.
        kernel_for: Returns the kernel, with scratch in shared memory (True) or in device memory (False).
        blocks: The number of blocks; if scratch is in device memory, there may be fewer.
        words: The number of words of a thread's scratch.
        dtype: The type of these words, 32 bits.
        part: The kernel's last argument, a NamedTuple with the fields `apart` and `spare`, which are set here.
        *arguments: The kernel's arguments before `part`.
    """
    arrays = work.arrays
    room = words * WARP * np.dtype(dtype).itemsize
    limit = arrays.shared_bytes - _RESERVED
    in_shared = room <= limit
    if not in_shared:
        fit = int((arrays.free_bytes() + work.held_bytes) * _SPARE / room)
        blocks = max(1, min(blocks, arrays.multiprocessors * _BLOCKS, fit))
    if blocks == 0:
        return
    apart = 0 if in_shared else words * WARP
    spare = work.room(f"spare {dtype.__name__}", max(1, blocks * apart), dtype)
    kernel = launcher.built(kernel_for(in_shared), arrays.device, limit)
    launcher.start(
        kernel,
        blocks,
        room if in_shared else 0,
        arrays.stream(),
        *arguments,
        part._replace(apart=apart, spare=spare),
    )


def launch_over(work: Workspace, kernel: Kernel, count: int, *arguments: Any) -> None:
    """Launch a kernel without scratch, with at least `count` threads."""
    code = launcher.built(kernel, work.arrays.device, 0)
    launcher.start(code, -(-count // WARP), 0, work.arrays.stream(), *arguments)


def threads_per_network(samples: int) -> int:
    """Return the number of threads that share a network, each of which computes SAMPLES samples at once."""
    return min(WARP, 2 ** math.ceil(math.log2(max(1.0, samples / SAMPLES))))


def _offsets(networks: NetworkBatch) -> tuple[np.ndarray, np.ndarray]:
    """Return where each network's nodes begin, and where its links begin, both int64 (networks + 1,)."""
    if isinstance(networks, Genomes):
        return networks.arrays.node_offset, networks.arrays.connection_offset
    return networks.programs.node_start, networks.programs.link_start


def _from_zero(offset: np.ndarray) -> np.ndarray:
    return offset if offset[0] == 0 else offset - offset[0]


def _bytes_of(attributes: tuple[schema.Attribute, ...], words: int) -> int:
    """Return the bytes of a gene and of its part of a program, doubled for the room that slices waste."""
    return 2 * (sum(row.dtype.itemsize for row in attributes if row.evaluated) + 4 * words)


def in_parts(
    spaces: dict[str, Workspace],
    networks: NetworkBatch,
    per_network: int,
    work: Callable[[Workspace, int, int], Any],
) -> list[Any]:
    """Call `work(workspace, begin, end)` for ranges of networks that fit in memory, on all devices at once.

    Args:
        spaces: A workspace for each GPU, which is emptied if the GPU's memory runs out.
        networks: The networks, which are split evenly by their nodes and connections.
        per_network: Bytes that each network needs in addition to its genes and its program.
        work: Must wait for its device before it returns.

    Returns:
        The results of the calls, in the order of the networks.

    Raises:
        MemoryError: A single network does not fit.
        RuntimeError: A GPU failed.
    """
    (node_offset, connection_offset), count = _offsets(networks), len(networks)

    per_node, per_connection = (
        _bytes_of(schema.NODE, WORDS_OF_NODE),
        _bytes_of(schema.CONNECTION, WORDS_OF_LINK),
    )

    def cost(upto: Any) -> Any:
        return (
            node_offset[upto] * per_node
            + connection_offset[upto] * per_connection
            + upto * (_PER_GENOME + per_network)
        )

    devices = list(spaces.values())
    each = float(cost(count)) / len(devices)
    # `usable` is measured again only if it seems too small, because the question takes a while.
    if any(space.usable < each for space in devices):
        for space in devices:
            space.usable = max(1, space.arrays.free_bytes() + space.held_bytes) * _USABLE
    parts = len(devices) * math.ceil(each / min(space.usable for space in devices))
    if parts == 1:
        return _run_range(devices[0], 0, count, work)
    cuts = np.searchsorted(cost(np.arange(count + 1)), np.linspace(0.0, float(cost(count)), parts + 1)[1:-1])
    bounds = np.unique(np.concatenate([[0], cuts, [count]])).tolist()
    ranges = list(itertools.pairwise(bounds))
    if len(devices) == 1:
        return [result for begin, end in ranges for result in _run_range(devices[0], begin, end, work)]

    def share(number: int) -> list[Any]:
        return [
            _run_range(devices[number], begin, end, work) for begin, end in ranges[number :: len(devices)]
        ]

    with ThreadPoolExecutor(len(devices)) as pool:
        shares = list(pool.map(share, range(len(devices))))
    in_order = [shares[k % len(devices)][k // len(devices)] for k in range(len(ranges))]
    return [result for results in in_order for result in results]


def _run_range(
    space: Workspace, begin: int, end: int, work: Callable[[Workspace, int, int], Any]
) -> list[Any]:
    """Return the results of `work` for a range, or for its halves if the range does not fit in memory."""
    arrays = space.arrays
    with report_failures(arrays):
        try:
            with arrays.current():
                return [work(space, begin, end)]
        except Exception as error:
            if not isinstance(error, arrays.out_of_memory) and not launcher.is_out_of_memory(error):
                raise
            reason = error.with_traceback(None)  # the traceback would keep the arrays of the failed call
    if end - begin == 1:
        raise MemoryError(f"{arrays.device}: genome {begin} does not fit in its memory: {reason}") from reason
    with report_failures(arrays), arrays.current():
        arrays.synchronize()
        space.forget()
    middle = (begin + end) // 2
    return _run_range(space, begin, middle, work) + _run_range(space, middle, end, work)
