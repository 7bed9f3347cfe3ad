"""Folders of runs with a second process, with foreign files and on a full disk."""

import json
import os
import shlex
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from evaluators.pictures import film
from experiments.__main__ import main
from experiments.runs import folder, repeated
from experiments.tasks.experiment import BEHAVIOUR
from neat import reporting
from neat.config.config import Config
from neat.io import checkpoint
from neat.support.files import Lock
from tests.support.processes import FEW, SAME, contents, largest_file, refused, start_command

pytestmark = pytest.mark.usefixtures("undrawn", "in_empty_folder")


# ---------------------------------------------------------------- two processes


def test_a_folder_that_another_process_writes_is_left_alone(capsys):
    assert main(["xor", *FEW, "--output", "run"]) == 0
    before = contents("run")
    with Lock("run/run.json"):
        for line in (
            ["xor", "--resume", "run"],
            ["xor", *FEW, "--output", "run", "--overwrite"],
            ["xor", *FEW, "--output", "run"],
            ["xor", *FEW, "--runs", "2", "--output", "run", "--overwrite"],
            ["compare", "--output", "run", "--overwrite"],
        ):
            refused(line, capsys, f"run/run.json: process {os.getpid()} on ")
    assert contents("run") == before
    Path("new").mkdir()
    with Lock("new/run.json"):  # a run that starts in the same new folder
        refused(["xor", *FEW, "--output", "new"], capsys, f"new/run.json: process {os.getpid()} on ")
    assert list(Path("new").iterdir()) == []


def test_a_run_whose_lock_was_deleted_is_left_alone(capsys):
    assert main(["xor", *FEW, "--output", "run"]) == 0
    before = contents("run")
    with Lock("run/checkpoint.npz"):  # a run holds this lock until its end
        for line in (
            ["xor", "--resume", "run", "--generations", "6"],
            ["xor", *FEW, "--output", "run", "--overwrite"],
            ["compare", "--output", "run", "--overwrite"],
        ):
            refused(line, capsys, f"run/checkpoint.npz: process {os.getpid()} on ")
        assert {k: v for k, v in contents("run").items() if not k.startswith(".")} == before
    assert contents("run") == before


def test_a_process_that_is_killed_lets_others_go_on(capsys):
    line = ["regression", "--population-size", "20", "--range", "0", "1", "--checkpoint-every", "1"]
    with start_command(*line, "--generations", "1000000") as process:
        try:
            deadline = time.monotonic() + 200
            while not Path("runs/regression/checkpoint.npz").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            refused(["regression", "--resume", "runs/regression"], capsys, f"process {process.pid} on ")
            assert process.poll() is None
        finally:
            process.kill()
    done = checkpoint.load("runs/regression/checkpoint.npz").generation
    assert main(["regression", "--resume", "runs/regression", "--generations", str(done + 2)]) == 0
    assert not [name for name in contents("runs/regression") if name.startswith(".")]
    assert len(np.load("runs/regression/lineage.npy")) == done + 2


@pytest.mark.parametrize("kind", ["run", "study", "comparison"])
def test_every_kind_of_work_locks_its_folder_to_its_end(kind, capsys, monkeypatch):
    seen = []

    def look(*_, **__):
        line = ["compare", "--output", "out", "--overwrite"]
        refused(line, capsys, f"process {os.getpid()} on ")
        seen.append(1)
        raise KeyboardInterrupt

    line, place = {
        "run": (["xor", *FEW], "neat.plot.species"),
        "study": (["xor", "--runs", "2", *FEW], "experiments.runs.repeated.write_tables"),
        "comparison": (["compare", "--seeds", "1", "--share", "0.01"], "experiments.comparison.compare.draw"),
    }[kind]
    monkeypatch.setattr(place, look)
    assert main([*line, "--output", "out"]) == 130
    assert seen == [1]
    monkeypatch.setattr(place, lambda *_, **__: None)
    assert main(["xor", *FEW, "--output", "out", "--overwrite"]) == 0


# ---------------------------------------------------------------- other people's files


