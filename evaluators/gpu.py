"""What a GPU evaluates: genomes copied to it, compiled there to programs, and launched over, in parts that fit.

A launch is over networks of like sizes, since scratch is as large as the largest needs. Device memory is kept from one
call to the next and grows when it must.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from evaluators import cuda
from evaluators.backend import Arrays, arrays_of
from evaluators.cuda import SAMPLES, WARP, Batch, Genes, Interleaved, Kernel, Part
from evaluators.environments.environment import Environment
from evaluators.episode import Play, Reach, Record, Senses
from evaluators.interleaved import Layout, layout, scratch_words
from neat.activations import AGGREGATIONS
from neat.genome import Genomes

_BLOCKS = 16  # of a launch with scratch in device memory, for each multiprocessor
_RESERVED = 1024  # bytes of a block's shared memory that are not scratch
_SPARE = 0.25  # of the free memory, for scratch
_PIECES = 64  # at most, of the samples
_RESULTS = ("reward", "length", "terminated", "sound", "moment")
_USABLE = 0.8  # of the free memory
# Bytes of genes and of a program, with what slices waste.
_PER_NODE, _PER_CONNECTION, _PER_GENOME = 48, 32, 64


class Workspace:
    """Arrays of one device by name, used again in every generation."""

    def __init__(self, device: str) -> None:
        self.arrays: Arrays = arrays_of(device)
        self._rooms: dict[str, tuple[Any, Any]] = {}

    def room(self, name: str, size: int, dtype: Any) -> Any:
        """An uninitialised array of this size or more, one-dimensional, as kernels take it."""
        array = self._rooms[name][0] if name in self._rooms else None
        if array is None or len(array) < size or array.dtype != dtype:
            self._rooms.pop(name, None)
            self._keep(name, self.arrays.empty(max(1, size if array is None else size * 5 // 4), dtype))
        return self._rooms[name][1]

    def shaped(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """An uninitialised array of this shape, as kernels take it."""
        if name not in self._rooms or self._rooms[name][0].shape != shape:
            self._rooms.pop(name, None)
            self._keep(name, self.arrays.empty(shape, dtype))
        return self._rooms[name][1]

    def put(self, name: str, array: np.ndarray) -> Any:
        """A copy of an array of the host, with room to spare, one-dimensional."""
        self.room(name, array.size, array.dtype)
        self.arrays.fill(self._rooms[name][0], array)
        return self._rooms[name][1]

    def argument(self, name: str) -> Any:
        """The array of this name as kernels take it."""
        return self._rooms[name][1]

    def put_shaped(self, name: str, array: np.ndarray) -> Any:
        """A copy of an array of the host."""
        self.shaped(name, array.shape, array.dtype)
        self.arrays.fill(self._rooms[name][0].reshape(-1), array)
        return self._rooms[name][1]

    def array(self, name: str) -> Any:
        """The array of this name, numpy's or cupy's."""
        return self._rooms[name][0]

    def get(self, name: str) -> np.ndarray:
        """A copy of it for the host."""
        return self.arrays.to_host(self._rooms[name][0])

    @property
    def held_bytes(self) -> int:
        """Memory of all the arrays."""
        return sum(int(array.nbytes) for array, _ in self._rooms.values())

    def forget(self) -> None:
        """Give all memory back."""
        self._rooms.clear()
        self.arrays.release()

    def _keep(self, name: str, array: Any) -> None:
        self._rooms[name] = array, cuda.argument(array)


class DeviceGenes:
    """The genes of genomes `begin` to `end`, copied to a device."""

    def __init__(self, work: Workspace, genomes: Genomes, begin: int, end: int) -> None:
        arrays = genomes.arrays
        self.work = work
        self.count = end - begin
        self.buffers = 1 if genomes.feed_forward else 2
        self.input_count, self.num_outputs = genomes.input_count, genomes.num_outputs
        self.node_offset = arrays.node_offset[begin : end + 1] - arrays.node_offset[begin]
        self.connection_offset = arrays.connection_offset[begin : end + 1] - arrays.connection_offset[begin]
        nodes = slice(arrays.node_offset[begin], arrays.node_offset[end])
        connections = slice(arrays.connection_offset[begin], arrays.connection_offset[end])
        self.gathers = _gathers(arrays.node_aggregation[nodes])
        self.genes = Genes(
            work.put("node_offset", self.node_offset),
            work.put("connection_offset", self.connection_offset),
            *(work.put(name, getattr(arrays, name)[nodes]) for name in Genes._fields[2:6]),
            *(work.put(name, getattr(arrays, name)[connections]) for name in Genes._fields[6:]),
        )


class DevicePrograms:
    """The programs of genomes, written on their device.

    Args:
        of: The genes.
        width: Networks of a slice (see `evaluators.interleaved`).

    Attributes:
        interleaved: What kernels take.
        layout: The same on the host.
    """

    def __init__(self, of: DeviceGenes, width: int) -> None:
        self.of = of
        self.layout: Layout = layout(of.node_offset, of.connection_offset, of.num_outputs, width)
        integers = of.work.room("program", int(self.layout.start[-1]), np.int32)
        order, start, nodes_room, links_room = (
            of.work.put(f"layout {name}", getattr(self.layout, name)) for name in Layout._fields[:4]
        )
        self.interleaved = Interleaved(
            order=order,
            start=start,
            nodes=nodes_room,
            links=links_room,
            integers=integers,
            numbers=cuda.as_numbers(integers),
            width=np.uint32(width),
            count=of.count,
            input_count=of.input_count,
            num_outputs=of.num_outputs,
        )
        for first, last, nodes, links in self.layout.levels.tolist():
            begin, end = first * width, min(of.count, last * width)
            slots = of.input_count + nodes
            part = Part(begin, end, 1, slots, links, 0, None)
            launch(
                of.work,
                cuda.compile_kernel,
                -(-(end - begin) // WARP),
                scratch_words(slots, links),
                np.int32,
                part,
                of.genes,
                self.interleaved,
            )

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
    kernel = cuda.built(kernel_for(in_shared), arrays.device, limit)
    cuda.start(
        kernel,
        blocks,
        room if in_shared else 0,
        arrays.stream(),
        *arguments,
        part._replace(apart=apart, spare=spare),
    )


def turns_for(samples: int) -> int:
    """Threads for a network and so many samples: each has SAMPLES of them side by side."""
    return min(WARP, 2 ** math.ceil(math.log2(max(1.0, samples / SAMPLES))))


def _gathers(node_aggregation: np.ndarray) -> bool:
    """Whether an aggregation needs the values of a node's links side by side."""
    if not node_aggregation.any():  # nothing but the first of the table
        return not AGGREGATIONS[0].fold
    needed = [position for position, entry in enumerate(AGGREGATIONS) if not entry.fold]
    return bool(np.isin(node_aggregation, needed).any())


