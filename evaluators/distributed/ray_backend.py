"""The backend of a Ray cluster, whose workers are actors."""

from __future__ import annotations

import itertools
import os
import re
import socket
import struct
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from evaluators.distributed.backend import Admission, Attempt, Event, log, make_probe
from evaluators.distributed.worker import Answer, Introduction, Job, WorkerEvaluators, name_worker
from neat.kernels import parallel
from neat.processes.worker_processes import START_TIMEOUT
from neat.support.messages import quote, shorten, summarise_error

_CONNECT_TIMEOUT = 10.0  # seconds
# By HTTP/2, which Ray speaks, both sides begin with a frame of settings (RFC 9113, sections 3.4 and 4.1): its length,
# type 4, flags and stream 0. The client's comes after a fixed text, and here it is empty.
_SETTINGS_FRAME = struct.Struct(">3sBBL")
_CLIENT_BEGIN = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS_FRAME.pack(b"", 4, 0, 0)
_MOST_FAILED_STARTS = 3  # in a row, after which no further worker is started


class Needs(NamedTuple):
    """What each worker needs of a node."""

    num_cpus: float
    num_gpus: float
    resources: dict[str, float]

    def count_fitting(self, node: dict[str, float]) -> int:
        """Return the number of workers for which a node has the resources."""
        needed = {"CPU": self.num_cpus, "GPU": self.num_gpus, **self.resources}
        shares = [node.get(name, 0.0) / amount for name, amount in needed.items() if amount > 0]
        return int(min(shares)) if shares else 1


