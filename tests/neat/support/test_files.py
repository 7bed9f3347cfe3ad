"""Test files with two processes, kills and full disks."""

import contextlib
import csv
import errno
import fcntl
import importlib.util
import os
import signal
import subprocess
import sys
import types

import numpy as np
import pytest

import neat
from evaluators.environments import CartPole
from evaluators.gradient import fit, losses, nn, optim, ppo
from evaluators.gradient import reporting as gradient_reporting
from neat import plot, reporting
from neat.io import checkpoint
from neat.support import files
from neat.support.files import CsvFile, Lock, LockedError, write_atomically
from tests.support.processes import largest_file

# Each subprocess starts with this program. It imports only the module, which is faster than all of neat.
ALONE = f"""
import importlib.util, os, signal, sys, time
spec = importlib.util.spec_from_file_location("files", {files.__file__!r})
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)
"""


@contextlib.contextmanager
def start(program, *arguments):
    command = [sys.executable, "-c", ALONE + program, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# ---------------------------------------------------------------- atomic writes


def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, "old")
    with largest_file(1000), pytest.raises(OSError) as caught:
        write_atomically(path, "new" * 1000)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert str(caught.value) == f"[Errno {errno.EFBIG}] File too large: '{path}'"
    assert path.read_text() == "old" and names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_kill_leaves_the_old_file_and_the_next_write_deletes_leftovers(call, tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, "old")
    program = """
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
{"write": lambda: setattr(files, "_write", die), "fsync": lambda: setattr(os, "fsync", die),
 "replace": lambda: setattr(files.Path, "replace", die)}[sys.argv[2]]()
files.write_atomically(sys.argv[1], "new")
"""
    for _ in range(2):  # leftovers do not accumulate
        with start(program, path, call) as process:
            assert process.wait(100) == -signal.SIGKILL
        assert path.read_text() == "old"
        assert len(names(tmp_path)) == 2
    write_atomically(tmp_path / "b.json", "other")
    assert names(tmp_path) == ["a.json", "b.json"]


def test_the_temporary_file_of_a_running_writer_is_kept(tmp_path, monkeypatch):
    inner = []
    fsync = os.fsync

    def write_another(descriptor):
        if not inner:
            inner.append(1)
            write_atomically(tmp_path / "a.json", "second")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", write_another)
    write_atomically(tmp_path / "a.json", "first")
    assert inner and (tmp_path / "a.json").read_text() == "first" and names(tmp_path) == ["a.json"]


def test_a_temporary_file_deleted_by_another_process_before_it_is_locked(tmp_path, monkeypatch):
    tidied = []
    lock = files._lock

    def tidy_first(file):
        if not tidied:
            tidied.extend(path.unlink() for path in tmp_path.iterdir())
        lock(file)

    monkeypatch.setattr(files, "_lock", tidy_first)
    write_atomically(tmp_path / "a.json", "whole")
    assert len(tidied) == 1
    assert (tmp_path / "a.json").read_text() == "whole" and names(tmp_path) == ["a.json"]


def test_many_writers_of_one_file(tmp_path):
    path = tmp_path / "a.bin"
    program = """
for _ in range(40):
    files.write_atomically(sys.argv[1], sys.argv[2].encode() * 20_000)
"""
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(start(program, path, letter)) for letter in "abc"]
        while any(writer.poll() is None for writer in writers):
            with contextlib.suppress(FileNotFoundError):
                content = path.read_bytes()
                assert content in (b"a" * 20_000, b"b" * 20_000, b"c" * 20_000)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert names(tmp_path) == ["a.bin"]


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link, target = tmp_path / "a.json", tmp_path / "elsewhere" / "b.json"
    link.symlink_to(target)
    write_atomically(link, "content")
    assert (
        link.is_symlink() and target.read_text() == "content" and names(tmp_path / "elsewhere") == ["b.json"]
    )


def test_the_error_of_a_missing_folder_names_the_file(tmp_path):
    for write in (lambda path: write_atomically(path, ""), CsvFile, Lock):
        with pytest.raises(FileNotFoundError) as caught:
            write(tmp_path / "nowhere" / "a.csv")
        path = tmp_path / "nowhere" / "a.csv"
        assert caught.value.filename == str(path)
        assert str(caught.value) == f"[Errno 2] No such file or directory: '{path}'"


def test_figures_are_written_atomically(tmp_path):
    history = run().history
    path = tmp_path / "fitness.svg"
    plot.fitness(history, path)
    content = path.read_bytes()
    with largest_file(1000), pytest.raises(OSError, match=r"fitness\.svg"):
        plot.fitness(history, path)
    assert path.read_bytes() == content and names(tmp_path) == ["fitness.svg"]


# ---------------------------------------------------------------- locks


def test_the_error_of_a_second_owner_names_the_first(tmp_path):
    path = tmp_path / "a.csv"
    with start("with files.Lock(sys.argv[1]):\n    print(flush=True)\n    time.sleep(100)", path) as owner:
        owner.stdout.readline()
        with pytest.raises(LockedError, match=rf"^{path}: process {owner.pid} on .+ is writing it$"):
            Lock(path)
        owner.kill()
        owner.wait()
    with Lock(path), pytest.raises(LockedError, match=f"process {os.getpid()} on"):
        Lock(path)
    with Lock(path):
        pass
    assert names(tmp_path) == []


