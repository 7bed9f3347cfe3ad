"""Test paths of output files: links, pipes, permissions, long names, and a changing current folder."""

import fcntl
import os
import stat

import numpy as np
import pytest

from evaluators.gradient import reporting as gradient_reporting
from neat import reporting
from neat.io import checkpoint
from neat.support import files
from neat.support.files import CsvFile, Lock, LockedError, write_atomically
from tests.support.short_runs import fitness, names, run, train, train_by_ppo

# ---------------------------------------------------------------- existing files


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_a_replaced_file_keeps_its_permissions(mode, tmp_path, monkeypatch):
    path, before = tmp_path / "a.json", []
    path.write_text("old")
    path.chmod(mode)
    write = files._write

    def look_first(file, data):
        before.append(os.fstat(file.fileno()).st_mode)
        write(file, data)

    monkeypatch.setattr(files, "_write", look_first)
    write_atomically(path, "new")
    assert path.read_text() == "new" and stat.S_IMODE(path.stat().st_mode) == mode
    assert stat.S_IMODE(before[0]) == mode  # other users cannot read the temporary file either


def test_new_files_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a.json", "content")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o640


@pytest.mark.parametrize("is_link", [False, True], ids=["pipe", "link"])
def test_a_pipe_is_neither_replaced_nor_waited_for(is_link, tmp_path):
    pipe, path = tmp_path / "pipe", tmp_path / "lineage.npy"
    os.mkfifo(pipe if is_link else path)
    if is_link:
        path.symlink_to(pipe)
    before = names(tmp_path)
    for write in (lambda path: write_atomically(path, "content"), CsvFile):
        with pytest.raises(ValueError, match=f"^{tmp_path}.*: is not a regular file$"):
            write(path)
    with pytest.raises(ValueError, match="is not a regular file"):
        run(reporters=[reporting.Lineage(tmp_path)])
    for function in (run, train, train_by_ppo):
        with pytest.raises(ValueError, match=f"^checkpoint: {tmp_path}.* is not a regular file$"):
            function(checkpoint=path)
    assert names(tmp_path) == before and path.is_fifo() and path.is_symlink() == is_link


def test_timings_of_an_earlier_run_as_a_pipe(tmp_path):
    run(checkpoint=tmp_path / "a.npz")
    os.mkfifo(tmp_path / "timings.csv")
    with pytest.raises(ValueError, match=r"timings\.csv: is not a regular file"):
        checkpoint.load(tmp_path / "a.npz").run(fitness, 4, reporters=[reporting.Metrics(tmp_path)])


@pytest.mark.parametrize("function", [train, train_by_ppo])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/", "/ is a folder; name a file in it"),
        ("/none/a.npz", "there is no folder /none"),
        (3, "must be a path, got 3"),
        ("a\0b", "must hold no NUL"),
        ("x" * 5000, "must have at most 4,096 characters, got 5,000"),
        ("a\ud800", r"must be text that the system can encode, got 'a\\ud800'"),
        ("x" * 256, ".*File name too long"),
    ],
    ids=["folder", "no folder", "number", "NUL", "very long", "surrogate", "long"],
)
def test_bad_checkpoints_are_refused_before_a_training(function, path, message):
    with pytest.raises(ValueError, match=f"^checkpoint: {message}"):
        function(checkpoint=path)


# ---------------------------------------------------------------- locks


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_shares_the_lock_of_its_target(exists, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "real.npz", tmp_path / "link.npz"
    link.symlink_to(real)
    if exists:
        real.write_text("")
    for first, second in ((real, link), (link, real)):
        with Lock(first), pytest.raises(LockedError, match=f"^{second}: process {os.getpid()}"):
            Lock(second)
    (tmp_path / "folder").symlink_to("elsewhere")
    with Lock(real), pytest.raises(LockedError):
        Lock(tmp_path / "folder" / "real.npz")


def test_a_release_keeps_the_lock_of_another_file_with_the_same_name(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "a")
    first = Lock("run.npz")
    monkeypatch.chdir(tmp_path / "b")
    with Lock("run.npz"):
        first.release()
        assert (names(tmp_path / "a"), names(tmp_path / "b")) == ([], [".run.npz.lock"])


def test_a_release_in_a_folder_that_was_replaced(tmp_path):
    path = tmp_path / "a" / "run.npz"
    path.parent.mkdir()
    first = Lock(path)
    path.parent.rename(tmp_path / "moved")
    path.parent.mkdir()
    with Lock(path):
        first.release()
        with pytest.raises(LockedError):
            Lock(path)


@pytest.mark.parametrize("name", ["x" * 94, "x" * 249, "x" * 255, "ü" * 127])
def test_a_long_name_has_its_own_lock(name, tmp_path):
    refused = []

    def evaluator(genomes):
        with Lock(tmp_path / name[1:]), pytest.raises(LockedError) as caught:
            Lock(tmp_path / name)
        refused.append(caught.value)
        return fitness(genomes)

    run(evaluator=evaluator, checkpoint=tmp_path / name)
    assert len(refused) == 3 and names(tmp_path) == [name]
    with pytest.raises(ValueError, match=r"^checkpoint: .*File name too long"):
        run(checkpoint=tmp_path / ("x" * 256))


def test_garbage_in_a_lock_stays_out_of_the_terminal(tmp_path):
    with (tmp_path / ".a.npz.lock").open("wb") as file:
        file.write(b"\x1b[2J\x07\r\xff" + b"\0" * 500)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match=r"is writing it$") as caught:
            Lock(tmp_path / "a.npz")
    assert str(caught.value).isprintable() and r"\x1b[2J" in str(caught.value)


# ---------------------------------------------------------------- another current folder


def test_a_run_that_changes_the_current_folder(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "a")

    def evaluator(genomes):
        os.chdir(tmp_path / "b")
        return fitness(genomes)

    reporters = [reporting.Metrics("."), reporting.Lineage(".")]
    run(evaluator=evaluator, reporters=reporters, checkpoint="a.npz", checkpoint_every=1)
    expected = ["a.npz", "lineage.npy", "metrics.csv", "species.csv", "timings.csv"]
    assert (names(tmp_path / "a"), names(tmp_path / "b")) == (expected, [])
    assert checkpoint.load(tmp_path / "a" / "a.npz").generation == 3
    assert len(np.load(tmp_path / "a" / "lineage.npy")) == 3


def test_a_training_that_changes_the_current_folder(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "a")

    class Mover(gradient_reporting.Reporter):
        def start(self, history, epochs):
            os.chdir(tmp_path / "b")

    metrics = gradient_reporting.Metrics(".")
    train(checkpoint="a.npz", reporters=[Mover(), metrics])
    assert (names(tmp_path / "a"), names(tmp_path / "b")) == (["a.npz", "metrics.csv"], [])