class _Worker:
    """An actor, as the driver sees it."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.attempts: dict[Any, Attempt] = {}  # by Ray's reference to the answer
        self.is_ready = False
        self.name = "that has not started"


class _Roster:
    """The workers that are ready, by the number of chunks that they have, so that no look at them takes long.

    Args:
        slots: Chunks that a worker can have.
    """

    def __init__(self, slots: int) -> None:
        self._by_load: list[dict[_Worker, None]] = [{} for _ in range(slots + 1)]

    def __len__(self) -> int:
        return sum(map(len, self._by_load))

    def add(self, worker: _Worker) -> None:
        """Add a worker, whose attempts do not change before `remove`."""
        self._by_load[len(worker.attempts)][worker] = None

    def remove(self, worker: _Worker) -> None:
        """Remove a worker."""
        del self._by_load[len(worker.attempts)][worker]

    def find_idlest(self) -> _Worker:
        """Return a worker with the fewest chunks."""
        return next(reversed(next(filter(None, self._by_load))))


class _Actor:
    """The class of the actors."""

    def __init__(self, threads: int) -> None:
        parallel.set_threads(threads)  # the workers of a node share its cores

    def start(self, make_evaluator: bytes, probe: Job | None) -> Introduction | str:
        """Make an evaluator, and introduce this worker; return why if that fails."""
        try:
            self._evaluators = WorkerEvaluators(make_evaluator, probe)
        except Exception as error:
            return f"make_evaluator failed on {name_worker()}: {summarise_error(error)}"
        return self._evaluators.introduction

    def answer(self, job: Job, begin: int, end: int) -> Answer:
        """Do a job for a chunk."""
        return self._evaluators.answer(job, begin, end)


class RayBackend:
    """Actors of a Ray cluster, which are replaced when they die.

    Args:
        cluster: "auto", "local", or the address of a cluster.
        workers: The number of actors; None: as many as the nodes have room for, also those that join.
        slots_per_worker: Threads of each actor.
        needs: What each actor needs of its node.
        make_evaluator: The pickled function that makes an evaluator.
        probe: The number of genomes of the probe.
    """

    def __init__(
        self,
        cluster: str,
        workers: int | None,
        slots_per_worker: int,
        needs: Needs,
        make_evaluator: bytes,
        probe: int,
    ) -> None:
        self._ray, self._is_ours = connect(cluster)
        self._count, self._slots_per_worker, self._needs = workers, slots_per_worker, needs
        self._probe_size, self._keys = probe, itertools.count()
        self._make = self._ray.put(make_evaluator)
        self._probe: Any = None  # Ray's reference to the job, as is `_job`
        self._job: Any = None
        self._admission = Admission()
        self._workers: list[_Worker] = []
        self._ready = _Roster(slots_per_worker)
        self._owners: dict[Any, _Worker] = {}  # by Ray's reference to the answer
        self._looked = time.monotonic()  # at timeouts
        self._starts: dict[Any, _Worker] = {}  # by Ray's reference to the introduction
        self._failed_starts, self._failure, self._waiting_since = 0, "", time.monotonic()
        self.deaths = 0
        options = {
            "num_cpus": needs.num_cpus,
            "num_gpus": needs.num_gpus,
            "resources": needs.resources,
            "max_concurrency": slots_per_worker,
            "max_restarts": 0,  # the driver replaces actors, and does not wait for them
            "scheduling_strategy": "SPREAD",
        }
        self._make_actor = self._ray.remote(_Actor).options(**options)

    @property
    def workers(self) -> int:
        """The number of actors that have answered."""
        return len(self._ready)

    @property
    def slots(self) -> int:
        """The number of their threads."""
        return self.workers * self._slots_per_worker

    @property
    def idle_slots(self) -> int:
        """The number of their threads that do nothing."""
        return self.slots - len(self._owners)

    def begin(self, job: Job) -> None:
        """Put a job into the object store, start the actors that are missing, and wait for the first."""
        if self._probe is None:
            self._probe = self._ray.put(make_probe(job, self._probe_size) if self._probe_size else None)
        self._job = self._ray.put(job)
        self._replace()
        while not self.workers:
            self.wait(1.0)  # no chunk of this job is under way

    def submit(self, begin: int, end: int, seconds: float | None) -> int:
        """Give a chunk to the actor with the most idle threads."""
        worker, key = self._ready.find_idlest(), next(self._keys)
        reference = worker.actor.answer.remote(self._job, begin, end)
        self._ready.remove(worker)
        worker.attempts[reference] = Attempt(key, seconds, time.monotonic())
        self._ready.add(worker)
        self._owners[reference] = worker
        return key

    def wait(self, seconds: float) -> list[Event]:
        """Return answers and losses; actors that have started become ready."""
        references = [*self._owners, *self._starts]
        if not references:
            self._replace()
            references = list(self._starts)
            if not references:
                raise RuntimeError(f"cluster: no worker is left, and none starts: {self._failure}")
        done, rest = self._ray.wait(references, num_returns=1, timeout=seconds)
        if done and rest:
            done += self._ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        events = []
        for reference in done:
            if reference in self._starts:
                self._welcome(reference)
            elif reference in self._owners:
                events += self._receive(reference)
        # With thousands of workers, a look takes longer than a chunk.
        if time.monotonic() - self._looked >= seconds:
            events += self._end_late()
        self._check_waiting()
        return events

    def _end_late(self) -> list[Event]:
        """Kill actors of which a chunk takes too long, since Ray cannot cancel what an actor does."""
        self._looked, events = time.monotonic(), []
        for worker in dict.fromkeys(self._owners.values()):
            losses = {attempt.key: attempt.loss for attempt in worker.attempts.values()}
            if any(losses.values()):
                self._drop(worker)
                events += [
                    Event(key, None, f"({worker.name}) {loss}", is_suspect=bool(loss))
                    for key, loss in losses.items()
                ]
        return events

    def close(self) -> None:
        """Kill the actors, and end a cluster that this object has started."""
        for worker in self._workers:
            self._ray.kill(worker.actor)
        self._workers, self._starts, self._owners = [], {}, {}
        self._ready = _Roster(self._slots_per_worker)
        if self._is_ours:
            self._ray.shutdown()

    def _receive(self, reference: Any) -> list[Event]:
        """Return the event of a chunk that has ended; if its actor is lost, those of all its chunks."""
        worker = self._owners[reference]
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            loss = f"({worker.name}) was lost: {describe_loss(error)}"
            events = [Event(each.key, None, loss) for each in worker.attempts.values()]
            self._drop(worker)
            return events
        self._ready.remove(worker)
        attempt = worker.attempts.pop(reference)
        self._ready.add(worker)
        del self._owners[reference]
        return [Event(attempt.key, answer)]

    def _welcome(self, reference: Any) -> None:
        """Let an actor that has started work, or refuse it."""
        worker = self._starts.pop(reference)
        try:
            introduction = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            refusal: str | None = f"a worker died while it started: {describe_loss(error)}"
        else:
            if isinstance(introduction, Introduction):
                worker.name = introduction.name
                refusal = self._admission.find_refusal(introduction)
            else:
                refusal = introduction
        if refusal is None:
            worker.is_ready, self._failed_starts = True, 0
            self._ready.add(worker)
            return
        self._failed_starts, self._failure = self._failed_starts + 1, refusal
        log.warning("cluster: a worker is refused: %s", refusal)
        self._drop(worker)

    def _drop(self, worker: _Worker) -> None:
        """Kill an actor, and start another."""
        self._workers.remove(worker)
        if worker.is_ready:
            self._ready.remove(worker)
            self.deaths += 1
        for reference in worker.attempts:
            del self._owners[reference]
        self._ray.kill(worker.actor)
        self._replace()

    def _replace(self) -> None:
        """Start the actors that are missing; those for which no node has room start when one has."""
        if not self._workers:
            self._waiting_since = time.monotonic()
        if self._failed_starts >= _MOST_FAILED_STARTS:
            return
        for _ in range(self._wanted() - len(self._workers)):
            threads = max(1, int(self._needs.num_cpus))
            worker = _Worker(self._make_actor.remote(threads))
            self._workers.append(worker)
            self._starts[worker.actor.start.remote(self._make, self._probe)] = worker

    def _wanted(self) -> int:
        if self._count is not None:
            return self._count
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return max(1, sum(map(self._needs.count_fitting, nodes)))

    def _check_waiting(self) -> None:
        if self.workers:
            self._waiting_since = time.monotonic()
        elif time.monotonic() - self._waiting_since > START_TIMEOUT:
            raise RuntimeError(
                f"cluster: no worker started within {START_TIMEOUT:g} s; each needs {self._needs}, the cluster has "
                f"{self._ray.cluster_resources()}"
            )


def connect(cluster: str) -> tuple[Any, bool]:
    """Return the module ray, connected, and whether this call has connected it."""
    try:
        import ray
    except ImportError:
        raise ImportError("cluster: Distributed needs Ray: pip install 'batchneat[ray]'") from None
    if ray.is_initialized():
        return ray, False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        _check_reachable(cluster)
        # Actors log through the driver otherwise, and the dashboard needs packages that the extra does not install.
        ray.init(
            address=cluster, log_to_driver=False, include_dashboard=False if cluster == "local" else None
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"cluster: expected 'auto', 'local' or the address of a running Ray cluster, got {quote(cluster)} "
            f"({shorten(str(error), 300)})"
        ) from None
    return ray, True


def _check_reachable(cluster: str) -> None:
    """Raise an OSError if nothing, or another service than Ray, listens at an address; Ray itself tries for minutes."""
    host, colon, port = _find_address(cluster).rpartition("://")[2].rpartition(":")
    if not (colon and port.isdigit()):
        return
    with socket.create_connection((host, int(port)), _CONNECT_TIMEOUT) as connection:
        if os.environ.get("RAY_USE_TLS", "0") != "0":  # encrypted, so that only Ray can tell
            return
        connection.sendall(_CLIENT_BEGIN)
        answer = connection.makefile("rb").read(_SETTINGS_FRAME.size)
    if len(answer) < _SETTINGS_FRAME.size or _SETTINGS_FRAME.unpack(answer)[1::2] != (4, 0):
        raise OSError("another service listens there")


def _find_address(cluster: str) -> str:
    """Return an address; for "auto", where Ray looks for the cluster, which may have ended long ago."""
    if cluster != "auto":
        return cluster
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    last = Path(folder, "ray", "ray_current_cluster")  # of the last `ray start` on this machine
    return os.environ.get("RAY_ADDRESS") or (last.read_text("utf-8").strip() if last.exists() else cluster)


def describe_loss(error: BaseException) -> str:
    """Return what Ray says about a lost worker, on one line and short."""
    text = " ".join(re.sub(r"\x1b\[[\d;]*m", "", str(error)).split())
    missing, host = re.search(r"No module named '[\w.]+'", text), re.search(r"\bip=([^,)\s]+)", text)
    if missing is None or host is None:
        return shorten(text, 300)
    return f"{missing[0]} on {host[1]}; install batchneat with the same extras, and your own code, on each machine"
