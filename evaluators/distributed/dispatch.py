"""The loop that hands out chunks, and repeats those that were lost."""

from __future__ import annotations

import bisect
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from evaluators.distributed.backend import Backend, Event, log
from evaluators.distributed.chunks import Span
from evaluators.distributed.worker import Answer, Failure, Job, Results, join
from neat.genome import schema
from neat.support.messages import summarise_error

OnError = Literal["raise", "worst"]

_LOSSES = 2  # of a chunk, after which it is halved to find the genome that causes them
_POLL = 1.0  # seconds between looks at timeouts and at chunks that lag
_LAG = 3.0  # times the median duration, and at least a second, after which a chunk lags
_LEAST_LAG = 1.0  # seconds


class FailurePolicy(NamedTuple):
    """What happens to genomes whose evaluation fails."""

    retries: int
    timeout: float | None
    on_error: OnError


class JobResult(NamedTuple):
    """The results of a job."""

    results: Results
    """Arrays of all genomes, in their order; of those that failed, the fitness is −inf, and other elements are 0."""
    failed: np.ndarray
    """int64 (n,), the genomes that failed, as indices in the job."""
    spans: list[Span]
    """The chunks that were done."""
    seconds: list[float]
    """What each of them took."""


@dataclass
class _Chunk:
    begin: int
    end: int
    losses: int = 0  # workers that died or took too long with it
    is_done: bool = False
    attempts: dict[int, float] = field(default_factory=dict)  # when each attempt began, by its key

    def __len__(self) -> int:
        return self.end - self.begin