def in_parts(
    spaces: dict[str, Workspace],
    genomes: Genomes,
    per_genome: int,
    work: Callable[[Workspace, int, int], Any],
) -> list[Any]:
    """Call `work(workspace, begin, end)` for ranges of genomes that fit in memory, on all devices side by side.

    Args:
        spaces: A workspace for each GPU; if its memory runs out, it forgets everything.
        genomes: What is split, evenly by their genes.
        per_genome: Bytes for each genome, beside its genes and its program.
        work: Has waited for its device when it returns.

    Returns:
        What the calls gave, in the order of the genomes.

    Raises:
        MemoryError: A single genome does not fit.
        RuntimeError: A GPU failed.
    """
    arrays, count = genomes.arrays, len(genomes)
    cost = (
        arrays.node_offset * _PER_NODE
        + arrays.connection_offset * _PER_CONNECTION
        + np.arange(count + 1) * (_PER_GENOME + per_genome)
    )
    devices = list(spaces.values())
    free = min(max(1, space.arrays.free_bytes() + space.held_bytes) for space in devices) * _USABLE
    parts = len(devices) * math.ceil(float(cost[-1]) / (free * len(devices)))
    cuts = np.searchsorted(cost, np.linspace(0.0, float(cost[-1]), parts + 1)[1:-1])
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
    try:
        with arrays.current():
            return [work(space, begin, end)]
    except Exception as error:
        if not isinstance(error, arrays.out_of_memory) and not cuda.is_out_of_memory(error):
            if isinstance(error, (*arrays.failure, *cuda.FAILURES)):
                raise RuntimeError(
                    f"{arrays.device}: the GPU failed, and this process cannot use it any more: {error}; "
                    "a run goes on from its last checkpoint in a new process"
                ) from error
            raise
        reason = error.with_traceback(None)  # which would keep the arrays of what failed
    if end - begin == 1:
        raise MemoryError(f"{arrays.device}: genome {begin} does not fit in its memory: {reason}") from reason
    with arrays.current():
        space.forget()
    middle = (begin + end) // 2
    return _fitting(space, begin, middle, work) + _fitting(space, middle, end, work)


