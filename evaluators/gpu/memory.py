"""What a GPU evaluates: genomes compiled there to programs, or programs copied to it, launched over in parts that fit.

A launch is over networks of like sizes, since scratch is as large as the largest needs.
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
from evaluators.gpu.kernels import SAMPLES, Genes, Interleaved, Part
from evaluators.gpu.launcher import WARP, Kernel
from evaluators.gpu.program_layout import WORDS_OF_LINK, WORDS_OF_NODE, Layout, layout, scratch_words
from evaluators.gpu.workspace import Workspace, failures_told
from evaluators.program.compiled import CompiledNetworks, NetworkBatch
from evaluators.program.program import Programs
from neat.activations import AGGREGATIONS
from neat.genome import schema
from neat.genome.genome import Genomes

_BLOCKS = 16  # of a launch with scratch in device memory, for each multiprocessor
_RESERVED = 1024  # bytes of a block's shared memory that are not scratch
_SPARE = 0.25  # of the free memory, for scratch
_USABLE = 0.8  # of the free memory
_PER_GENOME = 64  # bytes of offsets, and of a program beside its nodes and links


class Source(ABC):
    """Networks `begin` to `end` of a batch, copied to a device, from which their programs are written there.

    Attributes:
        node_offset: int64 (networks + 1,), where the room for each network's nodes begins.
        connection_offset: int64 (networks + 1,), where the room for its links begins.
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
    def write(self, interleaved: Interleaved, layout: Layout) -> None:
        """Let the device write the programs to where the layout has them."""

    @functools.cached_property
    def gathers(self) -> bool:
        """Whether an aggregation needs the values of a node's links side by side.

        They are looked at when this is first asked, which is while the device writes programs.
        """
        if self._aggregation.max(initial=0) == 0:  # nothing but the first of the table
            return not AGGREGATIONS[0].fold
        needed = [position for position, entry in enumerate(AGGREGATIONS) if not entry.fold]
        return bool(np.isin(self._aggregation, needed).any())

    def keep(self) -> None:
        """Outlive the networks given, whose arrays may be written to again."""
        self.node_offset, self.connection_offset = self.node_offset.copy(), self.connection_offset.copy()
        self._aggregation = self._aggregation.copy()


class DeviceGenes(Source):
    """The genes of genomes."""

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

    def write(self, interleaved: Interleaved, layout: Layout) -> None:
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
    """Programs of the host."""

    def __init__(self, work: Workspace, networks: CompiledNetworks, begin: int, end: int) -> None:
        super().__init__(work, networks, begin, end)
        programs = networks.part(begin, end).programs
        self._aggregation = programs.node_aggregation
        self._programs = Programs(**work.send("programs", programs._asdict()))

    def write(self, interleaved: Interleaved, layout: Layout) -> None:
        """Let the device put each word of the programs where the layout has it."""
        launch_over(self.work, specialisations.copy_kernel(), self.count, self._programs, interleaved)


def copied(work: Workspace, networks: NetworkBatch, begin: int, end: int) -> Source:
    """Networks `begin` to `end` on the workspace's device."""
    if isinstance(networks, Genomes):
        return DeviceGenes(work, networks, begin, end)
    return CopiedPrograms(work, networks, begin, end)


