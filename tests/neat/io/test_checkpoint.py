"""Test that damaged checkpoints are rejected, and that a kill at any moment leaves a valid one."""

import os
import random
import re
import signal
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import neat
from evaluators.checks import check_state
from neat import activations
from neat.io import checkpoint
from neat.io.checkpoint import CheckpointError, read_arrays, write_arrays
from neat.state import arrays as state_arrays
from neat.support import files
from tests.support.evolving import BUSY, evolve, make_config, state
from tests.support.scripts import run_python


@pytest.fixture(scope="module")
def population():
    return evolve(neat.Population(make_config(**BUSY)), 4)


@pytest.fixture(scope="module")
def content(population, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "good.npz"
    checkpoint.save(population, path)
    return path.read_bytes()


def refused(path, message=""):
    """Check that loading raises an error of one line that names the file."""
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert re.search(message, str(caught.value)), str(caught.value)


def test_a_truncated_file_is_refused_at_every_length(content, tmp_path):
    path = tmp_path / "run.npz"
    lengths = {0, 1, 2, 3, 4, 63, 64, 65, 128, *range(0, len(content), len(content) // 150)}
    lengths |= {len(content) - missing for missing in (1, 2, 22, 64, 65, 100)}
    for length in sorted(lengths):
        path.write_bytes(content[:length])
        refused(path, "is no checkpoint|is damaged")
    path.write_bytes(content + b"\0")
    refused(path, "is damaged")


def test_every_flipped_bit_is_found(content, tmp_path):
    path = tmp_path / "run.npz"
    generator = random.Random(0)
    positions = [
        *range(8),
        *range(len(content) - 100, len(content)),
        *generator.sample(range(len(content)), 200),
    ]
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= 1 << generator.randrange(8)
        path.write_bytes(damaged)
        refused(path, "is no checkpoint|is damaged")


def test_other_files_are_refused(tmp_path):
    refused(tmp_path / "none.npz", "cannot be read: No such file")
    refused(tmp_path, "is a folder")
    path = tmp_path / "run.npz"
    for text in (b"", b"[genome]\n", b"PK", b"\x80\x04pickle", bytes(1000)):
        path.write_bytes(text)
        refused(path, "is no checkpoint|is damaged")
    np.savez(path, weights=np.arange(3))
    refused(path)
    np.savez(path, weights=np.array([{}], object), allow_pickle=True)
    refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(path)
    write_arrays(path, {"weights": np.arange(3)})
    refused(path, "is no checkpoint of a run")


def test_names_and_paths_are_cut_and_stay_on_one_line(tmp_path):
    folder = tmp_path.joinpath(*["long" * 50] * 4)
    folder.mkdir(parents=True)
    for path in (folder / "run.npz", tmp_path / "two\nlines.npz"):
        write_arrays(path, {"format": np.array(99)})
        for damaged in (path.read_bytes(), b"PK", b"", None):
            if damaged is None:
                path.unlink()
            else:
                path.write_bytes(damaged)
            with pytest.raises(CheckpointError) as caught:
                checkpoint.load(path)
            assert "\n" not in str(caught.value)
            assert len(str(caught.value)) < 700


def test_the_state_of_an_evaluator_is_refused_in_a_short_line():
    own, fields = {"mean": np.zeros(3), "name": np.array("a")}, [(f"f{k}", "i8") for k in range(500)]
    check_state({**own, "name": np.array("longer text")}, own)
    for wrong, message in (
        ({"n" * 50_000: np.zeros(3)}, "expected mean, name, got nnn"),
        ({**own, "mean": np.zeros(3, fields)}, "mean: expected float64 of shape \\(3,\\), got "),
        ({**own, "mean": np.zeros((1,) * 30)}, "mean: expected float64"),
        ({**own, "mean": np.array([0, np.nan, 0])}, "mean: expected finite"),
        ({**own, "name": np.array(["a"])}, "name: expected text of shape"),
    ):
        with pytest.raises(ValueError, match=f"^state: {message}") as caught:
            check_state(wrong, own)
        assert len(str(caught.value)) < 500


def test_another_format_is_refused(content, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    arrays = read_arrays(path)
    for number in (0, 1, 99):
        write_arrays(path, {**arrays, "format": np.array(number)})
        refused(path, f"is a checkpoint of format {number}; this version reads format {state_arrays.FORMAT}")


def test_a_checkpoint_that_lacks_an_array_is_refused(content, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    arrays = read_arrays(path)
    assert len(arrays) > 40
    for name in arrays:
        if name != "format":
            write_arrays(path, {key: value for key, value in arrays.items() if key != name})
            refused(path, "is no checkpoint of a run")


def test_a_config_of_another_version_is_refused(content, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    arrays = read_arrays(path)
    config = arrays["config"].tobytes().replace(b"population_size", b"population_sise")
    write_arrays(path, {**arrays, "config": np.frombuffer(config, np.uint8)})
    refused(path, "population_sise: there is no such field")


def test_the_file_contains_no_code(content, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "iufbUV" for name in file.files)
        assert all(not file[name].dtype.hasobject for name in file.files)


def test_saving_twice_gives_the_same_bytes(population, content, tmp_path):
    checkpoint.save(population, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == content
    checkpoint.save(checkpoint.load(tmp_path / "again.npz"), tmp_path / "third.npz")
    assert (tmp_path / "third.npz").read_bytes() == content


@pytest.mark.parametrize("call", ["fsync", "replace", "rename", "write"])
def test_a_crash_in_the_middle_of_a_write_leaves_the_old_file(
    call, population, content, tmp_path, monkeypatch
):
    path = tmp_path / "run.npz"
    path.write_bytes(content)

    def crash(*_, **__):
        raise OSError(28, "No space left on device")

    owners = {"fsync": (os, "fsync"), "write": (files, "_write")}
    if call in owners:
        monkeypatch.setattr(*owners[call], crash)
    else:  # rename and replace can both be used
        for owner, name in ((os, "replace"), (os, "rename"), (Path, "replace"), (Path, "rename")):
            monkeypatch.setattr(owner, name, crash)
    newer = evolve(checkpoint.load(path), 1) if call != "write" else population
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(newer, path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]
    assert path.read_bytes() == content
    assert state(checkpoint.load(path)) == state(population)


def test_the_file_is_flushed_before_it_is_renamed(population, tmp_path, monkeypatch):
    calls = []
    for owner, name in ((os, "fsync"), (os, "replace"), (os, "rename")):
        original = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *a, original=original, name=name, **k: calls.append(name) or original(*a, **k)
        )
    checkpoint.save(population, tmp_path / "run.npz")
    assert calls[0] == "fsync"
    assert calls[1:] in (["replace"], ["rename"])


def test_run_saves_at_the_given_interval_and_at_the_end(tmp_path):
    saved = []

    def evaluator(genomes):
        path = tmp_path / "run.npz"
        saved.append(checkpoint.load(path).generation if path.exists() else None)
        return np.arange(60.0)

    population = neat.Population(make_config())
    population.run(evaluator, 8, checkpoint=tmp_path / "run.npz", checkpoint_every=3)
    assert saved == [None, None, None, 3, 3, 3, 6, 6]
    assert state(checkpoint.load(tmp_path / "run.npz")) == state(population)


def test_arrays_of_many_kinds_are_restored(tmp_path):
    arrays = {
        "empty": np.empty((0, 3), np.float32),
        "scalar": np.array(2**62 + 1),
        "strange": np.array([np.nan, -0.0, np.inf, 5e-324]),
        "flags": np.array([[True], [False]]),
    }
    write_arrays(tmp_path / "a.npz", arrays)
    again = read_arrays(tmp_path / "a.npz")
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (again[name].dtype, again[name].shape) == (array.dtype, array.shape)
        assert again[name].tobytes() == array.tobytes()
        assert again[name].flags.writeable


# The next test runs this file as a script in a subprocess.

GENERATIONS, KILLS = 240, 25


def run_to_the_end(path):
    """Start the run, or continue from its checkpoint."""
    config = make_config(**BUSY, population_size=40, seed=5)
    population = checkpoint.load(path) if path.exists() else neat.Population(config)

    def evaluator(genomes):
        return np.random.default_rng(genomes.generation).normal(size=40)

    population.run(evaluator, GENERATIONS, checkpoint=path, checkpoint_every=1)


def kill_and_resume(path):
    """Kill processes at random moments until one finishes the run; return the generation at each kill.

    The processes are forked, so that the kernels are loaded once.
    """
    generator = random.Random(0)
    generations = []
    while True:
        child = os.fork()
        if child == 0:
            run_to_the_end(path)
            os._exit(0)
        if len(generations) == KILLS:
            assert os.waitpid(child, 0)[1] == 0
            return generations
        # Wait for a few checkpoints, so that all kills happen before the end, then for a random time.
        for _ in range(generator.randrange(1, GENERATIONS // KILLS - 2)):
            before = path.stat().st_mtime_ns if path.exists() else 0
            while (path.stat().st_mtime_ns if path.exists() else 0) == before:
                assert os.waitpid(child, os.WNOHANG)[0] == 0, "ended before it was killed"
                time.sleep(0.0002)
        time.sleep(generator.random() * 0.008)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        generations.append(checkpoint.load(path).generation)


def test_a_run_killed_25_times_ends_like_an_uninterrupted_one(tmp_path):
    generations = list(map(int, run_python(__file__, tmp_path, timeout=120).split()))
    assert len(generations) == KILLS
    assert sorted(set(generations)) == generations
    assert generations[-1] < GENERATIONS
    assert (tmp_path / "killed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert checkpoint.load(tmp_path / "killed.npz").generation == GENERATIONS


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    run_to_the_end(folder / "whole.npz")
    print(*kill_and_resume(folder / "killed.npz"))


def test_user_defined_functions_are_found_by_name(tmp_path):
    """Another process can register the functions in another order, or not at all."""
    table = activations.ACTIVATIONS
    before = len(table)
    try:
        for name, function in (("first_own", lambda x: x + 1), ("second_own", lambda x: x - 1)):
            activations.register_activation(name, function)
        population = neat.Population(
            neat.Config(
                genome={"num_inputs": 2, "num_outputs": 1, "activation": "first_own"}, population_size=10
            )
        )
        population.tell(np.arange(10.0))
        checkpoint.save(population, tmp_path / "own.npz")
        table[before], table[before + 1] = table[before + 1], table[before]
        loaded = checkpoint.load(tmp_path / "own.npz")
        for genomes in (loaded.genomes, loaded.best.genomes):
            assert {node["activation"] for genome in genomes for node in genome.nodes} == {"first_own"}
        del table[before:]
        with pytest.raises(checkpoint.CheckpointError, match="activation 'first_own' is not known"):
            checkpoint.load(tmp_path / "own.npz")
    finally:
        del table[before:]
