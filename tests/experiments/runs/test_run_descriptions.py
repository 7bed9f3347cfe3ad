"""Resumed runs with other data, and with edited or invalid descriptions."""

import dataclasses
import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.runs import description
from experiments.tasks import classification
from experiments.tasks.experiment import find_experiment
from experiments.tasks.parity import Parity
from tests.support.processes import FEW, ROOT, SAME, contents, refused

pytestmark = pytest.mark.usefixtures("undrawn", "in_empty_folder")


# ---------------------------------------------------------------- other data


def table(seed):
    draw = np.random.default_rng(seed).normal(size=(40, 2))
    return "a,b,kind\n" + "".join(f"{a:.4f},{b:.4f},{'u' if a > b else 'v'}\n" for a, b in draw)


DATA = [("classification", "--target", "kind"), ("regression", "--target", "b")]


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
    refused([name, "--resume", "run"], capsys, f"{tmp_path}/my.csv: cannot be read: No such file")
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
    line = ["classification", "--data", "my.csv", "--target", "kind", *FEW, "--output", "run"]
    assert main(line) == 0
    path = Path("run/run.json")
    old = json.loads(path.read_text())
    for name in ("files", "format", "digest", "written"):
        del old[name]
    old["arguments"]["data"] = "my.csv"
    old["arguments"]["label"] = old["arguments"].pop("target")  # as the field was called
    path.write_text(json.dumps(old))
    with pytest.warns(
        UserWarning,
        match="data: run/run.json has no digest of .*my.csv from when the run began; its current content is used",
    ):
        assert main(["classification", "--resume", "run", "--generations", "5", "--data", "my.csv"]) == 0
    assert json.loads(path.read_text())["arguments"]["data"] == str(Path("my.csv").absolute())
    assert main(["classification", "--resume", "run"]) == 0  # the resumed run wrote the digest


FILES = [
    (
        ["arguments", "split_seed"],
        7,
        "digest: does not match experiment, arguments and files, which were edited",
    ),
    (["arguments", "target"], "a", "digest: does not match"),
    (["arguments", "data"], "a\0b", "arguments.data: must hold no NUL, got 'a\\x00b'"),
    (["arguments", "data"], "iris", "arguments.target: must name a column of a CSV file"),
    (["files", "data", "sha256"], None, "digest: does not match"),
    (["files", "data", "sha256"], 64 * "0", "digest: does not match"),
    (["files"], {}, "digest: does not match"),
    (["files"], None, "files: must be given"),
    (["digest"], None, "digest: must be given"),
    (["format"], 1, "format: must be 2 where digest is given"),
]


@pytest.mark.parametrize("data", ["same", "other"])
def test_an_edited_description_does_not_change_the_task(data, capsys):
    Path("my.csv").write_text(table(0))
    assert main(["classification", "--data", "my.csv", "--target", "kind", *FEW, "--output", "run"]) == 0
    path = Path("run/run.json")
    text = path.read_text()
    resume = ["classification", "--resume", "run", "--quiet"]
    if data == "other":
        Path("my.csv").write_text(table(1))
    for fields, value, message in FILES:
        content = json.loads(text)
        part = content
        for field in fields[:-1]:
            part = part[field]
        part[fields[-1]] = value
        path.write_text(json.dumps(content))
        before = contents("run")
        refused(resume, capsys, "resume: run/run.json: ")
        refused(resume, capsys, message)
        assert contents("run") == before
    # A description of format 1, and digests in capitals.
    for sha256, files in (None, ["data"]), (64 * "0", ["data"]), (None, []), (None, ["data", "more"]):
        content = json.loads(text)
        for name in ("format", "digest", "written"):
            del content[name]
        content["files"] = {name: {"path": "my.csv", "sha256": sha256} for name in files}
        path.write_text(json.dumps(content))
        message = (
            "has changed since the run began"
            if files == ["data"]
            else "run.json: files: must name ['data'], got"
        )
        refused(resume, capsys, message)
    content = json.loads(text)
    content["files"]["data"]["sha256"] = content["files"]["data"]["sha256"].upper()
    content["digest"] = content["digest"].upper()
    path.write_text(json.dumps(content))
    if data == "same":
        assert main(resume) == 0
        assert json.loads(path.read_text())["digest"] == json.loads(text)["digest"]
    else:
        refused(resume, capsys, "my.csv has changed since the run began")


@pytest.mark.parametrize("options", [[], ["--runs", "2"]])
def test_the_digest_is_of_what_was_read_or_older(options, monkeypatch):
    """If a file changes while a run starts, the run cannot be resumed with the other data."""
    Path("my.csv").write_text(table(0))
    read = classification.read_csv

    def change_then_read(path, *rest, **options):
        Path(path).write_text(table(1))
        return read(path, *rest, **options)

    monkeypatch.setattr(classification, "read_csv", change_then_read)
    line = ["classification", "--data", "my.csv", "--target", "kind", *FEW, *options, "--output", "run"]
    assert main(line) == 0
    expected = hashlib.sha256(table(0).encode()).hexdigest()
    assert json.loads(Path("run/run.json").read_text())["files"]["data"]["sha256"] == expected


