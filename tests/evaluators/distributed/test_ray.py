"""Workers of a Ray cluster. The outer test runs the others in a network namespace."""

import functools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from evaluators import Distributed
from evaluators.distributed import ray_backend
from evaluators.distributed.ray_executor import RayExecutor
from evaluators.pictures import film
from experiments.__main__ import main
from neat import Config, Islands
from neat.genome.genome import Genome, Genomes
from neat.processes.worker_processes import TaskLost
from tests.campaigns import cluster_kills
from tests.support import distributed_tasks as tasks
from tests.support import study_tasks
from tests.support.ray_cluster import is_inside, missing, run_in_namespace, two_nodes
from tests.support.waiting import wait_until

outside = pytest.mark.skipif(is_inside() or bool(missing()), reason=missing() or "runs outside")
inside = pytest.mark.skipif(not is_inside(), reason="runs in a namespace")

SINGLE = {"num_inputs": 1, "num_outputs": 1, "nodes": [{"id": 1}], "connections": []}


@pytest.mark.cluster
@outside
def test_in_a_namespace():
    done = run_in_namespace(
        "pytest", "-n", "0", "-m", "not long", "--color=no", "-p", "no:cacheprovider", __file__
    )
    # The tests that are skipped are those for outside.
    assert re.search(r"^14 passed, 5 skipped in ", done.stdout, re.MULTILINE), (
        done.stdout[-5000:] + done.stderr[-2000:]
    )


@outside
def test_no_ray_is_imported_before_it_is_needed():
    line = "import sys, neat, evaluators, experiments; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line]).returncode == 0


@outside
@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", None])
def test_another_service_is_no_cluster(answer, monkeypatch):
    """It answers something else, hangs up, or says nothing."""
    monkeypatch.setattr(ray_backend, "_CONNECT_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=serve_once, args=(server, answer))
        thread.start()
        with pytest.raises(
            ValueError, match=rf"^cluster: expected .*, got '{address}' \((another|timed out)"
        ):
            Distributed(tasks.scoring, cluster=address)
        thread.join()


def serve_once(server, answer):
    connection, _ = server.accept()
    with connection:
        while connection.recv(100) and answer is None:
            pass
        connection.sendall(answer or b"")


@pytest.fixture(scope="module")
def nodes():
    """The cluster of all tests, and its second node. Each worker that a test starts imports the library anew."""
    with two_nodes() as made:
        yield made


@pytest.fixture
def genomes():
    return Genomes.from_list([Genome.from_dict(SINGLE)] * 30)


def hazard(folder, chunk_size=8, **arguments):
    make = functools.partial(tasks.Hazard, folder)
    return Distributed(make, cluster="auto", probe=0, chunk_size=chunk_size, **arguments)


@inside
def test_genomes_that_fail_or_end_their_workers_are_found(nodes, genomes, tmp_path, caplog):
    (tmp_path / "raise-5").touch()
    (tmp_path / "kill-13").touch()
    with hazard(tmp_path, on_error="worst") as distributed:
        fitness = distributed(genomes)
        assert distributed.status.deaths >= 2, "one with the whole chunk, one with the genome alone"
    expected = np.arange(30.0)
    expected[[5, 13]] = -np.inf
    np.testing.assert_array_equal(fitness, expected)
    assert "genome 13 failed in every attempt" in caplog.text
    assert re.search(r"genome 5 failed on .*process.*no wheel on 5", caplog.text)


@inside
def test_a_worker_that_hangs_is_killed(nodes, genomes, tmp_path):
    (tmp_path / "hang-20").write_text("once")
    with hazard(tmp_path, timeout=0.2, slots_per_worker=2) as distributed:
        for _ in range(2):
            np.testing.assert_array_equal(distributed(genomes), np.arange(30.0))
            time.sleep(1.0)
        # The first call can end before, since another worker gets a chunk that lags.
        assert distributed.status.deaths == 1
    (tmp_path / "hang-20").touch()
    message = r"^genome 20: a worker \(.*, process \d+\) took more than 0\.2 s \(timeout\)"
    with (
        hazard(tmp_path, chunk_size=1, timeout=0.2, retries=0) as distributed,
        pytest.raises(RuntimeError, match=message),
    ):
        distributed(genomes)


@inside
def test_evaluators_that_cannot_be_made(nodes, genomes, monkeypatch):
    driver = os.getpid()

    def make():
        if os.getpid() != driver:
            raise OSError("there is no such simulator")
        return lambda batch: np.zeros(len(batch))

    monkeypatch.setattr(ray_backend, "_MOST_FAILED_STARTS", 1)
    message = r"none starts: make_evaluator failed on .*, process \d+: OSError: there is no such"
    with (
        Distributed(make, cluster="auto", workers=1) as distributed,
        pytest.raises(RuntimeError, match=message),
    ):
        distributed(genomes)


DRIVER = """
import sys, time
from evaluators import Distributed
from tests.evaluators.distributed.test_ray import SINGLE
from tests.support import distributed_tasks as tasks
from neat.genome.genome import Genome, Genomes
import functools
make = functools.partial(tasks.Hazard, sys.argv[1])
with Distributed(make, cluster="auto", probe=0, workers=1) as distributed:
    distributed(Genomes.from_list([Genome.from_dict(SINGLE)] * 8))
"""


@inside
def test_nothing_of_a_killed_driver_is_left(nodes, tmp_path):
    (tmp_path / "hang-3").touch()
    wait_until(lambda: "ray::_Actor" not in processes(), 30, pause=0.2)  # those of other tests
    environment = {**os.environ, "RAY_ADDRESS": nodes[0].address}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], env=environment)
    wait_until(lambda: "ray::_Actor" in processes(), 60, pause=0.2)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    wait_until(lambda: "ray::_Actor" not in processes(), 30, pause=0.2)


