import csv
import json
import time

import numpy as np
import pytest

from evaluators import gradient
from experiments.__main__ import main
from experiments.comparison import compare, curves, methods
from experiments.comparison.curves import Point
from experiments.runs import statistics
from experiments.tasks import control
from experiments.tasks.prediction import Prediction, accuracy, share_correct


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
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
        ends = []
        for seed in ("0", "1"):
            mine = [row for row in rows if (row["method"], row["seed"]) == (name, seed)]
            for column in (work, "seconds"):
                values = [float(row[column]) for row in mine]
                assert values and values == sorted(values), (name, column)
            ends.append(float(mine[-1]["score"]))
        assert summary["methods"][name]["score"] == pytest.approx(np.mean(ends))
        assert summary["methods"][name]["worst"] == min(ends)


def run_of(*points, parameters=10):
    return methods.Outcome(parameters, [Point(*point) for point in points])


MADE_UP = {
    "quick": [
        run_of((10, 1.0, 0.2), (20, 2.0, 0.9), (30, 3.0, 0.7)),
        run_of((10, 1.5, 0.95), (40, 5.0, 1.0), parameters=30),
    ],
    "slow": [run_of((100, 0.5, 0.1), (200, 0.7, 0.5)), run_of((100, 0.5, 0.6), (300, 0.9, 0.9))],
}


def test_the_table():
    made = compare.summarise(MADE_UP, 0.9)
    assert made["target"] == made["level"] == 0.9
    quick, slow = made["methods"].values()
    assert (quick["parameters"], quick["work"], quick["seconds"]) == (20, 35, 4.0)
    assert (quick["score"], quick["worst"], quick["best"]) == (0.85, 0.7, 1.0)
    assert quick["low"] == 0.7 and quick["high"] == 1.0
    assert (quick["reached_level"], quick["end_at_level"]) == (2, 1)
    assert (quick["work_to_level"], quick["seconds_to_level"]) == (15, 1.75)
    assert (slow["reached_level"], slow["work_to_level"], slow["seconds_to_level"]) == (1, 300, 0.9)
    assert compare.summarise(MADE_UP, None)["level"] == 0.7  # the medians are 0.85 and 0.7
    assert compare.summarise(MADE_UP, 2.0)["methods"]["slow"]["work_to_level"] is None


def test_the_interval_of_a_mean():
    draw = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        low, high = statistics.bootstrap(draw.exponential(size=40), 1000)
        inside += low <= 1 <= high
    assert 0.88 < inside / 300 < 0.97
    low, high = statistics.bootstrap([1.0] * 9 + [0.9])
    assert 0.9 <= low < high <= 1.0
    assert np.isnan(statistics.bootstrap([0.5])).all()


def test_what_was_done_before_an_interruption_is_shown(monkeypatch, tmp_path, capsys):
    def interrupted(task):
        def second(seed, share):
            if share == 1.0 and seed == 1:
                raise KeyboardInterrupt
            return MADE_UP["slow"][0]

        return {"NEAT": lambda seed, share: MADE_UP["quick"][seed], "MLP": second}

    monkeypatch.setattr(compare, "make_methods", interrupted)
    assert main(["compare", "--seeds", "2"]) == 130
    out, error = capsys.readouterr()
    folder = tmp_path / "runs" / "compare-xor"
    assert "interrupted; runs/compare-xor has the finished runs" in error
    assert "seed 1: 1 after 40 evaluations" in out
    methods = json.loads((folder / "summary.json").read_text())["methods"]
    assert {name: of["runs"] for name, of in methods.items()} == {"NEAT": 2, "MLP": 1}
    assert (folder / "compare.svg").exists()
    assert len(table_of(folder)) == 5 + 2


def test_nothing_but_the_training_part_is_learnt_from(monkeypatch):
    experiment = methods.TASKS["iris"].experiment(3, 0)
    sets = experiment.sets()
    seen = {}

    def spied_fit(model, data, *arguments, **options):
        seen["network"] = data
        assert not (model.state()["layers.1.weight"] == seeded.state()["layers.1.weight"]).all()
        return fit(model, data, *arguments, **options)

    seeded = methods.TASKS["iris"].baselines["MLP"].model(4, 3).initialise(0)
    fit = gradient.fit
    monkeypatch.setattr(gradient, "fit", spied_fit)
    outcome = methods.make_methods("iris")["MLP"](3, 0.1)
    inputs, targets = seen["network"]
    np.testing.assert_array_equal(inputs, sets.inputs[sets.train])
    np.testing.assert_array_equal(targets, sets.targets[sets.train])
    scored = []
    monkeypatch.setattr(type(experiment), "score", lambda self, z, t: scored.append(t) or accuracy(z, t))
    for name in ("MLP", "NEAT", "NEAT, learning"):
        scored.clear()
        methods.make_methods("iris")[name](3, 0.05)
        assert scored, name
        for targets in scored:
            np.testing.assert_array_equal(targets, sets.targets[sets.test], err_msg=name)
    evaluator = experiment.evaluator("cpu")
    np.testing.assert_array_equal(evaluator.inputs, sets.inputs[sets.train])
    assert outcome.parameters == 4 * 32 + 32 + 32 * 3 + 3


