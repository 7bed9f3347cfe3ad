"""Folders of runs under a second process, other people's files, a full disk, other data and edited descriptions."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from processes import ROOT, command, contents, largest_file, refused

from experiments import animation, description, folder, study
from experiments.__main__ import main
from experiments.experiment import BEHAVIOUR, named
from neat import checkpoint, reporting
from neat.config import Config
from neat.files import Lock

FEW = ["--generations", "4", "--population-size", "20", "--quiet"]
SAME = ("metrics.csv", "species.csv", "lineage.npy", "champion.json", "fitness.svg")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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
    with Lock("new/run.json"):  # two starts with the same new folder
        refused(["xor", *FEW, "--output", "new"], capsys, f"new/run.json: process {os.getpid()} on ")
    assert list(Path("new").iterdir()) == []


def test_a_process_that_is_killed_lets_others_go_on(capsys):
    line = ["regression", "--population-size", "20", "--range", "0", "1", "--checkpoint-every", "1"]
    with command(*line, "--generations", "1000000") as process:
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
        "study": (["xor", "--runs", "2", *FEW], "experiments.study.write_tables"),
        "comparison": (["compare", "--seeds", "1", "--share", "0.01"], "experiments.compare.draw"),
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
    line = ["xor", "--runs", "2", "--schemes", *FEW, "--output", "out", "--overwrite"]
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
    assert contents("out").keys() == {"run.json", "curves.csv", "summary.json", "compare.svg", *theirs}
    assert all(Path("out", name).read_text() == "mine" for name in theirs)


def test_what_a_run_writes_can_be_deleted_by_name(monkeypatch):
    """The names in folder.py are all that runs and studies write."""
    monkeypatch.setattr(animation, "chosen", lambda start, stop: np.array([start, stop]))  # a short film
    assert main(["cartpole", "--episodes", "1", *FEW, "--output", "run"]) == 0
    assert contents("run").keys() == folder.of_a_run(BEHAVIOUR, lineage=True)
    assert main(["xor", "--schemes", *FEW, "--output", "study"]) == 0
    names = folder.of_a_study((), [f"default, {scheme}" for scheme in study.SCHEMES])
    assert contents("study").keys() == names
    assert main(["cartpole", "--episodes", "1", "--runs", "2", *FEW, "--output", "films"]) == 0
    assert contents("films").keys() == folder.of_a_study(BEHAVIOUR, ["default, global"])


def test_a_file_that_the_earlier_run_could_have_written_but_did_not_stays(monkeypatch, capsys):
    films = {f"behaviour-default-{scheme}.gif" for scheme in study.SCHEMES}
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
    refused(["xor", "--resume", "out", "--lineage"], capsys, "resume: out/lineage.npy is no earlier run's")
    refused(
        ["xor", *FEW, "--output", "out", "--overwrite"], capsys, "output: out/lineage.npy is no earlier run's"
    )
    assert contents("out") == before
    # A film that could not be made, and a run that was interrupted before its figures.
    monkeypatch.setattr("experiments.animation.write", lambda *_: None)
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
        assert contents(where).keys() == {*folder.OF_A_COMPARISON, name}
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
        "is no earlier run's, and would be overwritten",
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
        "run/summary.csv is no earlier",
    )
    assert contents("run") == before
    assert main(["xor", *FEW, "--output", "run", "--overwrite"]) == 0
    assert Path("run/summary.csv").read_text() == "mine"


def test_what_a_killed_start_has_left_does_not_make_a_folder_full():
    Path("run").mkdir()
    Path("run/.run.json.lock").write_text("process 1 on here\n")
    Path("run/.neat-0123456789abcdef.new").write_text("half")
    assert main(["xor", *FEW, "--output", "run"]) == 0
    assert contents("run").keys() == folder.of_a_run((), lineage=True)


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
    """A kill between the two leaves a folder that --overwrite knows as a run's."""
    with monkeypatch.context() as patch:
        patch.setattr(Config, "to_toml", lambda self: os.kill(os.getpid(), signal.SIGINT))
        assert main(["xor", *FEW, "--output", "run"]) == 130
    assert contents("run").keys() == {"run.json"}
    assert main(["xor", *FEW, "--output", "run", "--overwrite"]) == 0


@pytest.mark.parametrize("size", [100, 1024, 3000, 6000, 20_000])
def test_a_full_disk_names_the_file(size, capsys):
    for line in (["xor", *FEW], ["xor", "--runs", "2", *FEW], ["cartpole", "--episodes", "1", *FEW]):
        with largest_file(size):
            refused([*line, "--output", "out", "--overwrite"], capsys, ": File too large")
        written = {path.name for path in Path("out").iterdir()}
        assert written <= folder.of_a_run(BEHAVIOUR, True) | folder.of_a_study(BEHAVIOUR, ["default, global"])
        for path in Path("out").iterdir():
            if path.suffix == ".json":
                json.loads(path.read_text())
        for path in [*Path("out").iterdir()]:
            path.unlink()


