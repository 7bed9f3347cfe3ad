"""Networks compiled from genomes, for callers that activate them in their own loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.checks import as_batch, as_float32, check_current, check_size
from evaluators.devices import read_only, resolve_device
from evaluators.engine import Engine, engine_for, unsupported_reason
from evaluators.program.compiled import NetworkBatch
from evaluators.program.program import Programs
from evaluators.thread_guard import Exclusive
from neat.genome.genome import Genome, Genomes
from neat.kernels.parallel import Workers
from neat.support.messages import quote
from neat.support.validation import check_unmasked


def compile(genomes: Genomes | Genome, device: str = "cpu", workers: Workers | None = None) -> Networks:
    """Compile genomes to networks: drop the genes that no output depends on, and put the others in evaluation order.

    Args:
        genomes: `neat.Genomes`, or a single `neat.Genome`.
        device: "cpu", "cuda", "cuda:1" or "auto" (see `evaluators.devices.resolve_device`). Outputs are arrays of that
            device: numpy arrays on the CPU, cupy arrays on a GPU.
        workers: The threads that run networks on the CPU; None: the shared ones. Results do not depend on them.

    Raises:
        ValueError: The device is not available, or `genomes` is of another type.
    """
    engine = engine_for(resolve_device(device, unsupported_reason), workers)
    batch = as_batch(genomes)
    check_current(batch)
    return Networks(engine, batch)


class Networks:
    """The networks of G genomes. `evaluators.compile` makes them.

    Feed-forward networks have no memory. An activation of recurrent networks is one synchronous step: every node reads
    the current inputs, and the nodes' values from the step before, which are 0 after `reset`. Each sample of a call has
    its own state. Time passes from call to call, or within `activate_sequence`.

    Threads may share feed-forward networks. Recurrent networks have one state: if two threads activate or reset them at
    the same time, one of the threads gets a RuntimeError.

    On a GPU, inputs may be cupy arrays, or any arrays with `__cuda_array_interface__` or DLPack, which do not pass
    through the host. Outputs are cupy arrays. A call uses cupy's current stream, and returns before the GPU is done, as
    cupy itself does. Use the same networks on one stream at a time.
    """

    def __init__(self, engine: Engine, networks: NetworkBatch) -> None:
        self._num_inputs = networks.num_inputs
        self._num_outputs = networks.num_outputs
        self._bias_input = networks.bias_input
        self._feed_forward = networks.feed_forward
        self._activator = engine.activator(networks)
        self._all = np.arange(len(networks))
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
        """The networks as read-only arrays; raises a ValueError unless they are on the CPU."""
        return Programs(*map(read_only, writable_programs(self)))

    @property
    def device(self) -> str:
        """The name of the device that holds the networks."""
        return self._activator.arrays.device

    def __len__(self) -> int:
        return len(self._activator)

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
            float32 array of shape (genomes, samples, outputs), from numpy or, on a GPU, from cupy.

        Raises:
            ValueError: `x` has the wrong shape or numbers that float32 cannot hold, or an index is out of range or
                given twice. Or the networks are recurrent, and the number of samples differs from that of the first
                activation since the last `reset` of all.
            RuntimeError: Another thread is activating or resetting these recurrent networks.
            IndexError: A registered activation or aggregation used an index out of range.
        """
        chosen = self._all if genomes is None else self._chosen(genomes)
        array = self._check(x, "(samples, inputs) or (genomes, samples, inputs)", 2, len(chosen))
        return self._run(array[np.newaxis], chosen)[:, 0]

    def activate_sequence(self, x: Any) -> Any:
        """Activate every network at successive times, as one call of `activate` per time does.

        Args:
            x: Inputs, of shape (times, samples, inputs) for all networks alike or
                (genomes, times, samples, inputs).

        Returns:
            float32 array of shape (genomes, times, samples, outputs), from numpy or, on a GPU, from cupy.

        Raises:
            ValueError: `activate` would raise it.
            RuntimeError: Another thread is activating or resetting these recurrent networks.
            IndexError: A registered activation or aggregation used an index out of range.
        """
        array = self._check(x, "(times, samples, inputs) or (genomes, times, samples, inputs)", 3, len(self))
        return self._run(self._activator.arrays.xp.moveaxis(array, 1, 0), self._all)

    def reset(self, genomes: Any = None) -> None:
        """Set the state of recurrent networks to 0.

        Args:
            genomes: Which networks: indices, each at most once, or a bool mask of shape (genomes,); all of
                them by default. Only a reset of all allows another number of samples.

        Raises:
            ValueError: The mask has another shape, or an index is out of range or given twice.
            RuntimeError: Another thread is activating or resetting these recurrent networks.
        """
        chosen = None if genomes is None else self._chosen(genomes)
        if self.feed_forward:
            return
        with self._in_use:
            if chosen is None:
                self._samples = None
            elif self._samples is not None:
                self._activator.clear(chosen)

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
                f"genomes: expected indices from 0 to {len(self) - 1}, got {quote(chosen.tolist())}"
            )
        times = np.bincount(chosen)
        if times.max() > 1:
            raise ValueError(
                f"genomes: expected each index at most once, got {times.argmax()} {times.max()} times"
            )
        return chosen

    def _check(self, x: Any, shapes: str, dimensions: int, genomes: int) -> Any:
        """Return the inputs with a first dimension of 1 or `genomes`."""
        with self._activator.arrays.current():
            array = as_float32("x", x, self._activator.arrays)
        if array.ndim == dimensions:
            array = array[np.newaxis]
        elif array.ndim != dimensions + 1:
            raise ValueError(f"x: expected shape {shapes}, got {array.shape}")
        elif array.shape[0] != genomes:
            raise ValueError(f"x: expected {genomes} genomes in shape {shapes}, got {array.shape}")
        check_size("x", "inputs", array.shape[-1], self.num_inputs)
        return array

    def _run(self, x: Any, chosen: np.ndarray) -> Any:
        """Activate `chosen`, int64 (n,), with `x`, float32 (times, 1 or n, samples, inputs)."""
        if self.feed_forward:
            return self._activator.activate(x, chosen)
        samples = x.shape[2]
        with self._in_use:
            if self._samples is None:
                self._activator.forget(samples)
                self._samples = samples
            elif self._samples != samples:
                raise ValueError(
                    f"x: expected {self._samples} samples, as in the step before, got {samples}; reset() first"
                )
            return self._activator.activate(x, chosen)


def writable_programs(networks: Networks) -> Programs:
    """Return the writable arrays behind `Networks.programs`: numba would compile every kernel again for read-only ones.

    Raises:
        ValueError: The networks are not on the CPU.
    """
    return networks._activator.programs
