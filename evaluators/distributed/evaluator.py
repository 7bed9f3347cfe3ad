"""Fitness from evaluators on many workers."""

from __future__ import annotations

import functools
import operator
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple, get_args

import numpy as np

from evaluators.checks import as_batch, check_choice, check_count, check_seconds
from evaluators.distributed.backend import Backend, ExecutorBackend, check_executor, log
from evaluators.distributed.chunks import Cutter
from evaluators.distributed.dispatch import Dispatch, FailurePolicy, OnError
from evaluators.distributed.ray_backend import Needs, RayBackend
from evaluators.distributed.worker import Job, Results, pickle_factory
from neat.evaluation import Divisible, Stateful
from neat.genome.genome import Genome, Genomes
from neat.support.messages import quote

_COMPARED = 3  # the number of the generation that is compared with what one process would take


class Status(NamedTuple):
    """What the workers of a `Distributed` do."""

    workers: int
    slots: int
    """Chunks that they can do side by side."""
    under_way: int
    """Chunks that they do now."""
    deaths: int
    """Workers that have died or were killed so far."""
    waiting: float
    """The share of the last generation in which slots had nothing to do; NaN before its end."""

    def __str__(self) -> str:
        share = "–" if np.isnan(self.waiting) else f"{100 * self.waiting:.0f} %"
        return (
            f"workers: {self.workers}, chunks under way: {self.under_way} of {self.slots}, deaths: {self.deaths}, "
            f"waiting for work: {share}"
        )