def test_results_are_on_the_disk_before_they_are_printed(monkeypatch):
    def fail(*_, **__):
        raise UnicodeEncodeError("ascii", "R²", 1, 2, "ordinal not in range(128)")

    monkeypatch.setattr(reporting.Terminal, "finish", fail)
    monkeypatch.setattr("experiments.table.print_table", fail)
    monkeypatch.setattr("experiments.compare.print_table", fail)
    assert main(["xor", *FEW[:-1], "--output", "run"]) == 2
    assert contents("run").keys() == folder.of_a_run((), lineage=True)
    assert main(["xor", "--runs", "2", *FEW, "--output", "study"]) == 2
    assert {"summary.json", "runs.svg", "champion.json"} <= contents("study").keys()
    assert main(["compare", "--seeds", "1", "--share", "0.01", "--output", "compare"]) == 2
    assert contents("compare").keys() == folder.OF_A_COMPARISON


# ---------------------------------------------------------------- other data


def table(seed):
    draw = np.random.default_rng(seed).normal(size=(40, 2))
    return "a,b,kind\n" + "".join(f"{a:.4f},{b:.4f},{'u' if a > b else 'v'}\n" for a, b in draw)


DATA = [("classification", "--label", "kind"), ("regression", "--target", "b")]


@pytest.mark.parametrize(("name", "flag", "column"), DATA)
def test_a_run_goes_on_with_its_own_data_only(name, flag, column, capsys, monkeypatch, tmp_path):
    text = table(0) if name == "classification" else table(0).replace("u\n", "1\n").replace("v\n", "0\n")
    Path("my.csv").write_text(text)
    line = [name, "--data", "my.csv", flag, column, "--population-size", "20", "--quiet", "--generations"]
    assert main([*line, "5", "--output", "whole"]) == 0
    assert main([*line, "3", "--output", "run"]) == 0
    before = contents("run")
    Path("my.csv").write_text(text.replace("\n0.", "\n1."))
    refused([name, "--resume", "run"], capsys, f"data: {tmp_path}/my.csv has changed since the run began")
    Path("my.csv").unlink()
    refused([name, "--resume", "run"], capsys, f"{tmp_path}/my.csv: No such file")
    assert contents("run") == before
    Path("my.csv").write_text(text)
    Path("elsewhere").mkdir()
    Path("elsewhere/my.csv").write_text(text.replace("\n0.", "\n1."))
    monkeypatch.chdir("elsewhere")
    again = [name, "--resume", "../run", "--generations", "5", "--quiet"]
    refused([*again, "--data", "my.csv"], capsys, f"data: the run has '{tmp_path}/my.csv'")
    assert main([*again, "--data", str(tmp_path / "my.csv")]) == 0
    for file in SAME:
        assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file


def test_a_run_of_the_version_before_goes_on_with_a_warning():
    Path("my.csv").write_text(table(0))
    line = ["classification", "--data", "my.csv", "--label", "kind", *FEW, "--output", "run"]
    assert main(line) == 0
    path = Path("run/run.json")
    old = json.loads(path.read_text())
    del old["files"]
    old["arguments"]["data"] = "my.csv"
    path.write_text(json.dumps(old))
    with pytest.warns(
        UserWarning, match="data: run/run.json does not say what .*my.csv held when the run began"
    ):
        assert main(["classification", "--resume", "run", "--generations", "5", "--data", "my.csv"]) == 0
    assert json.loads(path.read_text())["arguments"]["data"] == str(Path("my.csv").absolute())
    assert main(["classification", "--resume", "run"]) == 0  # from then on it does


def test_data_from_a_pipe_can_be_read_once():
    os.mkfifo("pipe")
    assert description._digest(Path("pipe")) is None


def test_the_file_of_settings_is_not_read_again(capsys):
    Path("my.toml").write_text("population_size = 20\n")
    for output, generations in (("whole", "6"), ("run", "4")):
        line = ["xor", "--config", "my.toml", "--quiet", "--generations", generations, "--output", output]
        assert main(line) == 0
    Path("my.toml").write_text("population_size = 30\n")
    assert main(["xor", "--resume", "run", "--generations", "6"]) == 0
    for name in SAME:
        assert Path("run", name).read_bytes() == Path("whole", name).read_bytes(), name


OWN = """
import gymnasium
from gymnasium.envs.classic_control import CartPoleEnv
gymnasium.register("Own-v0", CartPoleEnv, max_episode_steps=20)
"""


def test_an_environment_whose_module_has_changed(capsys, monkeypatch, tmp_path):
    pytest.importorskip("gymnasium")
    import gymnasium

    Path("own_module_of_this_test.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    line = [
        "gymnasium",
        "--env",
        "own_module_of_this_test:Own-v0",
        "--episodes",
        "1",
        *FEW,
        "--output",
        "run",
    ]
    try:
        assert main(line) == 0
        assert main(["gymnasium", "--resume", "run", "--env", "own_module_of_this_test:Own-v0"]) == 0
        Path("own_module_of_this_test.py").write_text(OWN + "# changed")
        refused(
            ["gymnasium", "--resume", "run"],
            capsys,
            f"env: {tmp_path}/own_module_of_this_test.py has changed",
        )
    finally:
        sys.modules.pop("own_module_of_this_test", None)
        gymnasium.registry.pop("Own-v0", None)
    for env in ("CartPole-v1", "no_such_module:Own-v0", ":x", "..:x", "neat:Own-v0"):
        known = named("gymnasium")(env=env).files
        assert known == ({"env": ROOT / "neat" / "__init__.py"} if env.startswith("neat:") else {})


