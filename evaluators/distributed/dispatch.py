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
from neat.support.messages import summarise_error

OnError = Literal["raise", "worst"]

_LOSSES = 2  # of a chunk, after which it is halved to find the genome that causes them
_POLL = 1.0  # seconds between looks at timeouts and at chunks that lag
_LAG = 3.0  # times the median duration, and at least a second, after which a chunk lags
_LEAST_LAG = 1.0  # seconds


class Policy(NamedTuple):
    """What happens to genomes whose evaluation fails."""

    retries: int
    timeout: float | None
    on_error: OnError


class Outcome(NamedTuple):
    """The results of a job."""

    results: Results
    """Arrays of all genomes, in their order; zeros for those that failed."""
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
    """

    def __init__(self, backend: Backend, job: Job, policy: Policy) -> None:
        self._backend, self._job, self._policy = backend, job, policy
        self._todo: deque[_Chunk] = deque()
        self._under_way: dict[int, _Chunk] = {}  # by the keys of attempts
        self._done: list[tuple[_Chunk, Answer]] = []
        self._seconds: list[float] = []  # that the chunks took which are done, the shortest first
        self._failures: list[Failure] = []

    def run(self, spans: Sequence[Span]) -> Outcome:
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
        return self._outcome()

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
            log.warning("%s: a worker %s", _describe(self._job, chunk), event.loss)
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
                raise RuntimeError(
                    f"genome {failure.genome} failed on {answer.introduction.name}: {summarise_error(failure.error)}"
                ) from failure.error
            self._note_failure(failure, f"on {answer.introduction.name}")
        chunk.is_done = True
        self._done.append((chunk, answer))
        bisect.insort(self._seconds, answer.seconds)
        return len(chunk)

    def _give_up(self, chunk: _Chunk, reason: str) -> int:
        """Handle a genome that has lost too many workers."""
        genome, times = self._job.genomes.first + chunk.begin, ""
        if chunk.losses > 1:
            times = f", {chunk.losses} times"
        error = RuntimeError(f"a worker {reason}{times}")
        if self._policy.on_error == "raise":
            raise RuntimeError(f"genome {genome}: {error}")
        chunk.is_done = True
        self._note_failure(Failure(genome, error), "in every attempt")
        return 1

    def _note_failure(self, failure: Failure, where: str) -> None:
        log.warning(
            "genome %d failed %s and gets the worst fitness: %s",
            failure.genome,
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

    def _outcome(self) -> Outcome:
        done = sorted(self._done, key=lambda each: each[0].begin)
        failed = np.sort([each.genome - self._job.genomes.first for each in self._failures]).astype(np.int64)
        results = join([answer.results for _, answer in done if answer.results])
        if not results:
            worst = self._failures[0]
            raise RuntimeError(
                f"all genomes failed, genome {worst.genome} with {summarise_error(worst.error)}"
            )
        if len(failed):
            worst, left = self._failures[0], len(self._job.genomes) - len(failed)
            if any(len(array) not in (0, left) for array in results.values()):
                raise RuntimeError(
                    f"genome {worst.genome} failed: {summarise_error(worst.error)}"
                ) from worst.error
            results = {name: _fill(array, failed, len(self._job.genomes)) for name, array in results.items()}
        spans = [(chunk.begin, chunk.end) for chunk, _ in done]
        return Outcome(results, failed, spans, [answer.seconds for _, answer in done])


def _fill(array: np.ndarray, failed: np.ndarray, count: int) -> np.ndarray:
    """Return an array of all genomes, with zeros for those that failed; or the array itself if it is empty."""
    if not len(array):
        return array
    filled = np.zeros((count, *array.shape[1:]), array.dtype)
    filled[np.delete(np.arange(count), failed)] = array
    return filled


def _describe(job: Job, chunk: _Chunk) -> str:
    first = job.genomes.first
    if len(chunk) == 1:
        return f"genome {first + chunk.begin}"
    return f"genomes {first + chunk.begin} to {first + chunk.end - 1}"
