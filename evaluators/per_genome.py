"""Fitness from a plain Python function of one network, in this process or in several."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np

from evaluators.checks import as_float32
from evaluators.cpu import activate_range
from evaluators.network import Networks, compile, on_cpu, writable_programs
from evaluators.program import Programs
from neat.activations import ACTIVATIONS, AGGREGATIONS
from neat.genome import Genomes
from neat.validation import check_unmasked


class Network:
    """One genome's network, for one sample at a time.

    Attributes:
        num_inputs: Inputs, without the bias input.
        num_outputs: Outputs.
    """

    def __init__(self, networks: Networks) -> None:
        self.num_inputs = networks.num_inputs
        self.num_outputs = networks.num_outputs
        self._programs = writable_programs(networks)
        self._recurrent = not networks.feed_forward
        self._input_count = self.num_inputs + networks.bias_input
        self._inputs = np.empty((1, 1, self.num_inputs, 1), np.float32)
        self._place = self._state_start = np.zeros(1, np.int64)
        self._state = np.zeros(self._programs.node_count[0] * self._recurrent, np.float32)

    def activate(self, inputs: Any) -> np.ndarray:
        """The outputs, float32 of shape (outputs,), for inputs of shape (inputs,).

        A recurrent network makes one step and keeps its state until `reset`.
        """
        x = as_float32("inputs", inputs)
        if x.shape != (self.num_inputs,):
            raise ValueError(f"inputs: expected shape ({self.num_inputs},), got {x.shape}")
        self._inputs[0, 0, :, 0] = x
        outputs = np.empty((1, 1, 1, self._programs.output_slot.shape[1]), np.float32)
        # The kernel itself: what Networks does around it takes several times as long as a small network.
        activate_range()(
            0,
            1,
            self._place,
            self._programs,
            self._inputs,
            self._input_count,
            self._recurrent,
            self._state_start,
            self._state,
            outputs,
        )
        return outputs[0, 0, 0]

    def reset(self) -> None:
        """Forget the recurrent state."""
        self._state.fill(0.0)


class PerGenome:
    """Fitness from a function of one network, `f(network) -> float`, called once for every genome.

    Args:
        function: Given a `Network`; higher is better. With several workers it must be importable by its name,
            that is defined with `def` at the top of a module or a script; what it needs (activations that it
            registers, files that it reads) must be there at the top too, since every worker imports anew.
        workers: Processes. With 1 the function is called in this one. More are started when first needed, and
            end with `close`, or when the evaluator is used in a `with` block.

    Raises:
        ValueError: `workers` is not a positive integer, or the function cannot be sent to workers.
    """

    def __init__(self, function: Callable[[Network], float], workers: int = 1) -> None:
        if not callable(function):
            raise ValueError(f"function: expected a function of a network, got {function!r}")
        if isinstance(workers, bool) or not isinstance(workers, int | np.integer) or workers < 1:
            raise ValueError(f"workers: expected an integer of at least 1, got {workers!r}")
        if workers > 1:
            try:
                pickle.dumps(function)
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise ValueError(
                    f"function: workers need one that is defined at the top of a module, got {function!r} "
                    f"({error})"
                ) from None
        self.function = function
        self.workers = int(workers)
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None

    def __call__(self, genomes: Genomes) -> np.ndarray:
        """Fitness of every genome, float64 of shape (genomes,).

        Raises:
            ValueError: The function gave something that is not a number.
            RuntimeError: The function raised an error in a worker, or a worker died.
        """
        networks = compile(genomes, "cpu")
        if self.workers == 1:
            return np.array([_call(self.function, networks, index) for index in range(len(networks))])
        chunks = np.array_split(np.arange(len(networks)), min(len(networks), 4 * self.workers))
        jobs = [
            self._started().submit(_work, self.function, _part(networks, chunk), int(chunk[0]), _table())
            for chunk in chunks
        ]
        try:
            return np.concatenate([job.result() for job in jobs])
        except BrokenProcessPool:
            self.close()
            raise RuntimeError(
                "a worker process ended before its work was done; a script that uses workers must do so "
                "under `if __name__ == '__main__':`"
            ) from None
        except BaseException:
            for job in jobs:
                job.cancel()
            raise

    def close(self) -> None:
        """End the worker processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> PerGenome:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _started(self) -> concurrent.futures.ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = concurrent.futures.ProcessPoolExecutor(self.workers, mp_context=context)
        return self._pool


def _table() -> tuple[str, ...]:
    return tuple([entry.name for entry in ACTIVATIONS] + [entry.name for entry in AGGREGATIONS])


def _part(networks: Networks, indices: np.ndarray) -> Networks:
    """Consecutive networks, to be sent to a worker."""
    p = writable_programs(networks)
    begin, end = int(indices[0]), int(indices[-1]) + 1
    nodes = slice(p.node_start[begin], p.node_start[end])
    links = slice(p.link_start[begin], p.link_start[end])
    part = Programs(
        node_start=p.node_start[begin : end + 1] - nodes.start,
        link_start=p.link_start[begin : end + 1] - links.start,
        node_count=p.node_count[begin:end],
        node_bias=p.node_bias[nodes],
        node_response=p.node_response[nodes],
        node_activation=p.node_activation[nodes],
        node_aggregation=p.node_aggregation[nodes],
        link_end=p.link_end[nodes] - links.start,
        link_source=p.link_source[links],
        link_weight=p.link_weight[links],
        output_slot=p.output_slot[begin:end],
    )
    return on_cpu(part, networks.num_inputs, networks.bias_input, networks.feed_forward)


def _call(function: Callable[[Network], float], networks: Networks, index: int) -> float:
    fitness = function(Network(_part(networks, np.array([index]))))
    check_unmasked("function", fitness)
    try:
        return float(fitness)
    except (TypeError, ValueError):
        raise ValueError(f"function: expected a number as fitness, got {fitness!r}") from None


def _work(
    function: Callable[[Network], float], networks: Networks, first: int, table: tuple[str, ...]
) -> list[float]:
    """In a worker: the fitness of these networks, the first of which is genome number `first`."""
    if table != _table():
        missing = sorted(set(table) - set(_table())) or list(table)
        raise RuntimeError(f"a worker does not know {', '.join(missing)}: register at the top of the script")
    fitness = []
    for index in range(len(networks)):
        try:
            fitness.append(_call(function, networks, index))
        except Exception as error:
            message = f"genome {first + index}: {type(error).__name__}: {error}"
            raise RuntimeError(f"the function failed in a worker for {message}") from None
    return fitness