# ---------------------------------------------------------------- descriptions that were edited


def nested(depth):
    return "[" * depth + "]" * depth


EDITS = [
    ('"arguments": {"bits": 2, "learn_steps": 0}', '"arguments": 3', "arguments: input should be a valid dictionary"),
    ('"arguments": {"bits": 2,', '"arguments": {"bits": "2",', "arguments.bits: input should be a valid integer"),
    ('"arguments": {"bits": 2,', '"arguments": {"bits": true,', "arguments.bits: input should be a valid integer"),
    ('"arguments": {"bits": 2,', '"arguments": {"bits": 99,', "arguments.bits: must be from 2 to 16, got 99"),
    ('"arguments": {"bits": 2,', '"arguments": {"bots": 2,', "arguments.bots: there is no such field"),
    ('"arguments": {"bits": 2,', '"arguments": {"bits": NaN,', "NaN is no number"),
    ('"arguments": {"bits": 2,', '"arguments": {"bits": 1e999,', "arguments.bits: input should be a"),
    ('"arguments": {"bits": 2,', f'"arguments": {{"bits": {"9" * 4000},', "arguments.bits: must be from 2 to 16"),
    ('"arguments": {"bits": 2,', f'"arguments": {{"bits": {"9" * 9000},', "no description of a run"),
    ('"arguments": {"bits": 2,', f'"arguments": {{"bits": {nested(100_000)},', "nested too deeply"),
    ('"arguments": {"bits": 2,', f'"arguments": {{"bits": {nested(300)},', "arguments.bits: input should be a valid"),
    ('"generations": 4', '"generations": "4"', "options.generations: input should be a valid integer"),
    ('"generations": 4', '"generations": 0', "options.generations: must be at least 1, got 0"),
    ('"generations": 4', '"generations": 99999999999999', "options.generations: must be less than 2147483648"),
    ('"generations": 4', '"generatoins": 4', "options.generatoins: there is no such field"),
    ('"generations": 4', '"overwrite": true', "options.overwrite: there is no such field"),
    ('"generations": 4', '"generations": null', "options.generations: must be given"),
    ('"lineage": true', '"lineage": 1', "options.lineage: input should be a valid boolean"),
    ('"device": "auto"', '"device": 7', "options.device: input should be a valid string"),
    ('"experiment": "parity"', '"experiment": ["parity"]', "experiment: input should be a valid string"),
    ('"experiment": "parity"', '"experiment": "chess"', "holds an experiment chess"),
    ('"starts": [', '"starts": 3, "more": [', "starts: input should be a valid list"),
    ('"starts": [', '"starts": [7, ', "starts.0: input should be a valid dictionary"),
    ('"files": {}', '"files": {"data": 3}', "files.data: input should be a valid dictionary"),
    ('"files": {}', '"unknown": {}', "unknown: there is no such field"),
    ('"files": {}', '"files": {}, "settings": "x"', "settings: input should be a valid list"),
    ('"files": {}', '"files": {}, "settings": ["x"]', "holds a study of many runs"),
]  # fmt: skip


@pytest.fixture(scope="module")
def parity_run(tmp_path_factory):
    where = tmp_path_factory.mktemp("parity")
    assert main(["parity", "--bits", "2", *FEW, "--output", str(where)]) == 0
    path = where / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text())))  # in one line
    return where


@pytest.mark.parametrize(("old", "new", "message"), EDITS, ids=[str(k) for k in range(len(EDITS))])
def test_a_description_that_was_edited(old, new, message, parity_run, capsys):
    path = parity_run / "run.json"
    text = path.read_text()
    assert text.count(old) == 1, text
    path.write_text(text.replace(old, new))
    before = contents(parity_run)
    try:
        refused(["parity", "--resume", str(parity_run)], capsys, message)
        if not message.startswith("holds"):
            refused(["parity", "--resume", str(parity_run)], capsys, f"{path}: ")
        assert contents(parity_run) == before
    finally:
        path.write_text(text)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"3", b"null", b"[]", b"{}", b'{"a": ', b'"\\ud800"'])
def test_what_is_no_description(content, parity_run, capsys):
    path = parity_run / "run.json"
    text = path.read_text()
    path.write_bytes(content)
    try:
        refused(["parity", "--resume", str(parity_run)], capsys, f"{path}: no description of a run: ")
    finally:
        path.write_text(text)


def test_surrogates_in_a_description(parity_run):
    path = parity_run / "run.json"
    text = path.read_text()
    path.write_text(text.replace('"command": "', '"command": "\\ud800'))
    assert main(["parity", "--resume", str(parity_run), "--quiet"]) == 0
    assert json.loads(path.read_text())["starts"][0]["command"].startswith("\ud800")
    path.write_text(text)