def test_policies_and_champions_are_judged_alike(monkeypatch):
    from evaluators import Rollout
    from evaluators.gradient.ppo.policy import Policy

    played = {"PPO": [], "NEAT": []}
    for name, cls in (("PPO", Policy), ("NEAT", Rollout)):
        original = cls.play

        def spied(self, *arguments, _name=name, _original=original, **options):
            played[_name].append((arguments[-1], options))
            return _original(self, *arguments, **options)

        monkeypatch.setattr(cls, "play", spied)
    for name, run in methods.make_methods("mountain-car-continuous").items():
        run(0, 0.02)
        scores = [call for call in played[name] if call[1] == {"trial": control.REPORT_TRIAL}]
        assert scores and all(call[0] == control.UNSEEN_STARTS for call in scores), name
        # Other episodes decide whether a run ends.
        assert all(call[1]["trial"] in (control.REPORT_TRIAL, control.STOP_TRIAL) for call in played[name])


def test_the_work_is_counted():
    runs = methods.make_methods("parity")
    # 16 patterns: 4 bits, one batch of 16 in an epoch of the MLP, 1,000 epochs of which a hundredth.
    assert runs["MLP"](0, 0.01).end.work == 10 * 3
    genomes = 300
    assert [point.work for point in runs["NEAT"](0, 0.01).curve] == [genomes, 2 * genomes, *[3 * genomes] * 2]
    learning = runs["NEAT, learning"](0, 0.06).curve
    assert [point.work for point in learning] == [10 * genomes, *[2 * 10 * genomes] * 2]
    policy = methods.make_methods("cartpole")["PPO"](0, 0.01)
    assert policy.end.work == 3 * 256  # of 1,000 steps, whole updates
    assert policy.parameters == 4 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2


@pytest.mark.parametrize("task", methods.TASKS)
def test_every_task_can_be_run(task):
    for name, run in methods.make_methods(task).items():
        outcome = run(0, 1e-9)
        assert outcome.parameters > 0, name
        assert np.isfinite(outcome.end.score), name
        assert len(outcome.curve) == 2, name


@pytest.mark.parametrize("task", ["spirals", "regression"])
def test_a_seed_divides_the_data(task):
    one, other = (methods.TASKS[task].experiment(seed, 0).sets() for seed in (0, 1))
    assert not np.array_equal(one.test, other.test)
    for sets in (one, other):
        assert len(np.intersect1d(sets.train, sets.test)) == 0
        assert len(sets.train) + len(sets.test) == len(sets.inputs)


def test_digits_are_divided_by_class():
    experiment = methods.TASKS["digits"].experiment(0, 0)
    assert isinstance(experiment, Prediction)
    sets = experiment.sets()
    assert sets.inputs.shape == (1797, 64) and sets.targets.shape == (1797, 10)
    share = sets.targets[sets.test].mean(axis=0) / sets.targets.mean(axis=0)
    np.testing.assert_allclose(share, 1.0, atol=0.02)


def test_scores():
    outputs = np.array([[0.9, 0.2], [0.1, 0.3], [0.6, 0.7]])
    assert accuracy(outputs, np.array([[1, 0], [1, 0], [0, 1]])) == pytest.approx(2 / 3)
    assert share_correct(np.array([[0.6], [0.4], [0.5]]), np.array([[1], [0], [1]])) == pytest.approx(2 / 3)


def test_a_score_holds_until_the_next():
    runs = [[Point(10, 1.0, 0.1), Point(20, 2.0, 0.5)], [Point(15, 3.0, 0.3)]]
    grid = np.array([5, 10, 19.9, 1e6])
    expected = [[np.nan, 0.1, 0.1, 0.5], [np.nan, np.nan, 0.3, 0.3]]
    np.testing.assert_array_equal(curves.scores_on_grid(runs, "work", grid), expected)
    np.testing.assert_array_equal(curves.scores_on_grid(runs, "seconds", np.array([2.5])), [[0.5], [np.nan]])
    assert curves.first_reaching(runs[0], 0.5) == Point(20, 2.0, 0.5)
    assert curves.first_reaching(runs[0], 0.6) is None


def test_taking_a_score_takes_no_time():
    curve = methods.Curve()
    for _ in range(3):
        curve.add(1, lambda: time.sleep(0.05) or 0.0)
    assert curve.points[-1].seconds < 0.05
    with curve.paused():
        time.sleep(0.05)
    assert curve.finish(lambda: 1.0)[-1].seconds < 0.05


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
    out = " ".join(out.replace("│", " ").split())
    assert "--seeds" in out and "a seed divides the data too" in out
    assert all(task in out for task in methods.TASKS)


def test_an_earlier_comparison_is_not_overwritten(tmp_path, capsys):
    folder = tmp_path / "mine"
    arguments = ["compare", "--share", "1e-9", "--seeds", "1", "--output", str(folder)]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
