"""Fitness from a user-defined function of one network, called in this process or in several."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np

from evaluators.checks import (
    as_batch,
    as_float32,
    as_genome,
    check_choice,
    check_count,
    check_current,
    check_seconds,
)
from evaluators.cpu.compilation import as_compiled
from evaluators.cpu.engine import CpuEngine
from evaluators.cpu.kernels import States, activate_range
from evaluators.models.inputs import Rows
from evaluators.models.model import Model
from evaluators.models.outputs import Raw
from evaluators.network import Networks, compile, writable_programs
from evaluators.pictures.canvas import WIDTH
from evaluators.pictures.episode import film_frames
from evaluators.pictures.film import Film
from evaluators.program.compiled import CompiledNetworks
from evaluators.program.passes import Batch
from evaluators.program.program import Shape
from evaluators.thread_guard import Exclusive
from neat.activations import ACTIVATIONS, AGGREGATIONS
from neat.genome.genome import Genome, Genomes
from neat.kernels import rng
from neat.kernels.work_pieces import pieces_of
from neat.processes.worker_processes import RETRIES, WorkerProcesses, check_importable
from neat.support.messages import quote, shorten, summarise_error
from neat.support.validation import to_number

_log = logging.getLogger("evaluators")

_NO_KEY = rng.Key(0, 0, 0)  # type: ignore[arg-type]


class Network:
    """One genome's network, for one sample at a time.

    Threads may share a feed-forward network. A recurrent network has one state: it raises a RuntimeError if two threads
    activate or reset it at the same time.

    Args:
        networks: One network.
        key: What random numbers of the genome depend on, for `seed`.

    Attributes:
        num_inputs: Number of inputs, without the bias input.
        num_outputs: Number of outputs.
    """

    def __init__(self, networks: Networks, key: rng.Key = _NO_KEY) -> None:
        self._key = key
        self.num_inputs = networks.num_inputs
        self.num_outputs = networks.num_outputs
        self._programs = writable_programs(networks)
        recurrent = not networks.feed_forward
        self._shape = Shape(self.num_inputs + networks.bias_input, recurrent)
        self._place = np.zeros(1, np.int64)
        self._states = States(np.zeros(self._programs.node_count[0] * recurrent, np.float32), self._place)
        self._in_use: AbstractContextManager[None] = nullcontext()
        if recurrent:
            self._in_use = Exclusive(
                "network: another thread is using this recurrent network, which has one state"
            )

    @property
    def seed(self) -> int:
        """An integer below 2⁶³ for the random numbers of a simulator, so that runs repeat.

        It depends on the run's seed, the generation and the index of the genome, and on nothing else.
        """
        seed, generation, genome = self._key
        high, low, _, _ = rng.block(np.uint64(seed), generation, genome + 1, rng.EVALUATION, 0)
        return (int(high) << 31) | (int(low) >> 1)

    def activate(self, inputs: Any) -> np.ndarray:
        """Return the outputs, float32 of shape (outputs,), for inputs of shape (inputs,).

        A recurrent network makes one step, and keeps its state until `reset`.
        """
        x = as_float32("inputs", inputs)
        if x.shape != (self.num_inputs,):
            raise ValueError(f"inputs: expected shape ({self.num_inputs},), got {x.shape}")
        column = np.empty((1, 1, self.num_inputs, 1), np.float32)
        column[0, 0, :, 0] = x  # a copy: the kernel is built for writable arrays
        outputs = np.empty((1, 1, 1, self._programs.output_slot.shape[1]), np.float32)
        with self._in_use:
            # Calls the kernel directly: the overhead of Networks is several times the time of a small network.
            activate_range()(
                pieces_of(1, 1),
                self._place,
                self._programs,
                self._shape,
                Batch(column, outputs),
                self._states,
            )
        return outputs[0, 0, 0]

    def reset(self) -> None:
        """Set the recurrent state to 0."""
        with self._in_use:
            self._states.values.fill(0.0)


class PerGenome:
    """Fitness from a function of one network, `f(network) -> float`, called once for every genome.

    To be watched with `record`, the function is a generator: it yields a frame at each step, and returns the fitness.
    A frame is a picture, uint8 (height, width, 3), or a list of `evaluators.environments.shapes`, or a function without
    arguments that returns one of these. Evolution never calls a frame that is a function, so such frames cost it
    nothing.

    A worker process that dies is replaced, and its genomes are evaluated again, at most `retries` times. The fitness
    depends neither on this nor on the number of workers. A function that raises an exception is not called again. Seed
    random numbers by `network.seed`, so that runs repeat.

    Args:
        function: Takes a `Network` and returns its fitness; higher is better. With several workers it must be
            importable by its name, that is defined with `def` at the top of a module or a script. What it needs, such
            as activations to register, must also be at the top, since every worker imports the module again.
        workers: Number of processes. 1: the function is called in this process. Others start with the first call, and
            end with `close`, with the `with` block, or with this process.
        timeout: Seconds that one call of the function may take; a worker that takes longer is replaced like one that
            died. Genomes are then sent to the workers one by one, which takes about 0.4 ms each. None: no limit.
        retries: How often genomes are evaluated again after their worker died or took too long.
        on_error: What happens if the function raises for a genome, or its workers are lost. "raise": the call raises.
            "worst": the genome gets the fitness −inf, and the log says why; genomes are then sent one by one too.

    Raises:
        ValueError: `workers` or `timeout` is not a positive number, `timeout` is given without workers, or the function
            cannot be sent to workers.
    """

    def __init__(
        self,
        function: Callable[[Network], float | Generator[Any, None, float]],
        workers: int = 1,
        timeout: float | None = None,
        retries: int = RETRIES,
        on_error: Literal["raise", "worst"] = "raise",
    ) -> None:
        if not callable(function):
            raise ValueError(f"function: expected a function of a network, got {quote(function)}")
        if isinstance(workers, bool) or not isinstance(workers, int | np.integer) or workers < 1:
            raise ValueError(f"workers: expected an integer of at least 1, got {quote(workers)}")
        if timeout is not None:
            check_seconds("timeout", timeout)
            if workers == 1:
                raise ValueError(
                    "timeout: needs workers of at least 2, since only processes can be ended, got 1"
                )
        check_count("retries", retries, 0)
        check_choice("on_error", on_error, ("raise", "worst"))
        if workers > 1:
            check_importable("function", function, ", or use workers=1")
        self.function = function
        self.workers = int(workers)
        self.timeout = timeout
        self.retries = int(retries)
        self.on_error = on_error
        self._pool: WorkerProcesses | None = None

    def __call__(self, genomes: Genomes) -> np.ndarray:
        """Return the fitness of every genome, float64 of shape (genomes,).

        Raises:
            ValueError: The function did not return a number.
            RuntimeError: The function raised in a worker, or a worker died or took too long in every attempt.
        """
        batch = as_batch(genomes)
        check_current(batch)
        compiled = as_compiled(batch)
        key = rng.Key(batch.seed, batch.generation, batch.first)  # type: ignore[arg-type]
        if self.workers == 1:
            return np.array([self._call(compiled, index, key) for index in range(len(compiled))])
        if self._pool is None:
            if self.timeout is not None:  # workers find the compiled code on disk
                Networks(CpuEngine(), compiled).activate(np.zeros((1, compiled.num_inputs)))
            self._pool = WorkerProcesses(
                functools.partial(_evaluate_networks, self.function),
                self.workers,
                self.timeout,
                retries=self.retries,
            )
        keeps_errors = self.on_error == "worst"
        count = len(batch) if self.timeout or keeps_errors else min(len(batch), 4 * self.workers)
        chunks = np.array_split(np.arange(len(batch)), count)
        tasks = [
            (compiled.part(int(chunk[0]), int(chunk[-1]) + 1), _move(key, int(chunk[0])), _registered_names())
            for chunk in chunks
        ]
        names = [_describe_genomes(batch.first + chunk) for chunk in chunks]
        results = (self._pool.map_with_errors if keeps_errors else self._pool.map)(tasks, names)
        return np.concatenate(
            [
                _log_failure(name, result) if isinstance(result, Exception) else result
                for name, result in zip(names, results, strict=True)
            ]
        )

    def _call(self, networks: CompiledNetworks, index: int, key: rng.Key) -> float:
        """Return the fitness of one network, evaluated in this process."""
        try:
            return _evaluate(self.function, networks, index, key)
        except Exception as error:
            if self.on_error == "raise":
                raise
            return _log_failure(f"genome {key.genome + index}", error)[0]

    def model(self, champion: Genome) -> Model:
        """Return a model of a genome, whose `predict` and `act` return the outputs of its network.

        Only the function knows what the outputs mean. A feed-forward model predicts and acts; a recurrent one acts.
        """
        return Model(champion, Rows(), Raw())

    def record(
        self, genome: Genome | Model, path: str | Path, width: int = WIDTH, seconds: float | None = None
    ) -> None:
        """Write a film of the frames that the function yields for a genome.

        Args:
            genome: The genome; or the model that `model` returned.
            path: The file: .gif, which is kept below 500 kB if need be with fewer frames, colours and pixels; or .mp4,
                if the program ffmpeg is installed.
            width: The width in pixels, unless that makes the film higher than three quarters of it.
            seconds: The duration; None: about 6 seconds, but at most 25 frames a second. A GIF with more than 50 frames
                a second would be slow in browsers, and takes longer instead. The last frame is held for another 1.2
                seconds.

        Raises:
            ValueError: An argument is out of range, the function yields no frames, or a frame is none.
        """
        film = Film(path, width, seconds)
        if isinstance(genome, Model):
            genome = genome.genome
        own = as_genome("genome", genome).genomes
        key = rng.Key(own.seed, own.generation, own.first)  # type: ignore[arg-type]
        frames = self.function(Network(compile(own, "cpu"), key))
        if not isinstance(frames, Generator):
            raise ValueError(
                "function: cannot be recorded: write `yield frame` in each step, where frame is a list of shapes or a "
                f"picture, and `return fitness` at the end; it returned {quote(frames)}"
            )
        film_frames(frames, film)

    def close(self) -> None:
        """End the worker processes."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def __enter__(self) -> PerGenome:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _describe_genomes(chunk: np.ndarray) -> str:
    return f"genome {chunk[0]}" if len(chunk) == 1 else f"genomes {chunk[0]} to {chunk[-1]}"


