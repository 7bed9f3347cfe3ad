"""Test the files of runs and trainings with two owners, kills and full disks."""

import errno
import os

import numpy as np
import pytest

import neat
from evaluators.gradient import reporting as gradient_reporting
from neat import plot, reporting
from neat.io import checkpoint
from neat.support.files import Lock, LockedError
from tests.support.processes import largest_file
from tests.support.short_runs import config, fitness, names, run, train, train_by_ppo


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
    with Lock(path):
        for start in (train, train_by_ppo):
            with pytest.raises(LockedError, match=f"^{path}: process"):
                start(checkpoint=path)
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


def test_figures_are_written_atomically(tmp_path):
    history = run().history
    path = tmp_path / "fitness.svg"
    plot.fitness(history, path)
    content = path.read_bytes()
    with largest_file(1000), pytest.raises(OSError, match=r"fitness\.svg"):
        plot.fitness(history, path)
    assert path.read_bytes() == content and names(tmp_path) == ["fitness.svg"]
