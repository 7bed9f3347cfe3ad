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

import pytest

from neat.support import files
from neat.support.files import CsvFile, Lock, LockedError, write_atomically
from tests.support.processes import largest_file
from tests.support.short_runs import names

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