class Distributed:
    """Fitness from evaluators on many workers: actors of a Ray cluster, or processes of an executor.

    Each worker makes its own evaluator, and evaluates chunks of the population. If the evaluator is deterministic, the
    fitness and everything else that it keeps are the same bytes for any number of workers and any chunks, also if
    workers die. This object makes one evaluator for itself, in this process, and has all its public members, such as
    `model`, `last` and `state`, except those that have the name of a member described here.

    A worker of a cluster that dies is replaced, and its chunks are given to others. A chunk that loses two workers is
    halved, until the genome is found that ends them. Nodes may join and leave while a run goes on; a generation ends as
    long as one worker lives. An executor neither ends nor replaces its processes.

    Args:
        make_evaluator: A function without arguments that returns an evaluator, called once in each worker, and again
            for each further slot that is busy. It can be a lambda if cloudpickle is installed, as it is with Ray. The
            data that it refers to are sent to the workers; let it read large data from files instead.
        cluster: "local": Ray starts on this machine; "auto": the cluster that this machine belongs to; or a cluster's
            address. A program that has called `ray.init` keeps its connection.
        executor: Evaluates instead of a cluster, such as a `ProcessPoolExecutor`, or those of Dask and mpi4py.
        workers: The number of workers. None: as many as the cluster has room for, or as the executor says. 0: this
            process evaluates. Then `timeout` and `on_error="worst"` are refused, and the other arguments below have
            no effect.
        slots_per_worker: Chunks that a worker of a cluster evaluates side by side, in threads. More than one pay off if
            evaluations wait, for instance for a simulator in another process. Each slot has its own evaluator.
        chunk_size: Genomes of a chunk; None: the library chooses by genes, and by the time that the last chunks took.
        retries: How often a single genome is evaluated again after its worker died or took too long.
        timeout: Seconds that a worker may take for a genome, times the genomes of its chunk. A worker of a cluster that
            takes longer is killed; with an executor, its chunk is only given to another. None: no limit.
        on_error: What happens if the evaluation of a genome raises an exception or loses its workers. "raise": the call
            raises a RuntimeError that names the genome, the error and the worker. "worst": the genome gets the fitness
            −inf, and the log says why. If only its learning fails, it keeps the fitness that it had before.
        probe: Genomes of the first generation that each worker evaluates first. It is refused if its results differ
            from those of the first worker. 0: no probe, for evaluators that are not deterministic.
        num_cpus: CPU cores that each worker of a cluster needs; also its threads for networks.
        num_gpus: GPUs that it needs; a fraction lets workers share one.
        resources: Other resources of Ray that it needs, by name.

    Attributes:
        evaluator: The evaluator of this process.

    Raises:
        ImportError: `cluster` is given, and Ray is not installed.
        ValueError: An argument has an unknown value, `make_evaluator` cannot be sent to workers, there is no such
            cluster, an argument needs workers and there are 0, or the evaluator keeps a state but is not
            `neat.evaluation.Divisible`.
    """

    def __init__(
        self,
        make_evaluator: Callable[[], Any],
        *,
        cluster: str | None = None,
        executor: Executor | None = None,
        workers: int | None = None,
        slots_per_worker: int = 1,
        chunk_size: int | None = None,
        retries: int = 2,
        timeout: float | None = None,
        on_error: OnError = "raise",
        probe: int = 2,
        num_cpus: float = 1,
        num_gpus: float = 0,
        resources: dict[str, float] | None = None,
    ) -> None:
        if not callable(make_evaluator):
            raise ValueError(f"make_evaluator: expected a function, got {quote(make_evaluator)}")
        _check_places(cluster, executor, workers, slots_per_worker)
        if chunk_size is not None:
            check_count("chunk_size", chunk_size)
        check_count("retries", retries, 0)
        check_count("probe", probe, 0)
        if timeout is not None:
            check_seconds("timeout", timeout)
        check_choice("on_error", on_error, get_args(OnError))
        if workers == 0:
            _check_without_workers(timeout, on_error)
        self.evaluator = _make(make_evaluator)
        self._policy = FailurePolicy(retries, timeout, on_error)
        self._cutter = Cutter(chunk_size)
        self._backend: Backend | None = None
        self._ended, self._waiting = time.perf_counter(), float("nan")
        self._divisions = 0
        pickled = pickle_factory(make_evaluator)
        if workers == 0:
            pass
        elif executor is not None:
            self._backend = ExecutorBackend(executor, _count_workers(executor, workers), pickled, probe)
        else:
            assert cluster is not None
            needs = Needs(num_cpus, num_gpus, resources or {})
            self._backend = RayBackend(cluster, workers, slots_per_worker, needs, pickled, probe)
        # A run asks whether an evaluator has optional members, so this object has those of its evaluator only.
        self.__class__ = _class_with_members(self.evaluator)

    def __call__(self, genomes: Genomes) -> np.ndarray:
        """Return the fitness of every genome, float64 of shape (genomes,).

        Raises:
            RuntimeError: A genome failed, and `on_error` is "raise"; or no worker is left.
        """
        return self._evaluate("__call__", "call_divided", genomes)

    @property
    def status(self) -> Status:
        """What the workers do."""
        if self._backend is None:
            return Status(0, 0, 0, 0, float("nan"))
        backend = self._backend
        slots = backend.slots
        return Status(backend.workers, slots, slots - backend.idle_slots, backend.deaths, self._waiting)

    def close(self) -> None:
        """End the workers, and a cluster that this object has started; an executor stays open."""
        if self._backend is not None:
            self._backend.close()
        getattr(self.evaluator, "close", lambda: None)()

    def __enter__(self) -> Distributed:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _validate(self, genomes: Genomes | Genome, *arguments: Any, **named: Any) -> np.ndarray:
        return self._evaluate("validate", "validate_divided", genomes, *arguments, **named)

    def _evaluate(
        self, method: str, divided: str, genomes: Genomes | Genome, /, *arguments: Any, **named: Any
    ) -> np.ndarray:
        """Return what a method of the evaluator returns; if it is Divisible, by its method `divided`."""
        if self._backend is None:
            return getattr(self.evaluator, method)(genomes, *arguments, **named)
        batch = as_batch(genomes)
        call = _Call(batch)
        if isinstance(self.evaluator, Divisible):
            divide = functools.partial(self._divide, call)
            fitness = getattr(self.evaluator, divided)(batch, divide, *arguments, **named)
        else:
            fitness = self._divide(call, method, batch, *arguments, **named)["fitness"]
        return call.mark_failed(fitness)

    def _divide(
        self, call: _Call, method: str, genomes: Genomes, /, *arguments: Any, **named: Any
    ) -> Results:
        """Let the workers do a job for a call (see `neat.evaluation.Divide`)."""
        assert self._backend is not None
        job = Job(method, genomes, arguments, self._policy.on_error == "worst", tuple(named.items()))
        self._backend.begin(job)
        start = time.perf_counter()
        spans = self._cutter.cut(genomes, self._backend.slots)
        is_selection = genomes is not call.genomes
        result = Dispatch(self._backend, job, self._policy, is_selection).run(spans)
        self._cutter.learn(genomes, result.spans, result.seconds)
        now, work, slots = time.perf_counter(), sum(result.seconds), self._backend.slots
        self._ended, self._waiting = now, max(0.0, 1 - work / ((now - self._ended) * max(1, slots)))
        if slots > 1:
            self._tell_if_slower(work, now - start)
        if not is_selection:
            call.failed.update(result.failed.tolist())
        return result.results

    def _tell_if_slower(self, work: float, whole: float) -> None:
        """Log once if evaluations took less time than handing them out; not at first, when workers compile."""
        self._divisions += 1
        if self._divisions == _COMPARED and work < whole:
            log.warning(
                "workers: a generation takes %.3g ms, and its evaluations only %.3g ms in all: one process is faster "
                "(workers=0, or no --cluster)",
                1e3 * whole,
                1e3 * work,
            )


