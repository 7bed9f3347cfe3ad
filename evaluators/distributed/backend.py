"""Define the protocol of a backend, which hands chunks to workers, and the backend of an executor."""

from __future__ import annotations

import concurrent.futures
import itertools
import logging
import time
import uuid
from typing import NamedTuple, Protocol

from evaluators.distributed.worker import Answer, Introduction, Job, answer_in_process, versions
from neat.support.messages import quote, summarise_error

log = logging.getLogger("evaluators")


class Event(NamedTuple):
    """What has become of a chunk."""

    key: int
    """What `submit` returned."""
    answer: Answer | None
    """The worker's answer; None if it was lost."""
    loss: str = ""
    """Why it was lost; continues "a worker …"."""
    is_suspect: bool = True
    """Whether the chunk may have caused the loss."""


class Attempt(NamedTuple):
    """A chunk that a worker has."""

    key: int
    seconds: float | None
    """What it may take; None: no limit."""
    begun: float
    """When it was handed out, by `time.monotonic`."""

    @property
    def loss(self) -> str:
        """Why it is lost, as in `Event`; empty unless it takes too long."""
        if self.seconds is None or time.monotonic() - self.begun <= self.seconds:
            return ""
        return f"took more than {self.seconds:g} s (timeout)"


class Backend(Protocol):
    """Workers that do jobs."""

    deaths: int
    """The number of workers that have died or were killed."""

    @property
    def workers(self) -> int:
        """The number of workers that live."""

    @property
    def slots(self) -> int:
        """The number of chunks that these workers do side by side."""

    @property
    def idle_slots(self) -> int:
        """The number of these slots that do nothing."""

    def begin(self, job: Job) -> None:
        """Start the workers that are missing, wait for the first, and prepare a job, which `submit` hands out.

        Raises:
            RuntimeError: No worker starts.
        """

    def submit(self, begin: int, end: int, seconds: float | None) -> int:
        """Give genomes `begin` to `end` to an idle slot, and return a key for this attempt.

        If it takes longer than `seconds`, it is lost, also after the end of the job, and its worker is killed if that
        is possible.
        """

    def wait(self, seconds: float) -> list[Event]:
        """Return what has happened, after at most these seconds.

        Raises:
            RuntimeError: No worker lives, and none starts any more.
        """

    def close(self) -> None:
        """End the workers."""


class Admission:
    """Refuses workers whose results could differ from the results of the others."""

    def __init__(self) -> None:
        self._first: Introduction | None = None
        self._versions = versions()

    def find_refusal(self, worker: Introduction) -> str | None:
        """Return why a worker is refused; None if it is not. The first one decides what the results must be."""
        for name, own in self._versions.items():
            if worker.versions[name] != own:
                return f"{worker.name} has {name} {worker.versions[name]}, the driver {own}: install the same version"
        if self._first is None:
            self._first = worker
        if worker.digest != self._first.digest:
            return (
                f"{worker.name} computes another fitness than {self._first.name}: their processors or libraries round "
                "differently, or the evaluator draws numbers that do not depend on genomes.seed; give probe=0 if runs "
                "need not repeat"
            )
        return None


class ExecutorBackend:
    """The processes or threads of an executor, which cannot be killed.

    Args:
        executor: Does the work.
        slots: The number of chunks that it does side by side.
        make_evaluator: The pickled function that makes an evaluator.
        probe: See `WorkerEvaluators`.
    """

    def __init__(
        self, executor: concurrent.futures.Executor, slots: int, make_evaluator: bytes, probe: int
    ) -> None:
        self._executor, self._count, self._make, self._probe_size = executor, slots, make_evaluator, probe
        self._token, self._keys = uuid.uuid4().hex, itertools.count()
        self._probe: Job | None = None
        self._admission = Admission()
        self._futures: dict[concurrent.futures.Future[Answer], Attempt] = {}
        self._abandoned: set[concurrent.futures.Future[Answer]] = set()
        self.deaths = 0

    @property
    def workers(self) -> int:
        """The number of workers that are not stuck."""
        self._abandoned = {future for future in self._abandoned if not future.done()}
        return self._count - len(self._abandoned)

    @property
    def slots(self) -> int:
        """The number of workers that are not stuck, since each does one chunk at a time."""
        return self.workers

    @property
    def idle_slots(self) -> int:
        """The number of workers that do nothing."""
        return self.workers - len(self._futures)

    def begin(self, job: Job) -> None:
        """Note a job."""
        self._job = job
        if self._probe is None and self._probe_size:
            self._probe = make_probe(job, self._probe_size)

    def submit(self, begin: int, end: int, seconds: float | None) -> int:
        """Give a part of the genomes to the executor."""
        # Each chunk takes only its own genes along.
        part = self._job._replace(genomes=self._job.genomes.part(begin, end))
        arguments = (self._token, self._make, self._probe, part, 0, end - begin)
        key = next(self._keys)
        try:
            future = self._executor.submit(answer_in_process, *arguments)
        except RuntimeError as error:  # it is broken or closed
            raise RuntimeError(f"executor: {summarise_error(error)}") from error
        self._futures[future] = Attempt(key, seconds, time.monotonic())
        return key

    def wait(self, seconds: float) -> list[Event]:
        """Return answers; an executor that has broken raises a RuntimeError."""
        if not self._futures:
            raise RuntimeError(
                f"executor: all of its {self._count} workers took longer than the timeout, and cannot be ended"
            )
        done, _ = concurrent.futures.wait(
            self._futures, seconds, return_when=concurrent.futures.FIRST_COMPLETED
        )
        events = [Event(self._futures.pop(future).key, self._answer(future)) for future in done]
        for future, attempt in list(self._futures.items()):
            if attempt.loss:  # its worker is missing until it has finished
                events.append(Event(attempt.key, None, attempt.loss))
                del self._futures[future]
                if not future.cancel():
                    self._abandoned.add(future)
        return events

    def _answer(self, future: concurrent.futures.Future[Answer]) -> Answer:
        try:
            answer = future.result()
        except concurrent.futures.BrokenExecutor as error:
            raise RuntimeError(
                "executor: a worker process died, and an executor does not replace it; with cluster=… workers are "
                f"replaced ({summarise_error(error)})"
            ) from error
        refusal = self._admission.find_refusal(answer.introduction)
        if refusal is not None:
            raise RuntimeError(f"executor: {refusal}")
        return answer

    def close(self) -> None:
        """Cancel what has not begun; the executor is the caller's."""
        for future in self._futures:
            future.cancel()
        self._futures.clear()


def make_probe(job: Job, size: int) -> Job:
    """Return a job for the first genomes only, which have arrays of their own."""
    chosen = range(min(size, len(job.genomes)))
    return job._replace(genomes=job.genomes.take(chosen), keeps_failures=True)  # type: ignore[arg-type]


def check_executor(executor: object) -> None:
    """Raise a ValueError unless this is an executor."""
    if not callable(getattr(executor, "submit", None)):
        raise ValueError(f"executor: expected a concurrent.futures.Executor, got {quote(executor)}")