def test_overwriting_deletes_what_the_earlier_run_wrote_and_nothing_else():
    theirs = (
        "config-mine.toml",
        "champion-2019.json",
        "runs-2020.svg",
        "behaviour-mine.gif",
        "summary.txt",
        "a",
    )
    line = ["xor", "--schemes", *FEW, "--output", "out", "--overwrite"]
    assert main(line) == 0
    assert "champion-default-pairing.svg" in contents("out")
    for name in theirs:
        Path("out", name).write_text("mine")
    assert main(["xor", *FEW, "--output", "out", "--overwrite"]) == 0
    assert contents("out").keys() == {*SAME, "champion.svg", "species.svg", "config.toml", "run.json",
                                      "timings.csv", "checkpoint.npz", "result.json", *theirs}  # fmt: skip
    assert main(line) == 0
    assert not {"checkpoint.npz", "metrics.csv", "champion.json"} & contents("out").keys()
    assert main(["compare", "--seeds", "1", "--share", "0.01", "--output", "out", "--overwrite"]) == 0
    assert contents("out").keys() == {*folder.COMPARISON_FILES, *theirs}
    assert all(Path("out", name).read_text() == "mine" for name in theirs)


def test_what_a_run_writes_can_be_deleted_by_name(monkeypatch):
    """The names in folder.py are all that runs and studies write."""
    # The animation has two frames only, to be quick.
    monkeypatch.setattr(film, "choose_steps", lambda start, stop, most: np.array([start, stop]))
    assert main(["cartpole", "--episodes", "1", *FEW, "--output", "run"]) == 0
    assert contents("run").keys() == folder.run_files(BEHAVIOUR, lineage=True)
    assert main(["xor", "--schemes", *FEW, "--output", "study"]) == 0
    names = folder.study_files((), [f"default, {scheme}" for scheme in repeated.SCHEMES])
    assert contents("study").keys() == names
    assert main(["cartpole", "--episodes", "1", "--runs", "2", *FEW, "--output", "films"]) == 0
    assert contents("films").keys() == folder.study_files(BEHAVIOUR, ["default, global"])