@inside
@pytest.mark.parametrize(
    "line, files",
    [
        (
            "cartpole --generations 3 --population-size 40 --retries 1 --timeout 60",
            ("metrics.csv", "result.json"),
        ),
        ("xor --runs 3 --generations 4", ("summary.csv", "summary.json")),
        ("study xor --vary innovation=global --seeds 2 --generations 3", ("runs.csv", "report.md")),
    ],
)
def test_the_command_line(nodes, line, files, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(film, "choose_steps", lambda start, stop, most: np.array([start, stop]))
    folders = tmp_path / "alone", tmp_path / "spread"
    alone = line.partition(" --retries")[0]
    assert main([*alone.split(), "--output", str(folders[0])]) == 0
    assert main([*line.split(), "--cluster", "auto", "--output", str(folders[1])]) == 0
    for name in files:
        own, spread = ((folder / name).read_bytes() for folder in folders)
        assert own == spread, name
    status = r"workers: [12], chunks under way: 0 of [12], deaths: 0, waiting for work: \d+ %"
    assert ("cartpole" in line) == bool(re.search(status, capsys.readouterr().out))


def fail(text):
    raise ValueError(text)


@inside
def test_islands_are_the_same_on_a_cluster(nodes):
    config = Config.for_task(study_tasks.xor(), innovation="hashed", population_size=20)
    alone, spread = (Islands(config, study_tasks.xor, islands=3, migrate_every=2) for _ in range(2))
    expected = alone.run(5)
    with RayExecutor("auto") as executor:
        result = spread.run(5, executor=executor)
    assert result.champion.to_dict() == expected.champion.to_dict()
    for own, other in zip(expected.histories, result.histories, strict=True):
        assert own.generations.tobytes() == other.generations.tobytes()


@inside
def test_calls_on_a_cluster(nodes):
    with RayExecutor("auto") as executor:
        assert list(executor.map(abs, [-1, -2, 3])) == [1, 2, 3]
        failed = executor.submit(fail, "a riddle")
        with pytest.raises(ValueError, match=r"^a riddle") as caught:
            failed.result()
        assert str(caught.value) == "a riddle"
        assert "in fail" in "".join(caught.value.__notes__)
        calls = [executor.submit(time.sleep, 60) for _ in range(4)]
        executor.shutdown(cancel_futures=True)
    with RayExecutor("auto") as executor:
        assert executor.submit(abs, -1).result(30) == 1, "the cores are free again"
    assert all(call.cancelled() for call in calls)


@inside
def test_a_call_that_hangs_is_lost(nodes, tmp_path):
    """Also one that hangs outside of Python; a call waits for a core without being late."""
    with RayExecutor("auto", retries=1, timeout=3.0) as executor:
        (tmp_path / "once").touch()
        calls = [
            executor.submit(hang, tmp_path / "once"),
            *(executor.submit(time.sleep, 1.5) for _ in range(6)),
        ]
        assert [call.result() for call in calls] == ["done", *[None] * 6]
    with RayExecutor("auto", retries=0, timeout=0.3) as executor:
        (tmp_path / "once").touch()
        message = r"^its process on the cluster was lost, or took more than 0\.3 s \(timeout\): "
        with pytest.raises(TaskLost, match=message):
            executor.submit(hang, tmp_path / "once").result()


def hang(path):
    if path.exists():
        path.unlink()
        signal.sigwait([signal.SIGUSR2])
    return "done"


@inside
@pytest.mark.parametrize(
    "line, run",
    [
        ("t-maze --runs 1 --schemes", "the run with seed 0"),
        ("study t-maze --seeds 1", "the run of arm 'default' on task 't-maze' with seed 0"),
    ],
)
def test_a_lost_run_is_named(nodes, line, run, tmp_path, capsys):
    limits = ["--cluster", "auto", "--timeout", "0.01", "--retries", "0", "--output", str(tmp_path / "out")]
    assert main([*line.split(), "--quiet", *limits]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {run}: its process on the cluster was lost, or took more than 0.01 s")


@inside
def test_losses_leave_the_same_bytes(nodes):
    """Two workers are killed, and then a node is lost, which does not come back."""
    assert cluster_kills.campaign(*nodes, losses=3) == (2, 1)


@inside
def test_no_cluster_is_there():
    import ray

    ray.shutdown()
    with pytest.raises(ValueError, match="cluster: expected 'auto', 'local' or the address of a running Ray"):
        Distributed(tasks.scoring, cluster="127.0.0.1:1")


def processes():
    """The command lines of all processes of the namespace."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(lines)
