"""Worker processes end with their parent, and those that die or hang are replaced."""

import contextlib
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from experiments.__main__ import main
from neat.kernels import disk_cache
from neat.processes import worker_processes
from neat.processes.process_lifetime import call_in_permanent_thread
from neat.processes.worker_processes import WorkerProcesses
from tests.support import worker_tasks
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

NAMES = ("task 0", "task 1", "task 2")


def state(process_id):
    """Return Linux's letter for the state of a process; Z if it is gone, or a zombie."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def has_ended(process_id):
    return state(process_id) == "Z"


PER_GENOME = """
import os, sys, time
import evaluators
from tests.support import worker_tasks
from neat.genome import Genomes

one = {"num_inputs": 1, "num_outputs": 1, "nodes": [{"id": 1}], "connections": []}
if __name__ == "__main__":
    function = worker_tasks.note_and_hold if "GIL" in sys.argv else worker_tasks.note_and_wait
    evaluator = evaluators.PerGenome(function, workers=2)
    if "forked" in sys.argv and os.fork() == 0:
        time.sleep(10_000)
    evaluator(Genomes.from_list([one] * 2))
"""
ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ends a process that cannot run Python"
)
GYMNASIUM = """
import evaluators
from tests.support import gymnasium_environments
from neat.genome import Genomes