def _log_failure(name: str, error: Exception) -> list[float]:
    """Log why a genome failed, and return its fitness."""
    _log.warning("%s gets the worst fitness: %s", name, summarise_error(error))
    return [-np.inf]


def _registered_names() -> tuple[str, ...]:
    return tuple([entry.name for entry in ACTIVATIONS] + [entry.name for entry in AGGREGATIONS])


def _move(key: rng.Key, places: int) -> rng.Key:
    """Return the key of a later genome."""
    return key._replace(genome=key.genome + places)


def _evaluate(
    function: Callable[[Network], Any], networks: CompiledNetworks, index: int, first: rng.Key
) -> float:
    network = Networks(CpuEngine(), networks.part(index, index + 1))
    fitness: Any = function(Network(network, _move(first, index)))
    if isinstance(fitness, Generator):
        fitness = _exhaust(fitness)
    try:
        return to_number("fitness", fitness)
    except ValueError as error:
        raise ValueError(f"function: {error}") from None


def _exhaust(frames: Generator[Any, None, Any]) -> Any:
    """Return what a generator returns."""
    while True:
        try:
            next(frames)
        except StopIteration as end:
            return end.value


def _evaluate_networks(
    function: Callable[[Network], Any], task: tuple[CompiledNetworks, rng.Key, tuple[str, ...]]
) -> list[float]:
    """Return the fitness of networks; called in a worker.

    A task consists of the networks, the key of the first genome, and the parent's activations and aggregations.
    """
    networks, first, names = task
    if names != _registered_names():
        missing = sorted(set(names) - set(_registered_names())) or list(names)
        raise RuntimeError(
            f"a worker does not know {shorten(', '.join(missing), 500)}: register at the top of the script"
        )
    fitness = []
    for index in range(len(networks)):
        try:
            fitness.append(_evaluate(function, networks, index, first))
        except Exception as error:
            message = (
                f"the function failed in a worker for genome {first.genome + index}: {summarise_error(error)}"
            )
            raise RuntimeError(message) from error
    return fitness
