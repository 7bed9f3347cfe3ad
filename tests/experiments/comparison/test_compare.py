import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.comparison import compare
from experiments.comparison.methods import TASKS
from neat.kernels import parallel
from tests.support.comparison import write_plan
from tests.support.processes import contents, refused

pytestmark = pytest.mark.usefixtures("in_empty_folder")

DATA = ["NEAT", "NEAT, learning", "generation 0 learns", "random search", "MLP"]
EPISODES = ["NEAT", "random search", "PPO"]
SHORT = ["compare", "--share", "0.1", "--seeds", "2"]
SAME = ("curves.csv", "summary.json", "compare.svg", "plan.json")


def table_of(folder):
    with (Path(folder) / "curves.csv").open() as file:
        return list(csv.DictReader(file))


def same_files(one, other):
    return all((Path(one) / name).read_bytes() == (Path(other) / name).read_bytes() for name in SAME)


@pytest.mark.parametrize(("task", "names"), [("xor", DATA), ("mountain-car-continuous", EPISODES)])
def test_compare(task, names, capsys):
    plan = write_plan(task)
    assert main([*SHORT, "--task", task, "--plan", plan]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in names)
    folder = Path("runs") / f"compare-{task}"
    assert b"<svg" in (folder / "compare.svg").read_bytes()
    assert json.loads((folder / "plan.json").read_text()) == json.loads(Path(plan).read_text())
    rows, summary = table_of(folder), json.loads((folder / "summary.json").read_text())
    assert list(summary["methods"]) == names and summary["repeatable"]
    assert summary["budget"] == pytest.approx(TASKS[task].budget / 10)
    for name in names:
        ends = []
        for seed in ("0", "1"):
            mine = [row for row in rows if (row["method"], row["seed"]) == (name, seed)]
            work = [float(row["work"]) for row in mine]
            assert work == sorted(work) and work[-1] <= max(work[0], summary["budget"] * (1 + 1e-9)), name
            assert [row["ends"] for row in mine] == ["0"] * (len(mine) - 1) + ["1"]
            ends.append(float(mine[-1]["score"]))
        assert summary["methods"][name]["score"] == pytest.approx(np.mean(ends))
        assert summary["methods"][name]["worst"] == min(ends)


