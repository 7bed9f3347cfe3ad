"""The backend and the executor of Ray, with stand-ins for Ray whose workers answer at once or when told to."""

import itertools
import threading
import time
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import pytest

from evaluators.distributed import dispatch, ray_backend, ray_executor
from evaluators.distributed.backend import Event
from evaluators.distributed.chunks import Cutter
from evaluators.distributed.worker import Answer, Introduction, Job, versions
from neat.genome.genome import Genome, Genomes

SINGLE = Genome.from_dict({"num_inputs": 1, "num_outputs": 1, "nodes": [{"id": 1}], "connections": []})
WORKER = Introduction("stand-in", versions(), "")
POLICY = dispatch.FailurePolicy(retries=0, timeout=None, on_error="raise")


class Actor:
    """An actor that answers with the indices of its genomes."""

    def __init__(self, introduction):
        self.chunks = 0
        self.start = SimpleNamespace(remote=lambda *_: Reference(introduction))
        self.answer = SimpleNamespace(remote=self._answer)

    def _answer(self, job, begin, end):
        self.chunks += 1
        return Reference(Answer({"fitness": np.arange(begin, end, dtype=float)}, [], 0.1, WORKER))


class Reference:
    """A reference to an answer."""

    def __init__(self, value):
        self.value = value


class Ray:
    """What the backend uses of Ray.

    Args:
        introduction: What each worker says first, or an error.
    """

    exceptions = SimpleNamespace(RayError=OSError)

    def __init__(self, introduction):
        self.actors, self._introduction = [], introduction

    def remote(self, kind):
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._make))

    def _make(self, threads):
        self.actors.append(Actor(self._introduction))
        return self.actors[-1]

    def put(self, value):
        return value

    def get(self, reference):
        if isinstance(reference.value, Exception):
            raise reference.value
        return reference.value

    def wait(self, references, num_returns, timeout):
        return references, []

    def kill(self, actor):
        pass


def start(monkeypatch, workers, slots=1, introduction=WORKER):
    ray = Ray(introduction)
    monkeypatch.setattr(ray_backend, "connect", lambda cluster: (ray, False))
    backend = ray_backend.RayBackend("auto", workers, slots, ray_backend.Needs(1, 0, {}), b"", 0)
    job = Job("__call__", Genomes.from_list([SINGLE]).take(np.zeros(8000, int)), (), False)
    backend.begin(job)
    assert backend.workers == workers
    return ray, backend, job


def hand_out(backend, job):
    loop = dispatch.Dispatch(backend, job, POLICY)
    start = time.process_time()
    result = loop.run([(k, k + 1) for k in range(len(job.genomes))])
    assert result.results["fitness"].tolist() == list(range(8000))
    return time.process_time() - start


def test_a_chunk_costs_the_driver_the_same_with_thousands_of_workers(monkeypatch):
    """Looks at every worker for each chunk would take a hundred times as long."""
    few, many = (min(hand_out(*start(monkeypatch, workers)[1:]) for _ in range(2)) for workers in (40, 4000))
    assert many < 5 * few


def test_chunks_go_to_the_idlest_workers(monkeypatch):
    ray, backend, _ = start(monkeypatch, 5, slots=3)
    for count in range(1, 16):
        backend.submit(0, 1, None)
        chunks = [actor.chunks for actor in ray.actors]
        assert sum(chunks) == count and max(chunks) - min(chunks) <= 1
        assert backend.idle_slots == 15 - count
    backend.wait(1.0)
    assert backend.idle_slots == 15


class Lagging:
    """A backend of six slots, on which only the last of four chunks answers, after 0.4 s."""

    def __init__(self, answered):
        self.now, self.handed, self._answered = 0.0, [], answered

    @property
    def idle_slots(self):
        return 6 - len(self.handed) if self.now > 1 else 4 - len(self.handed)

    def submit(self, begin, end, seconds):
        self.handed.append(begin)
        self.now += 0.01
        return len(self.handed) - 1

    def wait(self, seconds):
        if self.now > 1:
            raise StopIteration
        self.now = self._answered
        return [Event(3, Answer({"fitness": np.zeros(1)}, [], 0.4, WORKER))]


@pytest.mark.parametrize(("answered", "again"), [(1.1, []), (1.3, [0, 1])])
def test_the_oldest_chunks_that_lag_are_given_out_again(monkeypatch, answered, again):
    """A chunk lags after three times what the others took."""
    backend = Lagging(answered)
    monkeypatch.setattr(dispatch, "time", SimpleNamespace(monotonic=lambda: backend.now))
    job = Job("__call__", Genomes.from_list([SINGLE] * 4), (), False)
    with pytest.raises(StopIteration):
        dispatch.Dispatch(backend, job, POLICY).run([(k, k + 1) for k in range(4)])
    assert backend.handed == [0, 1, 2, 3, *again]


class Losing:
    """A backend that loses all chunks."""

    idle_slots = 1

    def submit(self, begin, end, seconds):
        return begin

    def wait(self, seconds):
        return [Event(key, None, "died") for key in range(2)]