class _Call:
    """A call of an evaluator, which may divide the work for its genomes, or for some of them, more than once."""

    def __init__(self, genomes: Genomes) -> None:
        self.genomes = genomes
        self.failed: set[int] = set()

    def mark_failed(self, fitness: np.ndarray) -> np.ndarray:
        """Set the fitness of genomes that failed to −inf, and return it."""
        fitness[list(self.failed)] = -np.inf
        return fitness


def _check_places(cluster: Any, executor: Any, workers: Any, slots_per_worker: Any) -> None:
    if workers is not None:
        check_count("workers", workers, 0)
    check_count("slots_per_worker", slots_per_worker, 1, 4096)
    if executor is not None:
        check_executor(executor)
        if cluster is not None:
            raise ValueError(f"cluster: cannot be given with executor, got {quote(cluster)}")
        if slots_per_worker != 1:
            raise ValueError(f"slots_per_worker: must be 1 with executor, got {slots_per_worker}")
    elif workers != 0 and (not isinstance(cluster, str) or not cluster):
        raise ValueError(
            f"cluster: expected 'auto', 'local' or an address, unless executor is given, got {quote(cluster)}"
        )


def _check_without_workers(timeout: float | None, on_error: OnError) -> None:
    """Raise a ValueError if an argument has no meaning without workers."""
    if timeout is not None:
        raise ValueError(
            f"timeout: needs workers, since this process cannot be ended, got workers 0 and {timeout:g}"
        )
    if on_error == "worst":
        raise ValueError(
            "on_error: needs workers, since an exception here ends the call, got workers 0 and 'worst'"
        )


def _make(make_evaluator: Callable[[], Any]) -> Any:
    evaluator = make_evaluator()
    if not callable(evaluator):
        raise ValueError(
            f"make_evaluator: expected a function that returns an evaluator, got {quote(evaluator)}"
        )
    if isinstance(evaluator, Stateful) and not isinstance(evaluator, Divisible):
        raise ValueError(
            f"make_evaluator: {type(evaluator).__name__} has a state, which workers cannot share; define call_divided "
            "(see neat.evaluation.Divisible)"
        )
    return evaluator


def _count_workers(executor: Executor, workers: int | None) -> int:
    count = workers or getattr(executor, "_max_workers", None) or getattr(executor, "num_workers", None)
    if not isinstance(count, int):
        raise ValueError(
            f"workers: must be given, since {type(executor).__name__} does not say how many it has"
        )
    return count


def _class_with_members(evaluator: Any) -> type[Distributed]:
    """Return a subclass that also has the public members of an evaluator whose names are not its own."""
    members: dict[str, Any] = {}
    for name in dir(evaluator):
        if not name.startswith("_") and name != "evaluator" and not hasattr(Distributed, name):
            members[name] = property(operator.attrgetter(f"evaluator.{name}"))
    if "validate" in members:
        members["validate"] = Distributed._validate
    return type("Distributed", (Distributed,), members)