@pytest.mark.usefixtures("set_threads")
def test_a_comparison_repeats_bit_for_bit():
    line = [*SHORT, "--plan", write_plan("xor")]
    assert main([*line, "--output", "one", "--threads", "1"]) == 0
    assert main([*line, "--output", "two", "--threads", "2"]) == 0
    assert same_files("one", "two")
    assert main([*SHORT, "--plan", "one/plan.json", "--output", "three"]) == 0
    assert same_files("one", "three")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a comparison."""
    place = tmp_path_factory.mktemp("finished")
    plan = write_plan("xor", place / "plan.json")
    assert main([*SHORT, "--plan", plan, "--output", str(place / "whole")]) == 0
    return place / "whole"


@pytest.mark.parametrize("share", [None, 0.0, 0.01, 0.4, 0.7, 0.99, 1.0])
def test_it_goes_on_after_a_kill_with_the_same_bytes(share, finished, monkeypatch):
    """A kill leaves a beginning of curves.csv, or none, and no results."""
    shutil.copytree(finished, "killed")
    curves = Path("killed/curves.csv")
    for name in SAME[1:]:
        (Path("killed") / name).unlink()
    whole = curves.read_bytes()
    if share is None:
        curves.unlink()
    else:
        curves.write_bytes(whole[: round(share * len(whole))])
    done = []
    original = compare._do_run
    monkeypatch.setattr(compare, "_do_run", lambda *a: done.append(a[-2:]) or original(*a))
    assert main(["compare", "--resume", "killed"]) == 0
    assert same_files("killed", finished)
    expected = [(name, seed) for seed in (0, 1) for name in DATA]
    kept = 0 if share is None else whole[: round(share * len(whole))].count(b",1\n")
    assert done == expected[min(kept, 10) :] or done == expected[kept:]
    assert len(json.loads(Path("killed/run.json").read_text())["starts"]) == 2


@pytest.mark.parametrize(
    "content", ["", "\0", "method\nNEAT,0,1,x,0.5,1\n", "a\nMLP,0,1,1,1,1\n", f"a\n{'9' * 200_000}"]
)
def test_what_cannot_be_read_is_done_again(content, finished):
    shutil.copytree(finished, "damaged")
    Path("damaged/curves.csv").write_text(content)
    assert main(["compare", "--resume", "damaged"]) == 0
    assert same_files("damaged", finished)


def test_foreign_files_are_not_overwritten(finished, capsys):
    shutil.copytree(finished, "mine")
    path = Path("mine/run.json")
    path.write_text(path.read_text().replace('"compare.svg",', ""))
    refused(["compare", "--resume", "mine"], capsys, "mine/compare.svg was not written by an earlier run")


def test_what_was_done_before_an_interruption_is_shown_and_kept(monkeypatch, capsys, finished):
    original = compare._do_run

    def interrupted(options, plan, methods, name, seed):
        if (name, seed) == ("random search", 1):
            raise KeyboardInterrupt
        return original(options, plan, methods, name, seed)

    monkeypatch.setattr(compare, "_do_run", interrupted)
    assert main([*SHORT, "--plan", str(finished / "plan.json"), "--output", "my run"]) == 130
    out, error = capsys.readouterr()
    assert "interrupted; resume with: python -m experiments compare --resume 'my run'" in error
    assert "last run NEAT, seed 1  score " in out
    methods = json.loads(Path("my run/summary.json").read_text())["methods"]
    assert [of["runs"] for of in methods.values()] == [2, 2, 2, 1, 1]
    monkeypatch.setattr(compare, "_do_run", original)
    assert main(["compare", "--resume", "my run"]) == 0
    assert same_files("my run", finished)


@pytest.mark.usefixtures("set_threads")
def test_equal_time_is_labelled(capsys):
    assert main([*SHORT, "--plan", write_plan("xor"), "--equal", "time"]) == 0
    assert parallel.get_threads() == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "not repeatable" in out
    folder = Path("runs/compare-xor")
    summary = json.loads((folder / "summary.json").read_text())
    assert not summary["repeatable"] and summary["work"] == "processor time (s, not repeatable)"
    assert all(values["work"] > 0 for values in summary["methods"].values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "chess"], "task: must be one of xor, parity"),
        (["--seeds", "0"], "seeds: must be from 1 to 2147483647, got 0"),
        (["--share", "0"], "share: must be above 0"),
        (["--share", "nan"], "share: must be above 0"),
        (["--seed", "1"], "--seed: there is no such option; did you mean --seeds?"),
        (["--threads", "0"], "threads: must be from 1"),
        (["--seeds", "many"], "--seeds: invalid literal for int"),
        (["--equal", "money"], "invalid choice 'money' for argument '--equal'"),
        (["--resume", "nowhere"], "resume: there is no folder nowhere"),
        (["--resume", "x", "--seeds", "3"], "seeds: cannot be combined with resume"),
        (["--resume", "x", "--overwrite"], "overwrite: cannot be combined with resume"),
        (["tunes"], "tunes"),
    ],
)
def test_mistakes(arguments, message, capsys, tmp_path):
    assert main(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"seeds": 2', '"seeds": 3', "digest: does not match experiment, arguments and files"),
        ('"experiment": "compare"', '"experiment": "xor"', "holds an experiment xor, got compare"),
        ('"format": 2', '"format": 3', "format: must be 1 or 2"),
    ],
)
def test_an_edited_description_is_refused(old, new, message, finished, capsys):
    shutil.copytree(finished, "edited")
    path = Path("edited/run.json")
    path.write_text(path.read_text().replace(old, new, 1))
    before = contents("edited")
    refused(["compare", "--resume", "edited"], capsys, message)
    assert {k: v for k, v in contents("edited").items() if not k.startswith(".")} == before


def test_help(capsys):
    for line, words in (([], "a seed divides the data too"), (["tune"], "Measure the prices of a plan anew")):
        with pytest.raises(SystemExit) as stop:
            main(["compare", *line, "--help"])
        assert stop.value.code == 0
        out = " ".join(capsys.readouterr().out.replace("│", " ").split())
        assert "--seeds" in out and words in out
        assert line or all(task in out for task in TASKS)


def test_an_earlier_comparison_is_not_overwritten(capsys):
    arguments = [
        "compare",
        "--share",
        "1e-9",
        "--seeds",
        "1",
        "--plan",
        write_plan("xor"),
        "--output",
        "mine",
    ]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