def test_all_genomes_that_learn_may_be_lost():
    job = Job("train_part", Genomes.from_list([SINGLE] * 2), (), False)
    policy = POLICY._replace(on_error="worst")
    result = dispatch.Dispatch(Losing(), job, policy, is_selection=True).run([(0, 1), (1, 2)])
    assert result.results["fitness"].tolist() == [-np.inf] * 2
    Cutter(None).learn(job.genomes, result.spans, result.seconds)
    with pytest.raises(RuntimeError, match="all genomes failed, genome 0 with RuntimeError: a worker died"):
        dispatch.Dispatch(Losing(), job, policy).run([(0, 1), (1, 2)])


def test_learning_does_not_count_all_genes_for_each_chunk():
    genomes = Genomes.from_list([SINGLE]).take(np.zeros(8000, int))
    few, many = [], []
    for times, chunks in ((few, 8), (many, 4000)):
        ends = np.linspace(0, 8000, chunks + 1).astype(int).tolist()
        spans = list(itertools.pairwise(ends))
        for _ in range(3):
            cutter, begin = Cutter(None), time.process_time()
            cutter.learn(genomes, spans, [0.01 * (end - start) for start, end in spans])
            times.append(time.process_time() - begin)
    assert min(many) < 30 * min(few) + 0.01


class Tasks:
    """What an executor uses of Ray. Its tasks end when the test says so."""

    def __init__(self):
        self.tasks, self.log = [], []

    def remote(self, function):
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._begin))

    def _begin(self, *arguments):
        self.tasks.append(Future())
        return SimpleNamespace(future=lambda: self.tasks[-1], number=len(self.tasks) - 1)

    def cancel(self, reference, force):
        self.log.append(f"cancel {reference.number}")
        self.tasks[reference.number].set_exception(OSError("cancelled"))

    def shutdown(self):
        self.log.append("shutdown")


def start_executor(monkeypatch, is_ours):
    ray = Tasks()
    monkeypatch.setattr(ray_executor, "connect", lambda cluster: (ray, is_ours))
    executor = ray_executor.RayExecutor()
    return ray, executor, [executor.submit(abs, -1) for _ in range(3)]


def test_an_executor_ends_its_cluster_after_its_calls(monkeypatch):
    ray, executor, futures = start_executor(monkeypatch, True)
    assert futures[1].cancel() and ray.log == ["cancel 1"]
    ender = threading.Thread(target=executor.shutdown)
    ender.start()
    ray.tasks[0].set_result((True, 1))
    ender.join(0.2)
    assert ender.is_alive() and ray.log == ["cancel 1"]
    ray.tasks[2].set_result((True, 2))
    ender.join()
    assert ray.log == ["cancel 1", "shutdown"] and [futures[k].result() for k in (0, 2)] == [1, 2]
    with pytest.raises(RuntimeError, match=r"^executor: takes no calls after"):
        executor.submit(abs, -1)
    executor.shutdown()
    assert ray.log == ["cancel 1", "shutdown"]


@pytest.mark.parametrize(
    ("is_ours", "wait", "cancels", "cancelled"),
    [(True, True, True, True), (True, False, False, True), (False, False, False, False)],
)
def test_an_executor_cancels_its_calls(monkeypatch, is_ours, wait, cancels, cancelled):
    """A cluster that ends at once takes its calls along."""
    ray, executor, futures = start_executor(monkeypatch, is_ours)
    ray.tasks[0].set_result((True, 1))
    executor.shutdown(wait, cancel_futures=cancels)
    assert [future.cancelled() for future in futures] == [False, cancelled, cancelled]
    assert ray.log == ["cancel 1", "cancel 2"] * cancelled + ["shutdown"] * is_ours


OLD = WORKER._replace(versions={**versions(), "numba": "0.1"})
# What Ray 2.60 says of an actor whose class cannot be imported.
LACKING = OSError(
    "The actor died because of an error raised in its creation task, \x1b[36mray::_Actor.__init__()\x1b[39m (pid=321, "
    'ip=10.0.0.7, actor_id=216e287c)\n  File "worker.py", line 5, in find_class\n'
    "ModuleNotFoundError: No module named 'evaluators'"
)


@pytest.mark.parametrize(
    ("introduction", "message"),
    [
        (OLD, "stand-in has numba 0.1, the driver "),
        (
            LACKING,
            "a worker died while it started: No module named 'evaluators' on 10.0.0.7; install batchneat with the same "
            "extras, and your own code, on each machine",
        ),
        ("make_evaluator failed on a, process 3: ImportError: no", "make_evaluator failed on a, process 3: "),
    ],
)
def test_workers_that_lack_something_are_refused(monkeypatch, introduction, message):
    with pytest.raises(RuntimeError) as caught:
        start(monkeypatch, 2, introduction=introduction)
    assert str(caught.value).startswith(f"cluster: no worker is left, and none starts: {message}")


def test_a_cluster_that_has_ended(monkeypatch, tmp_path):
    """Ray itself looks for it for minutes."""
    pytest.importorskip("ray")
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1\n")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    message = "cluster: expected .*, got 'auto' .*refused"
    with pytest.raises(ValueError, match=message):
        ray_backend.connect("auto")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "none"))
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ValueError, match=message):
        ray_backend.connect("auto")