def test_a_file_that_the_earlier_run_could_have_written_but_did_not_stays(monkeypatch, capsys):
    films = {f"behaviour-default-{scheme}.gif" for scheme in repeated.SCHEMES}
    for options, names in (
        ([], {"behaviour.gif", "summary.csv"}),
        (["--no-lineage"], {"lineage.npy"}),
        (["--schemes"], films),
    ):
        line = ["xor", *FEW, *options, "--output", "out", "--overwrite"]
        assert main(line) == 0
        for name in names:
            Path("out", name).write_text("mine")
        assert main(line) == 0
        assert all(Path("out", name).read_text() == "mine" for name in names)
        for name in names:
            Path("out", name).unlink()
    assert main(["xor", *FEW, "--no-lineage", "--output", "out", "--overwrite"]) == 0
    Path("out/lineage.npy").write_text("mine")
    before = contents("out")
    refused(
        ["xor", "--resume", "out", "--lineage"],
        capsys,
        "resume: out/lineage.npy was not written by an earlier run",
    )
    refused(
        ["xor", *FEW, "--output", "out", "--overwrite"],
        capsys,
        "output: out/lineage.npy was not written by an earlier run",
    )
    assert contents("out") == before
    # The animation of one run could not be written, and another was interrupted before its figures.
    monkeypatch.setattr("evaluators.pictures.film.Film.write", lambda *_: None)
    assert main(["cartpole", "--episodes", "1", *FEW, "--output", "still"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr("neat.plot.fitness", lambda *_: os.kill(os.getpid(), signal.SIGINT))
        assert main(["xor", *FEW, "--output", "ended"]) == 130
    for where, name in ("still", "behaviour.gif"), ("ended", "fitness.svg"):
        Path(where, name).write_text("mine")
        written = json.loads(Path(where, "run.json").read_text())["written"]
        assert name not in written and "checkpoint.npz" in written
        compare = ["compare", "--seeds", "1", "--share", "0.01", "--output", where, "--overwrite"]
        assert main(compare) == 0
        assert contents(where).keys() == {*folder.COMPARISON_FILES, name}
        assert Path(where, name).read_text() == "mine"


@pytest.mark.parametrize("run_json", [None, "{}", '{"experiment": "mine"}', "{", "[" * 100_000, '{"starts": 1, '
    '"experiment": "xor", "options": {}, "written": 3}',
    '{"starts": 1, "experiment": "xor", "options": {}, "written": [[]]}'])  # fmt: skip
def test_a_users_file_of_the_same_name_is_not_overwritten(run_json, capsys):
    Path("mine").mkdir()
    Path("mine/metrics.csv").write_text("mine")
    if run_json is not None:
        Path("mine/run.json").write_text(run_json)
    before = contents("mine")
    name = "metrics.csv" if run_json is None or "written" in run_json else "run.json"
    refused(
        ["xor", *FEW, "--output", "mine", "--overwrite"],
        capsys,
        "was not written by an earlier run and would be overwritten",
    )
    if run_json is None:
        refused(["xor", *FEW, "--output", "mine", "--overwrite"], capsys, f"mine/{name}")
    refused(["xor", *FEW, "--output", "mine"], capsys, "mine is not empty")
    assert contents("mine") == before


def test_a_study_does_not_overwrite_a_users_table_beside_a_run(capsys):
    assert main(["xor", *FEW, "--output", "run"]) == 0
    Path("run/summary.csv").write_text("mine")
    before = contents("run")
    refused(
        ["xor", "--runs", "2", *FEW, "--output", "run", "--overwrite"],
        capsys,
        "run/summary.csv was not written by an earlier run",
    )
    assert contents("run") == before
    assert main(["xor", *FEW, "--output", "run", "--overwrite"]) == 0
    assert Path("run/summary.csv").read_text() == "mine"


def test_what_a_killed_start_has_left_does_not_make_a_folder_full():
    Path("run").mkdir()
    Path("run/.run.json.lock").write_text("process 1 on here\n")
    Path("run/.neat-0123456789abcdef.new").write_text("half")
    assert main(["xor", *FEW, "--output", "run"]) == 0
    assert contents("run").keys() == folder.run_files((), lineage=True)


def test_the_hint_of_an_interrupted_run_can_be_pasted(monkeypatch, capsys):
    monkeypatch.setattr("neat.plot.fitness", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    where = "my runs; $(one)'s"
    assert main(["xor", *FEW, "--output", where]) == 130
    hint = capsys.readouterr().err.strip().partition("resume with: ")[2]
    assert shlex.split(hint) == ["python", "-m", "experiments", "xor", "--resume", where]
    monkeypatch.undo()


# ---------------------------------------------------------------- written whole


def test_a_full_disk_does_not_cost_a_run_that_is_resumed(capsys):
    line = ["xor", "--population-size", "20", "--quiet", "--generations"]
    assert main([*line, "6", "--output", "whole"]) == 0
    assert main([*line, "4", "--output", "run"]) == 0
    before = contents("run")
    resume = ["xor", "--resume", "run", "--generations", "6", "--quiet"]
    with largest_file(len(before["run.json"]) + 10):
        refused(resume, capsys, "run/run.json: File too large")
    assert contents("run") == before
    with largest_file(1024):
        refused(resume, capsys, ": File too large")
    assert contents("run")["checkpoint.npz"] == before["checkpoint.npz"]
    assert main(resume) == 0
    for name in SAME:
        assert Path("run", name).read_bytes() == Path("whole", name).read_bytes(), name


def test_the_settings_file_is_written_as_a_whole_with_the_description_first(monkeypatch):
    """A kill between the two leaves a folder that --overwrite recognises as a run's."""
    with monkeypatch.context() as patch:
        patch.setattr(Config, "to_toml", lambda self: os.kill(os.getpid(), signal.SIGINT))
        assert main(["xor", *FEW, "--output", "run"]) == 130
    assert contents("run").keys() == {"run.json"}
    assert main(["xor", *FEW, "--output", "run", "--overwrite"]) == 0


@pytest.mark.parametrize("size", [100, 1024, 3000, 6000, 8000])
def test_a_full_disk_names_the_file(size, capsys):
    for line in (["xor", *FEW], ["xor", "--runs", "2", *FEW], ["cartpole", "--episodes", "1", *FEW]):
        with largest_file(size):
            refused([*line, "--output", "out", "--overwrite"], capsys, ": File too large")
        written = {path.name for path in Path("out").iterdir()}
        assert written <= folder.run_files(BEHAVIOUR, True) | folder.study_files(
            BEHAVIOUR, ["default, global"]
        )
        for path in Path("out").iterdir():
            if path.suffix == ".json":
                json.loads(path.read_text())
        for path in [*Path("out").iterdir()]:
            path.unlink()


def test_results_are_on_the_disk_before_they_are_printed(monkeypatch):
    def fail(*_, **__):
        raise UnicodeEncodeError("ascii", "R²", 1, 2, "ordinal not in range(128)")

    monkeypatch.setattr(reporting.Progress, "finish", fail)
    monkeypatch.setattr("experiments.runs.table.print_table", fail)
    monkeypatch.setattr("experiments.comparison.results.print_table", fail)
    assert main(["xor", *FEW[:-1], "--output", "run"]) == 2
    assert contents("run").keys() == folder.run_files((), lineage=True)
    assert main(["xor", "--runs", "2", *FEW, "--output", "study"]) == 2
    assert {"summary.json", "runs.svg", "champion.json"} <= contents("study").keys()
    assert main(["compare", "--seeds", "1", "--share", "0.01", "--output", "compare"]) == 2
    assert contents("compare").keys() == folder.COMPARISON_FILES