class Scorer:
    """The sum of a loss over a data set, for networks on GPUs.

    Args:
        devices: GPUs.
        inputs: float32 (1, 1, inputs, samples).
        targets: float32 (outputs, samples).
    """

    def __init__(self, devices: tuple[str, ...], inputs: np.ndarray, targets: np.ndarray) -> None:
        self._samples = targets.shape[1]
        self._spaces = {device: Workspace(device) for device in devices}
        self._data = {device: Workspace(device) for device in devices}
        for data in self._data.values():
            with data.arrays.current():
                data.put_shaped("inputs", inputs)
                data.put_shaped("targets", targets)
        self._turns = turns_for(self._samples)
        tile = self._turns * SAMPLES
        self._piece = tile * math.ceil(
            self._samples / (tile * _PIECES)
        )  # not of the genomes, nor of what is free
        self._pieces = math.ceil(self._samples / self._piece)

    def __call__(self, genomes: Genomes, loss: int, steps: int) -> np.ndarray:
        """Every genome's sum, float64 (genomes,)."""

        def score(work: Workspace, begin: int, end: int) -> np.ndarray:
            data = self._data[work.arrays.device]
            programs = DevicePrograms(DeviceGenes(work, genomes, begin, end), WARP // self._turns)
            programs.launch(
                cuda.score_kernel,
                SAMPLES,
                lambda first: first * self._pieces,
                programs.interleaved,
                data.argument("inputs"),
                data.argument("targets"),
                loss,
                steps,
                self._piece,
                work.shaped("totals", (self._pieces, end - begin), np.float64),
            )
            # One after the other: the order of numpy's own sum depends on the shape.
            return functools.reduce(np.add, work.get("totals"), np.zeros(end - begin))

        return np.concatenate(in_parts(self._spaces, genomes, 8 * self._pieces, score))


class Player:
    """Episodes of networks on GPUs (see `evaluators.episode`)."""

    def __init__(self, devices: tuple[str, ...]) -> None:
        self._spaces = {device: Workspace(device) for device in devices}

    def __call__(
        self,
        genomes: Genomes,
        environment: Environment,
        decision: str,
        play: Play,
        senses: Senses,
        reach: Reach,
        record: Record,
    ) -> None:
        """Play, and fill `record`; the length of an episode in which a function raised an error is -1."""
        kernel_for = functools.partial(cuda.play_kernel, environment, decision)
        count, episodes = record.reward.shape

        def play_part(work: Workspace, begin: int, end: int) -> None:
            programs = DevicePrograms(DeviceGenes(work, genomes, begin, end), WARP)
            results = {name: getattr(record, name)[begin:end] for name in _RESULTS}
            results["trace"] = record.trace
            rooms = {
                name: work.shaped(name, tuple(max(1, n) for n in of.shape), of.dtype)
                for name, of in results.items()
            }
            work.array("length").fill(-1)
            work.array("moment").fill(0.0)
            programs.launch(
                kernel_for,
                1,
                lambda first: first * episodes,
                programs.interleaved,
                environment.constants,
                play._replace(start=work.put_shaped("start states", play.start), first=begin),
                senses._replace(**{k: work.put_shaped(k, getattr(senses, k)) for k in ("offset", "factor")}),
                Reach(
                    work.put_shaped("low", reach.low[begin:end]),
                    work.put_shaped("reach factor", reach.factor[begin:end]),
                    work.put_shaped("lowest", reach.lowest),
                    work.put_shaped("span", reach.span),
                ),
                Record(**rooms),
            )
            for name, result in results.items():
                if result.size:
                    result[...] = work.get(name)

        in_parts(self._spaces, genomes, sum(getattr(record, n).nbytes for n in _RESULTS) // count, play_part)

    def is_built(self, environment: Environment, decision: str) -> bool:
        """Whether the kernel was compiled before, by any process."""
        return cuda.is_built(cuda.play_kernel(environment, decision, True))


class Activator:
    """Networks on a GPU, to be activated (see `evaluators.network.Engine`)."""

    def __init__(self, device: str, genomes: Genomes) -> None:
        self._work = Workspace(device)
        self.arrays = self._work.arrays
        with self.arrays.current():
            self._genes = DeviceGenes(self._work, genomes, 0, len(genomes))
            self.arrays.synchronize()  # the genomes' arrays may be used again at once
        self._programs: DevicePrograms | None = None
        self._width = 0
        self._position = np.empty(len(genomes), np.int32)
        self._chosen = np.empty(0, np.int64)
        self.forget(0)

    def __len__(self) -> int:
        return self._genes.count

    def forget(self, samples: int) -> None:
        """Begin with a state of 0 for so many samples."""
        self._state_start = self._genes.node_offset * samples
        with self.arrays.current():
            self._work.put("state start", self._state_start)
            self._work.room("state", int(self._state_start[-1]), np.float32)
            self._work.array("state").fill(0.0)

    def clear(self, networks: np.ndarray) -> None:
        """Set the state of these networks to 0."""
        with self.arrays.current():
            state, start = self._work.array("state"), self._state_start
            if 4 * len(networks) < len(self):
                for network in networks:
                    state[start[network] : start[network + 1]] = 0.0
                return
            chosen = np.zeros(len(self), bool)
            chosen[networks] = True
            state[: start[-1]][self.arrays.to_device(np.repeat(chosen, np.diff(start)))] = 0.0

    def activate(self, x: Any, networks: np.ndarray) -> Any:
        """Outputs, float32 (n, times, samples, outputs), for `x`, float32 (times, 1 or n, samples, inputs)."""
        work, samples = self._work, x.shape[2]
        with self.arrays.current():
            programs = self._programs_for(WARP // turns_for(samples))
            self._choose(networks)
            outputs = self.arrays.empty(
                (len(networks), x.shape[0], samples, self._genes.num_outputs), np.float32
            )
            programs.launch(
                cuda.activate_kernel,
                SAMPLES,
                lambda first: int(np.searchsorted(self._places, first * self._width)),
                work.argument("chosen"),
                work.argument("ranks"),
                work.argument("position"),
                programs.interleaved,
                Batch(cuda.argument(x.swapaxes(2, 3)), cuda.argument(outputs)),
                work.argument("state start"),
                work.argument("state"),
                per_block=self._width,
            )
        return outputs

    def _programs_for(self, width: int) -> DevicePrograms:
        if self._programs is None or self._width != width:
            self._programs, self._width = DevicePrograms(self._genes, width), width
            self._position[self._programs.layout.order] = np.arange(len(self), dtype=np.int32)
            self._work.put("position", self._position)
            self._chosen = np.empty(0, np.int64)
        return self._programs

    def _choose(self, networks: np.ndarray) -> None:
        """Networks of like sizes one after the other, as the launches want them."""
        if networks is self._chosen:
            return
        ranks = np.argsort(self._position[networks], kind="stable").astype(np.int32)
        self._places = self._position[networks][ranks]
        self._work.put("chosen", networks)
        self._work.put("ranks", ranks)
        self._chosen = networks