one = {"num_inputs": 2, "num_outputs": 3, "nodes": [{"id": k} for k in (2, 3, 4)], "connections": []}
if __name__ == "__main__":
    evaluator = evaluators.Gymnasium(gymnasium_environments.Waits, slots=2, vectorization_mode="async")
    evaluator(Genomes.from_list([one] * 2))
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("script", "sent", "arguments"),
    [
        (PER_GENOME, signal.SIGTERM, ("forked",)),
        (GYMNASIUM, signal.SIGKILL, ()),
        pytest.param(PER_GENOME, signal.SIGKILL, ("GIL",), marks=ON_LINUX),
    ],
    ids=["PerGenome, with a fork that keeps its pipes", "Gymnasium", "PerGenome, which holds the GIL"],
)
def test_workers_end_with_their_parent(script, sent, arguments, tmp_path):
    path, notes = tmp_path / "script.py", tmp_path / "notes"
    path.write_text(script)
    notes.mkdir()
    paths = str(ROOT)
    parent = subprocess.Popen(
        [sys.executable, path, *arguments],
        env={**os.environ, "PYTHONPATH": paths, "NOTES": str(notes)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_until(lambda: len(list(notes.iterdir())) == 2)
        parent.send_signal(sent)
        parent.wait()
        wait_until(lambda: all(has_ended(note.name) for note in notes.iterdir()))
        if not arguments:
            assert parent.communicate(timeout=60) == (b"", None)  # no process holds the pipe any more
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)  # the fork
        parent.stdout.close()


STOPPED = """
import threading
import evaluators
from tests.support import gymnasium_environments, worker_tasks
from neat.genome import Genomes

def call_in_thread(evaluator, inputs, outputs):
    nodes = [{"id": k} for k in range(inputs, inputs + outputs)]
    one = {"num_inputs": inputs, "num_outputs": outputs, "nodes": nodes, "connections": []}
    thread = threading.Thread(target=lambda: evaluator(Genomes.from_list([one] * 2)))
    thread.start()
    return thread

if __name__ == "__main__":
    options = {"slots": 1, "vectorization_mode": "async"}
    gymnasium = evaluators.Gymnasium(gymnasium_environments.NotesAndStops, **options)
    thread = call_in_thread(gymnasium, 2, 3)
    call_in_thread(evaluators.PerGenome(worker_tasks.note_and_stop, workers=2), 1, 1)
    thread.join()
"""


@ON_LINUX
def test_stopped_workers_of_threads_end_with_their_parent(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(STOPPED)
    paths = str(ROOT)
    environment = {**os.environ, "PYTHONPATH": paths, "NOTES": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, path], env=environment, start_new_session=True)

    def are_stopped():
        notes = [note.name for note in tmp_path.iterdir() if note.name.isdecimal()]
        return len(notes) == 3 and all(state(note) == "T" for note in notes)

    try:
        wait_until(are_stopped)
        parent.kill()
        parent.wait()
        wait_until(lambda: all(has_ended(p.name) for p in tmp_path.iterdir() if p.name.isdecimal()))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


def test_processes_outlive_the_threads_that_asked_for_them():
    """Linux kills a worker when the thread that started it ends."""
    pool = WorkerProcesses(worker_tasks.process_id, 1)
    with pool:
        found = []
        for _ in range(2):
            thread = threading.Thread(target=lambda: found.extend(pool.map([0], NAMES[:1])))
            thread.start()
            thread.join()
        assert found[0] == found[1]


@pytest.mark.parametrize("last", [2, "raises"])
def test_builds_that_workers_cannot_save_are_warned_about_once(last, monkeypatch, capfd, recwarn):
    monkeypatch.setattr(disk_cache, "_warned", False)
    with WorkerProcesses(worker_tasks.fail_to_save, 2) as pool:
        results = pool.map([0, 1, last], NAMES)
        assert [next(results), next(results)] == [0, 1]
        with (
            pytest.raises(ValueError, match="no such thing") if last == "raises" else contextlib.nullcontext()
        ):
            assert next(results) == last
    (warning,) = recwarn
    assert warning.category is RuntimeWarning and "OSError: the disk is full" in str(warning.message)
    assert "RuntimeWarning" not in capfd.readouterr().err


def test_a_permanent_thread_returns_results_and_raises_exceptions():
    def nested():
        inner = call_in_permanent_thread(threading.current_thread)
        return inner, threading.current_thread()

    with ThreadPoolExecutor(1) as threads:
        used = set(threads.map(call_in_permanent_thread, 5 * [threading.current_thread]))
        (first,) = used
        pairs = set(threads.map(call_in_permanent_thread, 5 * [nested]))
        failing = threads.submit(call_in_permanent_thread, lambda: int("x"))
        with pytest.raises(ValueError, match="invalid literal"):
            failing.result()
    assert first.is_alive() and first is not threading.main_thread()
    assert all(inner.is_alive() and inner is not outer for inner, outer in pairs)
    assert call_in_permanent_thread(threading.current_thread) is threading.main_thread()


def test_the_workers_of_a_study_end_with_it(tmp_path):
    line = ["parity", "--runs", "2", "--workers", "2", "--generations", "1000000", "--quiet"]
    study = subprocess.Popen(
        [sys.executable, "-m", "experiments", *line],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        children = Path(f"/proc/{study.pid}/task")
        wait_until(lambda: sum(len(p.read_text().split()) for p in children.glob("*/children")) >= 3)
        study.kill()
        study.communicate(timeout=120)  # returns when no process holds the pipe any more
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(study.pid, signal.SIGKILL)


def test_a_study_survives_the_death_of_a_worker(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    line = ["xor", "--runs", "3", "--generations", "3", "--population-size", "20", "--quiet"]
    assert main([*line, "--output", "one"]) == 0

    def kill_first():
        wait_until(multiprocessing.active_children)
        multiprocessing.active_children()[0].kill()

    killer = threading.Thread(target=kill_first)
    killer.start()
    assert main([*line, "--output", "two", "--workers", "2"]) == 0
    killer.join()
    assert [record.args[0] for record in caplog.records] in ([f"the run with seed {k}"] for k in range(3))
    for name in ("summary.csv", "summary.json", "champion.json"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_dies_or_stops_is_replaced(sent, tmp_path, caplog):
    flag = tmp_path / "flag"
    flag.touch()
    with WorkerProcesses(worker_tasks.end_once, 1, timeout=None if sent == signal.SIGKILL else 2.0) as pool:
        assert list(pool.map([(flag, sent, result) for result in range(3)], NAMES)) == [0, 1, 2]
        reason = "was killed by SIGKILL" if sent == signal.SIGKILL else "took more than 2 s (timeout)"
        assert f"task 0: a worker process {reason}" in caplog.text and "repeated (1 of 2)" in caplog.text
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        (child,) = multiprocessing.active_children()  # between two calls
        os.kill(child.pid, sent)
        large = "x" * 10**6  # more than the pipe of a stopped process can hold
        assert list(pool.map([(flag, sent, large)], NAMES[:1])) == [large]
        assert len(caplog.records) == 2
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("function", "timeout", "reason"),
    [
        (worker_tasks.end_always, None, "was killed by SIGKILL, which the system does when memory runs out"),
        (worker_tasks.stop_always, 0.5, "took more than 0.5 s (timeout)"),
    ],
)
def test_work_is_repeated_a_limited_number_of_times(function, timeout, reason, monkeypatch):
    monkeypatch.setattr(worker_processes, "RETRIES", 1)
    with WorkerProcesses(function, 1, timeout) as pool:
        with pytest.raises(RuntimeError) as error:
            list(pool.map([0], NAMES[:1]))
        assert str(error.value) == f"task 0: a worker process {reason}, 2 times in a row"
        assert not multiprocessing.active_children()


def test_a_function_that_raises_is_called_once(tmp_path, caplog):
    calls = tmp_path / "calls"
    with WorkerProcesses(worker_tasks.fail, 1) as pool:
        with pytest.raises(SystemExit):
            list(pool.map([(calls, True)], NAMES[:1]))
        with pytest.raises(RuntimeError) as error:
            list(pool.map([(calls, False)], NAMES[:1]))
    message = str(error.value)
    assert message.startswith("Stubborn: a line xxx") and "\n" not in message and len(message) < 2000
    assert "in fail" in error.value.__notes__[0]
    assert calls.read_text() == 2 * "called\n" and not caplog.records


def test_a_process_that_cannot_start_is_reported_once(caplog, capfd):
    with (
        WorkerProcesses(worker_tasks.double, 1, prepare=worker_tasks.unready) as pool,
        pytest.raises(
            RuntimeError, match=r"^task 0: a worker process ended with status 1 while it started, see"
        ),
    ):
        list(pool.map([0], NAMES[:1]))
    assert not caplog.records
    assert capfd.readouterr().err.count("OSError: there is no such device") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_has_its_own_processes():
    with WorkerProcesses(worker_tasks.double, 1) as pool:
        assert list(pool.map([1, 2, 3], NAMES)) == [2, 4, 6]
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException), pool:
                status = int(list(pool.map([5], NAMES[:1])) != [10])
            os._exit(status)
        wait_until(lambda: has_ended(child))
        assert os.waitpid(child, 0)[1] == 0
        assert list(pool.map([4], NAMES[:1])) == [8]
