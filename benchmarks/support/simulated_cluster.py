"""A cluster in simulated time, to which the library's own loop hands out the library's own chunks.

The driver and each slot do one thing at a time. The driver spends half of a chunk's cost when it hands the chunk out,
and half when it receives the answer. A slot waits and computes in turn, as slow simulators do. On shared cores, the
driver goes first, and then the chunk that has waited for a core the longest.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
from types import SimpleNamespace
from typing import NamedTuple
from unittest import mock

import numpy as np

from evaluators.distributed import dispatch
from evaluators.distributed.backend import Event
from evaluators.distributed.chunks import Cutter
from evaluators.distributed.worker import Answer, Introduction, Job
from neat.genome.genome import Genomes

POLICY = dispatch.FailurePolicy(retries=0, timeout=None, on_error="raise")
WORKER = Introduction("simulated", {}, "")


class Costs(NamedTuple):
    """What a chunk costs beside its evaluations, in seconds."""

    driver: float
    """CPU time of the driver."""
    worker: float
    """CPU time of the worker."""
    delay: float
    """The time on the way, in which neither computes."""
    look: float
    """What the driver needs to look for answers, for each chunk that is under way."""


class Evaluation(NamedTuple):
    """What a genome takes, in seconds."""

    wait: float
    """In which the core is free."""
    compute: float
    steps: int = 1
    """In each of which it first waits and then computes."""


class SimulatedCluster:
    """Workers in simulated time (`evaluators.distributed.backend.Backend`).

    Args:
        slots: Chunks that they do side by side.
        costs: The costs of a chunk.
        evaluation: What a genome takes.
        cores: Cores that the driver and all workers share; None: each slot has its own, and so has the driver.

    Attributes:
        now: The time of the driver.
    """

    deaths = 0

    def __init__(self, slots: int, costs: Costs, evaluation: Evaluation, cores: int | None = None) -> None:
        self.slots = self.workers = self.idle_slots = slots
        self.now = 0.0
        self._costs, self._evaluation = costs, evaluation
        # Heaps: when each core is free; when a chunk will compute, its key, the steps that are left, and all steps;
        # when its answer arrives, and its key.
        self._cores = None if cores is None else [0.0] * cores
        self._waiting: list[tuple[float, int, int, int]] = []
        self._computed: list[tuple[float, int]] = []
        self._chunks: dict[int, tuple[float, int]] = {}  # when it was handed out, and its genomes, by its key
        self._keys = itertools.count()

    def begin(self, job: Job) -> None:
        """Do nothing."""

    def submit(self, begin: int, end: int, seconds: float | None) -> int:
        """Hand out a chunk."""
        self._occupy_driver(self._costs.driver / 2)
        key = next(self._keys)
        self._chunks[key] = self.now, end - begin
        # With a core for each slot, one step is as good as many.
        steps = 1 if self._cores is None else (end - begin) * self._evaluation.steps
        self._wait_to_compute(self.now + self._costs.delay / 2, key, steps, steps)
        self.idle_slots -= 1
        return key

    def wait(self, seconds: float) -> list[Event]:
        """Return the answers that have arrived, at least one."""
        self._occupy_driver(self._costs.look * len(self._chunks))
        while not self._computed or self._computed[0][0] > self.now:
            if self._next_start() < (self._computed[0][0] if self._computed else math.inf):
                self._compute_next()
            else:
                self.now = self._computed[0][0]
        arrived = []
        while self._computed and self._computed[0][0] <= self.now:
            arrived.append(heapq.heappop(self._computed))
        return [self._receive(*each) for each in arrived]

    def close(self) -> None:
        """Do nothing."""

    def _receive(self, arrival: float, key: int) -> Event:
        self._occupy_driver(self._costs.driver / 2)
        start, count = self._chunks.pop(key)
        self.idle_slots += 1
        answer = Answer({"fitness": np.zeros(count)}, [], arrival - start - self._costs.delay, WORKER)
        return Event(key, answer)

    def _occupy_driver(self, seconds: float) -> None:
        while self._next_start() <= self.now:
            self._compute_next()
        self.now = self._occupy_core(self.now, seconds)

    def _wait_to_compute(self, start: float, key: int, left: int, steps: int) -> None:
        """Let a chunk begin the first of the steps that are left."""
        wait = self._chunks[key][1] * self._evaluation.wait / steps
        heapq.heappush(self._waiting, (start + wait, key, left, steps))

    def _next_start(self) -> float:
        """Return when the next chunk can compute; infinity if none waits for that."""
        if not self._waiting:
            return math.inf
        ready = self._waiting[0][0]
        return ready if self._cores is None else max(ready, self._cores[0])

    def _compute_next(self) -> None:
        """Let the chunk compute that wants to first."""
        ready, key, left, steps = heapq.heappop(self._waiting)
        compute = self._costs.worker + self._chunks[key][1] * self._evaluation.compute
        end = self._occupy_core(ready, compute / steps)
        if left > 1:
            self._wait_to_compute(end, key, left - 1, steps)
        else:
            heapq.heappush(self._computed, (end + self._costs.delay / 2, key))

    def _occupy_core(self, time: float, seconds: float) -> float:
        """Return when a computation ends that could begin at a time."""
        if self._cores is None:
            return time + seconds
        end = max(time, self._cores[0]) + seconds
        heapq.heapreplace(self._cores, end)
        return end


class Generation(NamedTuple):
    """A simulated generation."""

    seconds: float
    """From handing out the first chunk to the last answer."""
    chunks: int


def simulate(
    genomes: Genomes, slots: int, costs: Costs, evaluation: Evaluation, cores: int | None = None
) -> Generation:
    """Return a generation whose chunks are cut by what the one before it took."""
    cutter, job = Cutter(None), Job("__call__", genomes, (), False)
    for _ in range(2):
        cluster = SimulatedCluster(slots, costs, evaluation, cores)
        spans = cutter.cut(genomes, slots)
        clock = SimpleNamespace(monotonic=functools.partial(getattr, cluster, "now"))
        with mock.patch.object(dispatch, "time", clock):
            result = dispatch.Dispatch(cluster, job, POLICY).run(spans)
        cutter.learn(genomes, result.spans, result.seconds)
    return Generation(cluster.now, len(spans))
