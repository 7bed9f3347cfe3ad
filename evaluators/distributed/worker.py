"""What a worker does: make evaluators, and evaluate chunks of genomes with them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import pickle
import platform
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from neat.genome.genome import Genomes
from neat.processes.worker_processes import sendable_error
from neat.support.messages import shorten

Results = dict[str, np.ndarray]

_MOST_EVALUATORS = 4  # the most WorkerEvaluators that a process keeps; each belongs to one `Distributed`


class Job(NamedTuple):
    """What workers do with each chunk of some genomes."""

    method: str
    """The name of the evaluator's method."""
    genomes: Genomes
    arguments: tuple[Any, ...]
    """What the method takes beside the genomes."""
    keeps_failures: bool
    """Whether the other genomes of a chunk are evaluated if one of them fails."""
    named: tuple[tuple[str, Any], ...] = ()
    """What the method takes by name."""


class Failure(NamedTuple):
    """A genome whose evaluation failed."""

    genome: int
    """Its index in the generation."""
    error: BaseException


class Introduction(NamedTuple):
    """What the driver knows of a worker."""

    name: str
    """Its host and the number of its process."""
    versions: dict[str, str]
    """Versions of Python and of packages, by name."""
    digest: str
    """A digest of its results for the probe; empty if there is none."""


class Answer(NamedTuple):
    """A worker's answer to a chunk."""

    results: Results
    """Arrays by name; of the genomes that did not fail."""
    failures: list[Failure]
    seconds: float
    introduction: Introduction


def name_worker() -> str:
    """Return the host and the number of this process."""
    return f"{socket.gethostname()}, process {os.getpid()}"


def versions() -> dict[str, str]:
    """Return the versions, by name, that all workers must share with the driver."""
    packages = {name: importlib.metadata.version(name) for name in ("batchneat", "numpy", "numba")}
    return {"Python": platform.python_version().rpartition(".")[0], **packages}


class WorkerEvaluators:
    """Evaluators of a worker: one for each of its threads that are at work.

    Args:
        make_evaluator: The pickled function that makes an evaluator.
        probe: A job whose results the driver compares; None for none.
    """

    def __init__(self, make_evaluator: bytes, probe: Job | None) -> None:
        make: Callable[[], Any] = pickle.loads(make_evaluator)
        self._make = make
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()
        self._idle.put(make())
        digest = "" if probe is None else self._digest(probe)
        self.introduction = Introduction(name_worker(), versions(), digest)

    def answer(self, job: Job, begin: int, end: int) -> Answer:
        """Do a job for the genomes `begin` to `end`, the latter excluded."""
        start = time.perf_counter()
        results, failures = self._work(job, job.genomes.part(begin, end))
        return Answer(results, failures, time.perf_counter() - start, self.introduction)

    def _work(self, job: Job, part: Genomes) -> tuple[Results, list[Failure]]:
        try:
            evaluator = self._idle.get_nowait()
        except queue.Empty:
            evaluator = self._make()
        try:
            return _evaluate(evaluator, job, part)
        finally:
            self._idle.put(evaluator)

    def _digest(self, probe: Job) -> str:
        results, failures = self._work(probe, probe.genomes)
        digest = hashlib.sha256(repr([(each.genome, type(each.error)) for each in failures]).encode())
        for name, array in sorted(results.items()):
            digest.update(name.encode() + array.tobytes())
        return digest.hexdigest()


def _evaluate(evaluator: Any, job: Job, part: Genomes) -> tuple[Results, list[Failure]]:
    """Return the results of a part; if that fails, those of its genomes one by one, to find the one that fails."""
    try:
        # A class's own `__call__` is what a call finds.
        work = evaluator if job.method == "__call__" else getattr(evaluator, job.method)
        results = work(part, *job.arguments, **dict(job.named))
        return (results if isinstance(results, dict) else {"fitness": np.asarray(results, np.float64)}), []
    except Exception as error:
        if len(part) == 1:
            return {}, [Failure(part.first, sendable_error(error))]
    parts: list[Results] = []
    failures: list[Failure] = []
    for index in range(len(part)):
        single, failed = _evaluate(evaluator, job, part.part(index, index + 1))
        failures += failed
        if failed and not job.keeps_failures:
            return {}, failures
        if not failed:
            parts.append(single)
    return join(parts), failures


def join(parts: list[Results]) -> Results:
    """Return the results of several parts, one part after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}


_evaluators: dict[str, WorkerEvaluators] = {}  # of this process, by the driver's token
_making = threading.Lock()


def answer_in_process(
    token: str, make_evaluator: bytes, probe: Job | None, job: Job, begin: int, end: int
) -> Answer:
    """Do a job for a chunk in a process of an executor, whose evaluators are made by the first call with a token."""
    with _making:
        if token not in _evaluators:
            while len(_evaluators) >= _MOST_EVALUATORS:
                del _evaluators[next(iter(_evaluators))]
            _evaluators[token] = WorkerEvaluators(make_evaluator, probe)
        evaluators = _evaluators[token]
    return evaluators.answer(job, begin, end)


def pickle_factory(make_evaluator: Callable[[], Any]) -> bytes:
    """Return the pickled function that makes evaluators.

    Raises:
        ValueError: It cannot be pickled.
    """
    try:
        try:
            import cloudpickle
        except ImportError:
            return pickle.dumps(make_evaluator)
        return cloudpickle.dumps(make_evaluator)
    except Exception as error:
        raise ValueError(
            f"make_evaluator: cannot be sent to workers ({shorten(str(error), 300)}); let the function itself make "
            "what cannot be sent, such as open files, connections and simulators"
        ) from None