def test_a_forked_child_does_not_keep_its_dead_parents_lock(tmp_path):
    path = tmp_path / "a.csv"
    program = """
lock = files.Lock(sys.argv[1])
child = os.fork()
if child == 0:
    lock.release()  # as at the end of a context; the child must not release it
    os.write(1, f"{os.path.exists(lock._path)}\\n".encode())
    time.sleep(100)
os.write(1, f"{child}\\n".encode())
time.sleep(100)
"""
    with start(program, path) as owner:
        said = {owner.stdout.readline().strip() for _ in range(2)}
        assert "True" in said
        child = int((said - {"True"}).pop())
        try:
            with pytest.raises(LockedError, match=f"process {owner.pid} on"):
                Lock(path)
            owner.kill()
            owner.wait()
            os.kill(child, 0)  # the child still runs
            Lock(path).release()
        finally:
            os.kill(child, signal.SIGKILL)
    assert names(tmp_path) == []


def test_one_owner_at_a_time(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")
    program = """
done = 0
while done < 40:
    try:
        with files.Lock(sys.argv[1]):
            count = int(open(sys.argv[1]).read())
            open(sys.argv[1], "w").write(str(count + 1))
            done += 1
    except files.LockedError:
        pass
"""
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(start(program, path)) for _ in range(3)]
        assert [process.wait(100) for process in processes] == [0, 0, 0]
    assert path.read_text() == "120" and names(tmp_path) == ["count"]


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="no locks .No locks available.; do not let two processes") as caught:
        for _ in range(2):
            with CsvFile(tmp_path / "a.csv", [["x"]]) as rows:
                rows.append([[1]])
    assert len(caught) == 2 and (tmp_path / "a.csv").read_text() == "x\n1\n"
    assert names(tmp_path) == ["a.csv"]


def test_where_there_is_no_fcntl(tmp_path, monkeypatch):
    """Emulate msvcrt of Windows by POSIX locks of the byte that it locks."""
    places = []

    def locking(descriptor, mode, count):
        places.append(os.lseek(descriptor, 0, os.SEEK_CUR))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    monkeypatch.setitem(sys.modules, "msvcrt", types.SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(sys, "platform", "win32")
    spec = importlib.util.spec_from_file_location("files_of_windows", files.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.undo()
    with module.Lock(tmp_path / "a"), pytest.raises(module.LockedError, match=f"process {os.getpid()} on"):
        module.Lock(tmp_path / "a")
    module.write_atomically(tmp_path / "a", "content")
    assert (tmp_path / "a").read_text() == "content" and min(places[:2]) > 1000


# ---------------------------------------------------------------- files that grow


def test_rows_that_do_not_fit_are_removed_whole(tmp_path):
    path = tmp_path / "a.csv"
    with CsvFile(path, [["number", "text"]]) as rows, largest_file(1000), pytest.raises(OSError) as caught:
        for k in range(1000):
            rows.append([[k, 'with, "quotes"\n']])
    assert caught.value.filename == str(path)
    with path.open(newline="") as file:
        read = list(csv.reader(file))
    assert read[1:] == [[str(n), 'with, "quotes"\n'] for n in range(k)] and k > 10


def test_rows_can_be_appended_after_some_did_not_fit(tmp_path):
    path = tmp_path / "a.csv"
    with CsvFile(path) as rows:
        for _ in range(2):
            with largest_file(100), pytest.raises(OSError):
                rows.append([["x" * 200]])
            assert path.read_bytes() == b"" and rows.is_empty
        rows.append([[1]])
        assert path.read_bytes() == b"1\n" and not rows.is_empty


def config(size=20):
    return neat.Config(genome=neat.GenomeConfig(num_inputs=2, num_outputs=1), population_size=size)


def fitness(genomes):
    return np.diff(genomes.arrays.connection_offset).astype(float)


def run(reporters=(), generations=3, population=None, evaluator=fitness, **options):
    population = population or neat.Population(config())
    return population.run(evaluator, generations, reporters=reporters, **options)


def fail(error):
    def evaluator(genomes):
        if genomes.generation == 2:
            raise error
        return fitness(genomes)

    return evaluator


@pytest.mark.parametrize("made", [reporting.Metrics, reporting.Lineage, None])
def test_two_runs_of_the_library_with_the_same_files(made, tmp_path):
    def arguments():
        return {"checkpoint": tmp_path / "a.npz"} if made is None else {"reporters": [made(tmp_path)]}

    refused = []

    def evaluator(genomes):
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        with pytest.raises(LockedError, match=f"process {os.getpid()} on") as caught:
            run(**arguments())
        refused.append(caught.value)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
        return fitness(genomes)

    run(evaluator=evaluator, checkpoint_every=1, **arguments())
    assert len(refused) == 3 and str(tmp_path) in str(refused[0])
    run(**arguments())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("mine"), MemoryError()])
