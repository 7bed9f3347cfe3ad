import csv
import json
import time

import numpy as np
import pytest

from experiments import contenders, curves
from experiments.__main__ import main
from experiments.curves import Point, scores_at
from experiments.prediction import Prediction, accuracy, share_right


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table_of(folder):
    with (folder / "curves.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("task", "methods", "share"),
    [
        ("xor", ["NEAT", "NEAT, learning", "MLP"], "0.2"),
        ("cartpole", ["NEAT", "PPO"], "0.02"),
    ],
)
def test_compare(task, methods, share, tmp_path, capsys):
    assert main(["compare", "--task", task, "--seeds", "2", "--share", share]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in methods)
    folder = tmp_path / "runs" / f"compare-{task}"
    assert b"<svg" in (folder / "compare.svg").read_bytes()
    work = "evaluations" if task == "xor" else "environment_steps"
    rows = table_of(folder)
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary["methods"]) == methods
    for name in methods:
        for seed in ("0", "1"):
            mine = [row for row in rows if (row["method"], row["seed"]) == (name, seed)]
            for column in (work, "seconds"):
                values = [float(row[column]) for row in mine]
                assert values and values == sorted(set(values)), (name, column)
        of = summary["methods"][name]
        assert of["runs"] == 2 and of["score"]["size"] == 2
        assert of["reached"] <= 2


def test_the_work_is_counted():
    runs = contenders.contenders("parity")
    # 16 patterns: 4 bits, one batch of 16 in an epoch of the MLP, 400 epochs of which a hundredth.
    assert runs["MLP"](0, 0.01).curve[-1].work == 4 * 3
    genomes = 300
    assert [point.work for point in runs["NEAT"](0, 0.01).curve] == [genomes, 2 * genomes, 3 * genomes]
    learning = runs["NEAT, learning"](0, 0.2).curve
    assert [point.work for point in learning] == [31 * genomes, 2 * 31 * genomes]
    policy = contenders.contenders("cartpole")["PPO"](0, 0.01)
    assert policy.curve[-1].work == 3 * 256  # of 1,000 steps, whole updates
    assert policy.parameters == 4 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2


@pytest.mark.parametrize("task", contenders.TASKS)
def test_every_task_can_be_run(task):
    for name, run in contenders.contenders(task).items():
        outcome = run(0, 1e-9)
        assert outcome.parameters > 0, name
        assert np.isfinite(outcome.score), name
        assert len(outcome.curve) == 1, name


@pytest.mark.parametrize("task", ["spirals", "regression"])
def test_a_seed_divides_the_data(task):
    one, other = (contenders.TASKS[task].experiment(seed, 0).sets() for seed in (0, 1))
    assert not np.array_equal(one.test, other.test)
    for sets in (one, other):
        assert len(np.intersect1d(sets.train, sets.test)) == 0
        assert len(sets.train) + len(sets.test) == len(sets.inputs)


def test_digits_are_divided_by_class():
    experiment = contenders.TASKS["digits"].experiment(0, 0)
    assert isinstance(experiment, Prediction)
    sets = experiment.sets()
    assert sets.inputs.shape == (1797, 64) and sets.targets.shape == (1797, 10)
    share = sets.targets[sets.test].mean(axis=0) / sets.targets.mean(axis=0)
    np.testing.assert_allclose(share, 1.0, atol=0.02)


def test_scores():
    outputs = np.array([[0.9, 0.2], [0.1, 0.3], [0.6, 0.7]])
    assert accuracy(outputs, np.array([[1, 0], [1, 0], [0, 1]])) == pytest.approx(2 / 3)
    assert share_right(np.array([[0.6], [0.4], [0.5]]), np.array([[1], [0], [1]])) == pytest.approx(2 / 3)


def test_a_score_holds_until_the_next():
    first = [Point(10, 1.0, 0.1), Point(20, 2.0, 0.5)]
    second = [Point(15, 3.0, 0.3)]
    for at, expected in ((5, [np.nan, np.nan]), (10, [0.1, np.nan]), (19.9, [0.1, 0.3]), (1e6, [0.5, 0.3])):
        np.testing.assert_array_equal(scores_at([first, second], "work", at), expected)
    np.testing.assert_array_equal(scores_at([first, second], "seconds", 2.5), [0.5, np.nan])


def test_taking_a_score_takes_no_time():
    curve = contenders.Curve()
    for _ in range(3):
        curve.add(1, lambda: time.sleep(0.05) or 0.0)
    assert curve.points[-1].seconds < 0.05


def test_the_figure_is_the_same_each_time(tmp_path):
    runs = {"NEAT": [[Point(1, 0.1, 0.0), Point(10, 1.0, 1.0)]], "MLP": [[Point(2, 0.2, 0.5)]]}
    for name in ("a.svg", "b.svg"):
        curves.draw(runs, tmp_path / name, "evaluations", "test accuracy", None)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "chess"], "task: must be one of xor, parity"),
        (["--seeds", "0"], "seeds: must be at least 1, got 0"),
        (["--share", "0"], "share: must be above 0"),
        (["--share", "nan"], "share: must be above 0"),
        (["--seed", "1"], "--seed: there is no such option; did you mean --seeds?"),
        (["--threads", "0"], "threads: must be from 1"),
        (["--seeds", "many"], "--seeds: invalid literal for int"),
    ],
)
def test_mistakes(arguments, message, capsys, tmp_path):
    assert main(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["compare", "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "--seeds" in out and "a seed divides the data too" in " ".join(out.split())


def test_an_earlier_comparison_is_not_overwritten(tmp_path, capsys):
    folder = tmp_path / "mine"
    arguments = ["compare", "--share", "1e-9", "--seeds", "1", "--output", str(folder)]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