def test_a_comparison_is_no_run_of_an_experiment(monkeypatch, capsys):
    monkeypatch.setattr("experiments.comparison.compare.draw", lambda *_, **__: None)
    assert main(["compare", "--seeds", "1", "--share", "0.01", "--output", "out"]) == 0
    refused(["xor", "--resume", "out"], capsys, "resume: out holds an experiment compare, got xor")
    refused(["show", "out"], capsys, "show: out holds a comparison; expected a single run")


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
        known = find_experiment("gymnasium")(env=env).files
        assert known == ({"env": ROOT / "neat"} if env.startswith("neat:") else {})


@pytest.mark.parametrize("module", ["own_package_of_this_test", "own_package_of_this_test.inner"])
@pytest.mark.parametrize("edit", ["inner/physics.py", "__init__.py", "inner/new.py", "physics.py", None])
def test_all_modules_of_an_environments_package_are_compared(module, edit, capsys, monkeypatch, tmp_path):
    package = tmp_path / "own_package_of_this_test"
    (package / "inner").mkdir(parents=True)
    for name in ("__init__.py", "physics.py", "inner/__init__.py", "inner/physics.py"):
        (package / name).write_text("gravity = 9.8\n")
    monkeypatch.syspath_prepend(tmp_path)
    experiment = find_experiment("gymnasium")(env=f"{module}:Own-v0")
    content = description.describe("gymnasium", experiment, {}, [])
    assert content["files"]["env"]["path"] == str(package)
    then = description.Description(**json.loads(json.dumps({**content, "written": []})))
    if edit is None:
        (package / "notes.txt").write_text("mine")
        assert description.check_files(then, experiment, tmp_path) == content["files"]
        return
    (package / edit).write_text("gravity = 1.6\n")
    with pytest.raises(ValueError, match=f"env: {package} has changed since the run began"):
        description.check_files(then, experiment, tmp_path)


# ---------------------------------------------------------------- descriptions that were edited


def test_a_message_begins_with_the_command_that_reads(tmp_path):
    content = description.describe("parity", Parity(bits=2), {}, [])
    edited = description.Description(**{**content, "arguments": {"bits": 3}, "written": []})
    with pytest.raises(ValueError, match=f"^show: {tmp_path}/run.json: digest: does not match"):
        description.check_files(edited, Parity(bits=3), tmp_path, "show")


def nested(depth):
    return "[" * depth + "]" * depth


ARGUMENTS = json.dumps(dataclasses.asdict(Parity(bits=2)))
EDITS = [
    (
        f'"arguments": {ARGUMENTS}',
        '"arguments": 3',
        "arguments: input should be a valid dictionary",
    ),
    ('"bits": 2}', '"bits": "2"}', "arguments.bits: input should be a valid integer"),
    ('"bits": 2}', '"bits": true}', "arguments.bits: input should be a valid integer"),
    ('"bits": 2}', '"bits": 99}', "arguments.bits: must be from 2 to 16, got 99"),
    ('"bits": 2}', '"bots": 2}', "arguments.bots: there is no such field"),
    ('"bits": 2}', '"bits": NaN}', "NaN is not a JSON number"),
    ('"bits": 2}', '"bits": 1e999}', "arguments.bits: input should be a"),
    ('"bits": 2}', f'"bits": {"9" * 4000}}}', "arguments.bits: must be from 2 to 16"),
    ('"bits": 2}', f'"bits": {"9" * 9000}}}', "no description of a run"),
    ('"bits": 2}', f'"bits": {nested(100_000)}}}', "nested too deeply"),
    ('"bits": 2}', f'"bits": {nested(300)}}}', "arguments.bits: input should be a valid"),
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
    ('"files": {}, ', "", "files: must be given"),
    ('"files": {}', '"files": {"data": {"path": "a", "sha256": null}}', "digest: does not match"),
    ('"files": {}', '"files": {"data": {"path": "a", "sha256": "0"}}', "files.data.sha256: string should match"),
    ('"format": 2, ', "", "format: must be 2 where digest is given"),
    ('"format": 2', '"format": 3', "format: must be 1 or 2, got 3"),
    ('"format": 2', '"format": true', "format: input should be a valid integer"),
    ('"digest": "', '"digest": "f', "digest: string should match"),
    ('"digest": "', '"digest": null, "platform": "', "platform: there is no such field"),
    ('"bits": 2}', '"bits": 3}', "digest: does not match experiment, arguments and files"),
    ('"learn_steps": 0,', '"learn_steps": 1,', "digest: does not match experiment, arguments and files"),
    ('"learn_steps": 0,', '"learn_steps": "\\u0000",', "arguments.learn_steps: "),
    ('"written": [', '"written": [3, ', "written.0: input should be a valid string"),
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