class Dispatch:
    """Does a job for the genomes of some chunks; an object does one job.

    Args:
        backend: Its workers do the job.
        job: The job.
        policy: What happens to genomes whose evaluation fails.
        is_selection: Whether the genomes are selected from those of a call. All of them may fail then, and messages say
            that they do not count in the generation.
    """

    def __init__(self, backend: Backend, job: Job, policy: FailurePolicy, is_selection: bool = False) -> None:
        self._backend, self._job, self._policy = backend, job, policy
        self._is_selection = is_selection
        self._todo: deque[_Chunk] = deque()
        self._under_way: dict[int, _Chunk] = {}  # by the keys of attempts
        self._done: list[tuple[_Chunk, Answer]] = []
        self._seconds: list[float] = []  # that the chunks took which are done, the shortest first
        self._failures: list[Failure] = []

    def run(self, spans: Sequence[Span]) -> JobResult:
        """Return the results of the chunks, which cover all genomes.

        Raises:
            RuntimeError: A genome failed, and the policy is "raise"; or no worker is left.
        """
        self._todo.extend(_Chunk(*span) for span in spans)
        left = len(self._job.genomes)
        while left:
            self._hand_out()
            for event in self._backend.wait(self._patience()):
                left -= self._handle(event)
        return self._make_result()

    def _hand_out(self) -> None:
        while self._backend.idle_slots > 0:
            chunk = self._todo.popleft() if self._todo else self._find_lagging()
            if chunk is None:
                return
            if not chunk.is_done:
                limit = None if self._policy.timeout is None else self._policy.timeout * len(chunk)
                key = self._backend.submit(chunk.begin, chunk.end, limit)
                chunk.attempts[key] = time.monotonic()
                self._under_way[key] = chunk

    def _find_lagging(self) -> _Chunk | None:
        """Return the chunk that has been under way for the longest, if it lags and only one worker has it."""
        if not self._seconds:
            return None
        begun = time.monotonic() - max(_LEAST_LAG, _LAG * self._seconds[len(self._seconds) // 2])
        for key, chunk in self._under_way.items():  # the oldest attempt first
            if chunk.attempts[key] > begun:
                return None
            if len(chunk.attempts) == 1 and not chunk.is_done:
                return chunk
        return None

    def _patience(self) -> float:
        """Return the seconds after which to look at chunks that are under way."""
        return _POLL if self._policy.timeout is None else min(_POLL, self._policy.timeout / 2)

    def _handle(self, event: Event) -> int:
        """Note an event; return how many genomes are finished by it."""
        chunk = self._under_way.pop(event.key, None)  # None: of an earlier job
        if chunk is None:
            return 0
        del chunk.attempts[event.key]
        if chunk.is_done:
            return 0
        if event.answer is not None:
            return self._accept(chunk, event.answer)
        chunk.losses += event.is_suspect
        if event.is_suspect:
            log.warning("%s: a worker %s", self._describe(chunk.begin, chunk.end), event.loss)
        if len(chunk) == 1 and chunk.losses > self._policy.retries:
            return self._give_up(chunk, event.loss)
        if len(chunk) > 1 and chunk.losses >= _LOSSES:
            self._halve(chunk)
        elif not chunk.attempts:
            self._todo.appendleft(chunk)
        return 0

    def _accept(self, chunk: _Chunk, answer: Answer) -> int:
        for failure in answer.failures:
            if self._policy.on_error == "raise":
                genome, worker = self._describe_failed(failure), answer.introduction.name
                raise RuntimeError(
                    f"{genome} failed on {worker}: {summarise_error(failure.error)}"
                ) from failure.error
            self._note_failure(failure, f"on {answer.introduction.name}")
        chunk.is_done = True
        self._done.append((chunk, answer))
        bisect.insort(self._seconds, answer.seconds)
        return len(chunk)

    def _give_up(self, chunk: _Chunk, reason: str) -> int:
        """Handle a genome that has lost too many workers."""
        times = f", {chunk.losses} times" if chunk.losses > 1 else ""
        error = RuntimeError(f"a worker {reason}{times}")
        failure = Failure(self._job.genomes.first + chunk.begin, error)
        if self._policy.on_error == "raise":
            raise RuntimeError(f"{self._describe_failed(failure)}: {error}")
        chunk.is_done = True
        self._note_failure(failure, "in every attempt")
        return 1

    def _note_failure(self, failure: Failure, where: str) -> None:
        log.warning(
            "%s failed %s and gets the worst fitness: %s",
            self._describe_failed(failure),
            where,
            summarise_error(failure.error),
        )
        self._failures.append(failure)

    def _halve(self, chunk: _Chunk) -> None:
        chunk.is_done = True
        middle = (chunk.begin + chunk.end) // 2
        for begin, end in ((middle, chunk.end), (chunk.begin, middle)):
            # One more loss halves again; a single genome gets all of its retries.
            self._todo.appendleft(_Chunk(begin, end, (_LOSSES - 1) * (end - begin > 1)))

    def _make_result(self) -> JobResult:
        done = sorted(self._done, key=lambda each: each[0].begin)
        failed = np.sort([each.genome - self._job.genomes.first for each in self._failures]).astype(np.int64)
        results = join([answer.results for _, answer in done if answer.results])
        if not results:
            if not self._is_selection:
                worst = self._failures[0]
                raise RuntimeError(
                    f"all genomes failed, {self._describe_failed(worst)} with {summarise_error(worst.error)}"
                )
            results = {"fitness": np.zeros(0)}
        if len(failed):
            results = {name: self._fill(name, array, failed) for name, array in results.items()}
        spans = [(chunk.begin, chunk.end) for chunk, _ in done]
        return JobResult(results, failed, spans, [answer.seconds for _, answer in done])

    def _fill(self, name: str, array: np.ndarray, failed: np.ndarray) -> np.ndarray:
        """Return an array of all genomes, in which those that failed have the fitness −inf, and zeros otherwise."""
        if name != "fitness" and not len(array):
            return array
        elements = self._count_elements(name)
        worked = np.ones(len(elements), bool)
        worked[failed] = False
        if len(array) != elements[worked].sum():
            first = self._failures[0]
            raise RuntimeError(
                f"{self._describe_failed(first)} failed: {summarise_error(first.error)}"
            ) from first.error
        filled = np.full((elements.sum(), *array.shape[1:]), -np.inf if name == "fitness" else 0, array.dtype)
        filled[np.repeat(worked, elements)] = array
        return filled

    def _count_elements(self, name: str) -> np.ndarray:
        """Return how many elements of an array belong to each genome, int64 (genomes,)."""
        for row in schema.ATTRIBUTES:
            if row.field == name:
                return np.diff(getattr(self._job.genomes.arrays, f"{row.owner}_offset"))
        return np.ones(len(self._job.genomes), np.int64)

    def _describe(self, begin: int, end: int) -> str:
        """Return what messages call the genomes `begin` to `end` of the job, the latter excluded."""
        genomes = self._job.genomes
        first, last = genomes.first + begin, genomes.first + end - 1
        text = f"genome {first}" if first == last else f"genomes {first} to {last}"
        return f"{text} of the {len(genomes)} that {self._job.method} got" if self._is_selection else text

    def _describe_failed(self, failure: Failure) -> str:
        begin = failure.genome - self._job.genomes.first
        return self._describe(begin, begin + 1)
