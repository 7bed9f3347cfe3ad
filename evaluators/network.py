"""Networks compiled from genomes, for whoever activates them in a loop of their own."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from evaluators.checks import as_float32, check_current, check_size
from evaluators.cpu.kernels import activate_range, compile_range
from evaluators.devices import Arrays, arrays_of, read_only, resolve_device
from evaluators.program.program import Programs
from evaluators.thread_guard import Exclusive
from neat.genome.genome import Genome, Genomes
from neat.kernels import parallel
from neat.support.messages import shown
from neat.support.validation import check_unmasked


def compile(genomes: Genomes | Genome, device: str = "cpu") -> Networks:
    """Compile genomes to networks: what no output can see is left out, the rest is put in order.

    Args:
        genomes: `neat.Genomes`, or a single `neat.Genome`.
        device: "cpu", "cuda", "cuda:1" or "auto" (see `evaluators.devices.resolve_device`). What networks give is an
            array of that device: numpy's unless one asks for something else.

    Raises:
        ValueError: The device is not there, or this is no genome.
    """
    devices = resolve_device(device, unfit_for_gpu)
    batch = genomes.genomes if isinstance(genomes, Genome) else genomes
    if not isinstance(batch, Genomes):
        raise ValueError(f"genomes: expected neat.Genomes or neat.Genome, got {type(genomes).__name__}")
    check_current(batch)
    if len(devices) > 1:
        raise ValueError(f"device: networks are on one device, got {shown(device)}, which are {len(devices)}")
    if devices[0] == "cpu":
        return on_cpu(_programs(batch), batch.num_inputs, batch.bias_input, batch.feed_forward)
    from evaluators.gpu.engines import Activator

    activator = Activator(devices[0], batch)
    return Networks(activator, batch.num_inputs, batch.num_outputs, batch.bias_input, batch.feed_forward)


def unfit_for_gpu() -> str | None:
    """Which function that a person has added to the tables cannot be compiled for a GPU, and why; or None."""
    from evaluators.gpu.specialisations import why_not_added  # which imports numba-cuda

    return why_not_added()


def on_cpu(programs: Programs, num_inputs: int, bias_input: bool, feed_forward: bool) -> Networks:
    """Networks from programs."""
    engine = _Cpu(programs, num_inputs + bias_input, feed_forward)
    return Networks(engine, num_inputs, programs.output_slot.shape[1], bias_input, feed_forward)


def _programs(genomes: Genomes) -> Programs:
    programs = room_for(genomes)
    parallel.over(
        compile_range, len(genomes), genomes.to_kernel(), genomes.input_count, genomes.num_outputs, programs
    )
    return programs


def room_for(genomes: Genomes) -> Programs:
    """Programs that are not yet written."""
    arrays = genomes.arrays
    nodes, links = len(arrays.node_id), len(arrays.connection_weight)
    return Programs(
        node_start=arrays.node_offset.copy(),  # the networks may outlive the genomes' arrays
        link_start=arrays.connection_offset.copy(),
        node_count=np.empty(len(genomes), np.int64),
        node_bias=np.empty(nodes, np.float32),
        node_response=np.empty(nodes, np.float32),
        node_activation=np.empty(nodes, np.uint8),
        node_aggregation=np.empty(nodes, np.uint8),
        link_end=np.empty(nodes, np.int64),
        link_source=np.empty(links, np.int32),
        link_weight=np.empty(links, np.float32),
        output_slot=np.empty((len(genomes), genomes.num_outputs), np.int32),
    )


class Engine(Protocol):
    """What activates networks on a device."""

    arrays: Arrays

    def __len__(self) -> int: ...

    def forget(self, samples: int) -> None:
        """Begin with a state of 0 for so many samples."""

    def clear(self, networks: np.ndarray) -> None:
        """Set the state of these networks to 0."""

    def activate(self, x: Any, networks: np.ndarray) -> Any:
        """Outputs, float32 (n, times, samples, outputs), for `x`, float32 (times, 1 or n, samples, inputs)."""


class _Cpu:
    arrays = arrays_of("cpu")

    def __init__(self, programs: Programs, input_count: int, feed_forward: bool) -> None:
        self.programs = programs
        self._input_count = input_count
        self._recurrent = not feed_forward
        self._state_start = np.zeros(len(self) + 1, np.int64)
        self._state = np.zeros(0, np.float32)

    def __len__(self) -> int:
        return len(self.programs.node_count)

    def forget(self, samples: int) -> None:
        np.cumsum(self.programs.node_count * samples, out=self._state_start[1:])
        self._state = np.zeros(self._state_start[-1], np.float32)

    def clear(self, networks: np.ndarray) -> None:
        for network in networks:
            self._state[slice(*self._state_start[network : network + 2])] = 0.0

    def activate(self, x: Any, networks: np.ndarray) -> Any:
        times, _, samples, _ = x.shape
        outputs = np.empty((len(networks), times, samples, self.programs.output_slot.shape[1]), np.float32)
        parallel.over(
            activate_range(),
            len(networks),
            networks,
            self.programs,
            np.ascontiguousarray(x.swapaxes(2, 3)),
            self._input_count,
            self._recurrent,
            self._state_start,
            self._state,
            outputs,
            cost=max(1.0, times * samples / 16),
        )
        return outputs


class Networks:
    """The networks of G genomes. `evaluators.compile` makes them.

    Feed-forward networks have no memory. In a recurrent one, an activation is one synchronous step: every
    node reads the inputs of now and the other nodes' values of the step before, which are 0 after `reset`. The
    samples of a call are independent states side by side; time is successive calls, or `activate_sequence`.

    Threads may share feed-forward networks. Recurrent ones have one state: while a thread activates or resets them,
    another one that does so gets a RuntimeError.

    On a GPU, inputs may be cupy's arrays, or anybody's with `__cuda_array_interface__` or DLPack, which are read where
    they are, and outputs are cupy's. A call returns before the GPU is done, as cupy's own do, on cupy's current stream;
    the same networks are for one stream at a time.
    """

    def __init__(
        self, engine: Engine, num_inputs: int, num_outputs: int, bias_input: bool, feed_forward: bool
    ) -> None:
        self._num_inputs = num_inputs
        self._num_outputs = num_outputs
        self._bias_input = bias_input
        self._feed_forward = feed_forward
        self._engine = engine
        self._all = np.arange(len(self))
        self._samples: int | None = None  # of the states; None after a reset
        self._in_use = Exclusive(
            "networks: another thread is using these recurrent networks, which have one state; "
            "compile networks for each thread"
        )

    @property
    def num_inputs(self) -> int:
        """Inputs of each network, without the bias input."""
        return self._num_inputs

    @property
    def num_outputs(self) -> int:
        """Outputs of each network."""
        return self._num_outputs

    @property
    def bias_input(self) -> bool:
        """Whether there is an extra input that is constantly 1."""
        return self._bias_input

    @property
    def feed_forward(self) -> bool:
        """Whether the networks have no memory."""
        return self._feed_forward

    @property
    def programs(self) -> Programs:
        """The networks as arrays, which are read-only; ValueError if they are not on the CPU."""
        return Programs(*map(read_only, writable_programs(self)))

    @property
    def device(self) -> str:
        """Where they are."""
        return self._engine.arrays.device

    def __len__(self) -> int:
        return len(self._engine)

    def __repr__(self) -> str:
        kind = "feed-forward" if self.feed_forward else "recurrent"
        return f"Networks({len(self)} {kind}, {self.num_inputs} inputs, {self.num_outputs} outputs)"

    def activate(self, x: Any, genomes: Any = None) -> Any:
        """Activate every network once, or some of them.

        Args:
            x: Inputs, of shape (samples, inputs) for all networks alike or (genomes, samples, inputs).
            genomes: Which networks: indices, each at most once, or a bool mask of shape (genomes,); all of them
                by default. With n of them, "genomes" is n in the shapes of `x` and of the result, in the order
                of the indices. The state of the others stays as it is.

        Returns:
            float32 array of shape (genomes, samples, outputs), numpy's or, on a GPU, cupy's.

        Raises:
            ValueError: Another shape, numbers that float32 cannot hold, an index out of range or given twice,
                or, for recurrent networks, another number of samples than in the first activation of any of
                them since the last `reset` of all.
            RuntimeError: Another thread is activating or resetting these networks, which are recurrent.
            IndexError: A registered activation or aggregation used an index out of range.
        """
        chosen = self._all if genomes is None else self._chosen(genomes)
        array = self._check(x, "(samples, inputs) or (genomes, samples, inputs)", 2, len(chosen))
        return self._run(array[np.newaxis], chosen)[:, 0]

    def activate_sequence(self, x: Any) -> Any:
        """Activate every network at successive times; the same as as many calls of `activate`.

        Args:
            x: Inputs, of shape (times, samples, inputs) for all networks alike or
                (genomes, times, samples, inputs).

        Returns:
            float32 array of shape (genomes, times, samples, outputs), numpy's or, on a GPU, cupy's.

        Raises:
            ValueError: As `activate`.
            RuntimeError: As `activate`.
            IndexError: As `activate`.
        """
        array = self._check(x, "(times, samples, inputs) or (genomes, times, samples, inputs)", 3, len(self))
        return self._run(self._engine.arrays.xp.moveaxis(array, 1, 0), self._all)

    def reset(self, genomes: Any = None) -> None:
        """Forget the recurrent state, so that the next step reads 0 from every node.

        Args:
            genomes: Which networks': indices, each at most once, or a bool mask of shape (genomes,); all of
                them by default. Only a reset of all allows another number of samples.

        Raises:
            ValueError: The mask has another shape, or an index is out of range or given twice.
            RuntimeError: As `activate`.
        """
        chosen = None if genomes is None else self._chosen(genomes)
        if self.feed_forward:
            return
        with self._in_use:
            if chosen is None:
                self._samples = None
            elif self._samples is not None:
                self._engine.clear(chosen)

    def _chosen(self, genomes: Any) -> np.ndarray:
        check_unmasked("genomes", genomes)
        try:
            chosen = np.asarray(genomes)
        except ValueError:
            raise ValueError(
                "genomes: expected a bool mask or integers, got rows of different lengths"
            ) from None
        if chosen.dtype == bool:
            if chosen.shape != (len(self),):
                raise ValueError(f"genomes: expected a mask of shape ({len(self)},), got {chosen.shape}")
            return np.flatnonzero(chosen)
        if chosen.size == 0:
            return np.zeros(0, np.int64)
        if chosen.dtype.kind not in "iu":
            raise ValueError(f"genomes: expected a bool mask or integers, got dtype {chosen.dtype}")
        chosen = chosen.astype(np.int64).ravel()
        if chosen.min() < 0 or chosen.max() >= len(self):
            raise ValueError(
                f"genomes: expected indices from 0 to {len(self) - 1}, got {shown(chosen.tolist())}"
            )
        times = np.bincount(chosen)
        if times.max() > 1:
            raise ValueError(
                f"genomes: expected each index at most once, got {times.argmax()} {times.max()} times"
            )
        return chosen

    def _check(self, x: Any, shapes: str, dimensions: int, genomes: int) -> Any:
        """Inputs with a first dimension of 1 or `genomes`."""
        with self._engine.arrays.current():
            array = as_float32("x", x, self._engine.arrays)
        if array.ndim == dimensions:
            array = array[np.newaxis]
        elif array.ndim != dimensions + 1:
            raise ValueError(f"x: expected shape {shapes}, got {array.shape}")
        elif array.shape[0] != genomes:
            raise ValueError(f"x: expected {genomes} genomes in shape {shapes}, got {array.shape}")
        check_size("x", "inputs", array.shape[-1], self.num_inputs)
        return array

    def _run(self, x: Any, chosen: np.ndarray) -> Any:
        """`x`: (times, 1 or n, samples, inputs); `chosen`: int64 (n,)."""
        if self.feed_forward:
            return self._engine.activate(x, chosen)
        samples = x.shape[2]
        with self._in_use:
            if self._samples is None:
                self._engine.forget(samples)
                self._samples = samples
            elif self._samples != samples:
                raise ValueError(
                    f"x: expected {self._samples} samples, as in the step before, got {samples}; reset() first"
                )
            return self._engine.activate(x, chosen)


def writable_programs(networks: Networks) -> Programs:
    """The arrays behind `Networks.programs`: for read-only ones, numba would compile every kernel anew.

    Raises:
        ValueError: The networks are not on the CPU.
    """
    engine = networks._engine
    if not isinstance(engine, _Cpu):
        raise ValueError(
            f'programs: those of networks on the CPU can be seen; compile(…, "cpu"), got {networks.device}'
        )
    return engine.programs