def test_every_end_of_a_run_releases_its_files(error, tmp_path):
    def options():
        reporters = [reporting.Metrics(tmp_path), reporting.Lineage(tmp_path)]
        return {"reporters": reporters, "checkpoint": tmp_path / "a.npz", "checkpoint_every": 1}

    with pytest.raises(type(error)):
        run(evaluator=fail(error), **options())
    left = {"a.npz", "lineage.npy", "metrics.csv", "species.csv", "timings.csv"}
    assert set(names(tmp_path)) == left
    assert run(population=checkpoint.load(tmp_path / "a.npz"), **options()).generations == 3
    assert set(names(tmp_path)) == left


def test_if_a_reporter_cannot_start_the_others_release_their_files(tmp_path):
    (tmp_path / "lineage.npy").mkdir()
    with pytest.raises(IsADirectoryError):
        run([reporting.Metrics(tmp_path), reporting.Lineage(tmp_path)])
    (tmp_path / "lineage.npy").rmdir()
    run([reporting.Metrics(tmp_path), reporting.Lineage(tmp_path)])


def test_reporters_called_directly(tmp_path):
    population = neat.Population(config())
    for _ in range(2):  # the second start happens before the first finished
        reporters = [reporting.Metrics(tmp_path), reporting.Lineage(tmp_path)]
        for reporter in reporters:
            reporter.start(population, 1)
            reporter.start(population, 1)
            reporter.close()
            reporter.close()


def test_two_trainings_by_gradients_with_the_same_files(tmp_path):
    history = np.zeros(1, gradient_reporting.EPOCH)
    first, second = gradient_reporting.Metrics(tmp_path), gradient_reporting.Metrics(tmp_path)
    first.start(history, 3)
    before = (tmp_path / "metrics.csv").read_bytes()
    with pytest.raises(LockedError):
        second.start(history, 3)
    with pytest.raises(LockedError):
        run([reporting.Metrics(tmp_path)])
    assert (tmp_path / "metrics.csv").read_bytes() == before
    first.finish(history)
    second.start(history, 3)
    second.finish(history)
    assert names(tmp_path) == ["metrics.csv"]


def test_a_checkpoint_of_a_training_that_another_process_writes(tmp_path):
    path = tmp_path / "a.npz"
    samples = np.ones((4, 2), np.float32)
    with Lock(path):
        with pytest.raises(LockedError, match=f"^{path}: process"):
            model = nn.Sequential(nn.Dense(2, 1)).initialise(0)
            optimiser = optim.SGD(model.parameters(), 0.1)
            fit(model, (samples, samples[:, :1]), losses.mean_squared, optimiser, 1, checkpoint=path)
        with pytest.raises(LockedError, match=f"^{path}: process"):
            ppo.train(CartPole(), checkpoint=path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(("name", "size"), [("metrics.csv", 700), ("lineage.npy", 1500), ("a.npz", 1000)])
def test_the_error_of_a_full_disk_names_the_file_and_no_data_is_lost(name, size, tmp_path):
    def options(folder):
        if name == "a.npz":
            return {"checkpoint": folder / name}
        return {
            "reporters": [{"metrics.csv": reporting.Metrics, "lineage.npy": reporting.Lineage}[name](folder)]
        }

    whole, part = tmp_path / "whole", tmp_path / "part"
    whole.mkdir()
    part.mkdir()
    run(generations=9, **options(whole))
    with largest_file(size), pytest.raises(OSError) as caught:
        run(generations=9, **options(part))
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(part / name))
    assert not [file for file in names(part) if file.startswith(".")]
    if name == "metrics.csv":
        assert (whole / name).read_text().startswith((part / name).read_text())
    elif name == "lineage.npy":
        assert len(np.load(part / name)) in range(1, 9)
    run(generations=9, **options(part))
    assert (part / name).read_bytes() == (whole / name).read_bytes()


def test_a_full_disk_does_not_cost_the_timings(tmp_path):
    population = neat.Population(config())
    run([reporting.Metrics(tmp_path)], 9, population)
    kept = (tmp_path / "timings.csv").read_text()
    for size in (10, 150):  # first metrics.csv, then only timings.csv cannot be replaced
        with largest_file(size), pytest.raises(OSError):
            reporting.Metrics(tmp_path).start(population, 10)
        assert (tmp_path / "timings.csv").read_text() == kept
    with largest_file(100), pytest.raises(OSError, match=r"timings\.csv"):
        reporting.Metrics(tmp_path)._open("timings", (), [["x" * 200]])
    assert (tmp_path / "timings.csv").read_text() == kept


def test_damaged_timings(tmp_path):
    population = neat.Population(config())
    run([reporting.Metrics(tmp_path)], 3, population)
    path = tmp_path / "timings.csv"
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(rows[0] + rows[1] + b"\0" * 50 + b"\xff\n" + b"9" * 5000 + b",1,1\n" + rows[2][:3])
    run([reporting.Metrics(tmp_path)], 4, population)
    lines = path.read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["generation", "0", "3"]