class DevicePrograms:
    """The programs of networks, written on their device.

    Args:
        of: The networks.
        width: Networks of a slice (see `evaluators.gpu.program_layout`).
        by_size: Whether to order networks by size in any case: it pays where their kernel runs long.

    Attributes:
        interleaved: What kernels take.
        layout: The same on the host, in memory that the workspace's next programs write to.
    """

    def __init__(self, of: Source, width: int, by_size: bool) -> None:
        self.of = of
        self.layout: Layout = layout(
            of.node_offset,
            of.connection_offset,
            of.num_outputs,
            width,
            by_size,
            partial(of.work.stage, "layout"),
        )
        integers = of.work.room("program", int(self.layout.start[-1]), np.int32)
        self.interleaved = Interleaved(
            **of.work.send_staged("layout"),
            integers=integers,
            numbers=launcher.as_numbers(integers),
            width=np.uint32(width),
            count=of.count,
            input_count=of.input_count,
            num_outputs=of.num_outputs,
        )
        of.write(self.interleaved, self.layout)

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
            kernel_for: Gives it, with scratch in shared memory or not.
            samples: Of a thread, side by side.
            tasks: How many tasks come before a slice.
            *arguments: What the kernel takes before its Part.
            per_block: Tasks that a block takes at once.
        """
        for first, last, nodes, links in self.layout.levels.tolist():
            slots, gathered = self.of.input_count + nodes, links * self.of.gathers
            words = self.of.buffers * slots * samples + gathered
            part = Part(tasks(first), tasks(last), self.of.buffers, slots, gathered, 0, None)
            launch(
                self.of.work,
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
    """Launch a kernel with scratch of so many words of `dtype` for each thread.

    Its last argument is `part`, a Part or another with `apart` and `spare`, which are set here.
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
    """Launch a kernel without scratch that gives a thread to each of so many."""
    code = launcher.built(kernel, work.arrays.device, 0)
    launcher.start(code, -(-count // WARP), 0, work.arrays.stream(), *arguments)


def turns_for(samples: int) -> int:
    """Threads for a network and so many samples: each has SAMPLES of them side by side."""
    return min(WARP, 2 ** math.ceil(math.log2(max(1.0, samples / SAMPLES))))


def _offsets(networks: NetworkBatch) -> tuple[np.ndarray, np.ndarray]:
    """Where each network's nodes and links begin, int64 (networks + 1,)."""
    if isinstance(networks, Genomes):
        return networks.arrays.node_offset, networks.arrays.connection_offset
    return networks.programs.node_start, networks.programs.link_start


def _from_zero(offset: np.ndarray) -> np.ndarray:
    return offset if offset[0] == 0 else offset - offset[0]


def _bytes_of(attributes: tuple[schema.Attribute, ...], words: int) -> int:
    """Bytes of a gene and of what becomes of it in a program; twice, for what slices waste."""
    return 2 * (sum(row.dtype.itemsize for row in attributes if row.evaluated) + 4 * words)


def in_parts(
    spaces: dict[str, Workspace],
    networks: NetworkBatch,
    per_network: int,
    work: Callable[[Workspace, int, int], Any],
) -> list[Any]:
    """Call `work(workspace, begin, end)` for ranges of networks that fit in memory, on all devices side by side.

    Args:
        spaces: A workspace for each GPU; if its memory runs out, it forgets everything.
        networks: What is split, evenly by their nodes and connections.
        per_network: Bytes for each network, beside its genes and its program.
        work: Has waited for its device when it returns.

    Returns:
        What the calls gave, in the order of the networks.

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
    # `usable` is what was free when the device was last asked, which takes a while.
    if any(space.usable < each for space in devices):
        for space in devices:
            space.usable = max(1, space.arrays.free_bytes() + space.held_bytes) * _USABLE
    parts = len(devices) * math.ceil(each / min(space.usable for space in devices))
    if parts == 1:
        return _fitting(devices[0], 0, count, work)
    cuts = np.searchsorted(cost(np.arange(count + 1)), np.linspace(0.0, float(cost(count)), parts + 1)[1:-1])
    bounds = np.unique(np.concatenate([[0], cuts, [count]])).tolist()
    ranges = list(itertools.pairwise(bounds))
    if len(devices) == 1:
        return [result for begin, end in ranges for result in _fitting(devices[0], begin, end, work)]

    def share(number: int) -> list[Any]:
        return [_fitting(devices[number], begin, end, work) for begin, end in ranges[number :: len(devices)]]

    with ThreadPoolExecutor(len(devices)) as pool:
        shares = list(pool.map(share, range(len(devices))))
    in_order = [shares[k % len(devices)][k // len(devices)] for k in range(len(ranges))]
    return [result for results in in_order for result in results]


def _fitting(space: Workspace, begin: int, end: int, work: Callable[[Workspace, int, int], Any]) -> list[Any]:
    """The result of a range, or of its halves if it does not fit in memory."""
    arrays = space.arrays
    with failures_told(arrays):
        try:
            with arrays.current():
                return [work(space, begin, end)]
        except Exception as error:
            if not isinstance(error, arrays.out_of_memory) and not launcher.is_out_of_memory(error):
                raise
            reason = error.with_traceback(None)  # which would keep the arrays of what failed
    if end - begin == 1:
        raise MemoryError(f"{arrays.device}: genome {begin} does not fit in its memory: {reason}") from reason
    with failures_told(arrays), arrays.current():
        arrays.synchronize()
        space.forget()
    middle = (begin + end) // 2
    return _fitting(space, begin, middle, work) + _fitting(space, middle, end, work)
