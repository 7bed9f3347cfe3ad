"""The commands `predict` and `play`, with the model that a run writes."""

import csv
import json
import re

import numpy as np
import pytest

import evaluators
from experiments.__main__ import main
from experiments.tasks.classification import Classification
from experiments.tasks.regression import Regression

pytestmark = pytest.mark.usefixtures("in_empty_folder")

RUN = ["--generations", "2", "--population-size", "10", "--quiet"]


def write_fruit(path, columns=("id", "width", "height", "kind"), count=12):
    rng = np.random.default_rng(0)
    rows = []
    for k in range(count):
        width, height = rng.uniform(10, 60, 2)
        row = {"id": f"n{k}", "width": width, "height": height, "kind": "plum" if width > height else "pear"}
        rows.append([row[column] for column in columns])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_predict(tmp_path, capsys):
    write_fruit(tmp_path / "fruit.csv", ("width", "height", "kind"))
    main(["classification", "--data", "fruit.csv", "--target", "kind", "--output", "out", *RUN])
    write_fruit(tmp_path / "new.csv", ("height", "id", "width"))
    capsys.readouterr()
    assert main(["predict", "out", "new.csv", "--output", "predicted.csv"]) == 0
    assert capsys.readouterr().out == (
        "columns that are not inputs were copied: 'id'\npredictions: predicted.csv, 12 rows\n"
    )
    rows = read("predicted.csv")
    model = evaluators.load("out/model.json")
    inputs = np.array([[float(row["width"]), float(row["height"])] for row in read("new.csv")])
    assert [row["prediction"] for row in rows] == model.predict(inputs).tolist()
    assert [row["id"] for row in rows] == [f"n{k}" for k in range(12)]
    plum = [float(row["probability of plum"]) for row in rows]
    np.testing.assert_array_equal(plum, model.predict_proba(inputs)[:, 1])
    assert main(["predict", "out/model.json", "new.csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "id,prediction,probability of pear,probability of plum"


def test_a_regression_predicts_in_the_unit_of_the_target(tmp_path, capsys):
    write_fruit(tmp_path / "fruit.csv", ("width", "height"))
    main(["regression", "--data", "fruit.csv", "--target", "height", "--output", "out", *RUN])
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert main(["predict", "out", "fruit.csv", "--output", "predicted.csv"]) == 0
    rows = read("predicted.csv")
    assert list(rows[0]) == ["height", "prediction"]
    error = np.array([float(row["prediction"]) - float(row["height"]) for row in rows])
    measures = result["measures"]
    whole = np.mean(error**2)
    parts = [measures[f"{part} RMSE"] ** 2 * count for part, count in (("train", 9), ("test", 3))]
    assert whole == pytest.approx(sum(parts) / 12, rel=1e-4)


def write_cars(path, separator=",", sign=".", colours=("red", "blue", "green"), **names):
    rng = np.random.default_rng(1)
    rows = [["colour", "size", "price"]]
    for k in range(40):
        size = rng.uniform(1, 5)
        row = [colours[k % 3], f"{size:.3f}", f"{1000 * size + 500 * (k % 3):.2f}"]
        rows.append([each.replace(".", sign) for each in row])
    rows[7][0] = rows[9][1] = ""
    path.write_text("".join(separator.join(row) + "\n" for row in rows))


def test_text_empty_cells_and_decimal_commas(tmp_path, capsys):
    """Files with other separators, and frames, give the same run; the model predicts from the raw columns."""
    command = ["regression", "--target", "price", "--missing", "mean", *RUN[:-1], "--data"]
    write_cars(tmp_path / "plain.csv")
    write_cars(tmp_path / "german.csv", ";", ",")
    for name in ("plain", "german"):
        assert main([*command, f"{name}.csv", "--output", name]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines.count("german.csv: semicolons separate the columns, and numbers have decimal commas") == 1
    assert lines.count("text columns, with an input for each category: 'colour' (3)") == 2
    assert (
        sum(
            line.startswith("settings chosen for this data set: genome.activation = 'tanh'") for line in lines
        )
        == 2
    )
    model = (tmp_path / "german" / "model.json").read_bytes()
    assert model == (tmp_path / "plain" / "model.json").read_bytes()
    assert "weight]\nmean = 0.0\nspread = 0.5" in (tmp_path / "plain" / "config.toml").read_text()
    assert "colour=green" in (tmp_path / "plain" / "champion.svg").read_text()
    (tmp_path / "new.csv").write_text("size\tid\tcolour\n2,5\tx\tred\n\ty\tgreen\n3\tz\t\n")
    assert main(["predict", "german", "new.csv", "--output", "predicted.csv"]) == 0
    assert capsys.readouterr().out.startswith(
        "new.csv: tabs separate the columns, and numbers have decimal commas\n"
    )
    loaded = evaluators.load("german/model.json")
    expected = loaded.predict([["red", 2.5], ["green", None], [None, 3.0]])
    assert [float(row["prediction"]) for row in read("predicted.csv")] == expected.tolist()
    (tmp_path / "pink.csv").write_text("size,colour\n2.5,red\n1,pink\n")
    assert main(["predict", "german", "pink.csv"]) == 2
    message = "error: pink.csv: line 3: column 'colour': expected one of 'blue', 'green', 'red', got 'pink'\n"
    assert capsys.readouterr().err == message


def test_quiet_runs_print_no_lines_of_the_log(tmp_path, capsys):
    write_cars(tmp_path / "cars.csv", ";")
    assert main(["regression", "--data", "cars.csv", "--target", "price", "--missing", "mean", *RUN]) == 0
    assert "separate" not in capsys.readouterr().out


def test_a_category_of_the_test_part_alone_is_known(tmp_path):
    """Categories are those of the whole file, so that the division does not decide which ones a model knows."""
    rows = ["colour,size,price", *(f"{'red' if k else 'blue'},{k},{k}" for k in range(8)), "blue,9,9"]
    (tmp_path / "cars.csv").write_text("\n".join(rows))
    for seed in range(6):
        task = Regression(data="cars.csv", target="price", split_seed=seed)
        assert task.sets().inputs.shape == (9, 3) and task.evaluator("cpu").num_inputs == 3


def test_play(tmp_path, capsys):
    main(["pendulum", "--observations", "normalised", "--output", "out", *RUN])
    capsys.readouterr()
    assert main(["play", "out", "--episodes", "5", "--output", "episodes.csv"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    rows = read("episodes.csv")
    rewards = [float(row["reward"]) for row in rows]
    assert first.startswith(f"reward {np.mean(rewards):.6g} on average of 5 episodes, deviation ")
    assert second == "steps 200.0 on average; the task ended 0 episodes, the time limit the others"
    assert [row["length"] for row in rows] == ["200"] * 5


def test_a_study_writes_the_model_of_its_best_run(tmp_path, capsys):
    assert main(["xor", "--runs", "2", "--output", "out", *RUN]) == 0
    model = evaluators.load("out/model.json")
    assert model.genome.to_dict() == json.loads((tmp_path / "out" / "champion.json").read_text())
    assert model.predict([[0, 1], [1, 1]]).shape == (2,)


@pytest.mark.parametrize("command", ["predict", "play"])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"{command}" in capsys.readouterr().out


MISTAKES = [
    ("predict", r"predict: expected a run and a CSV file first, such as predict runs/iris new.csv"),
    ("predict out", r"predict: expected a run and a CSV file first"),
    ("predict out --output a.csv", r"predict: expected a run and a CSV file first"),
    ("predict out new.csv --outptu a.csv", r"--outptu: there is no such option; did you mean --output\?"),
    ("predict out new.csv --output folder/a.csv", r"output: there is no folder .*folder"),
    ("predict out missing.csv", r"missing.csv: cannot be read: No such file or directory"),
    ("predict out narrow.csv", r"narrow.csv: line 1: missing columns 'height'"),
    ("predict out word.csv", r"word.csv: line 2: column 'height': must be a number, got 'tall'"),
    ("predict out taken.csv", r"predict: taken.csv: column 'prediction': rename it"),
    ("predict empty new.csv", r"predict: empty has no model.json"),
    ("predict missing new.csv", r"missing: cannot be read: No such file"),
    ("predict bad.json new.csv", r"bad.json: must be JSON"),
    ("play", r"play: expected the folder of a run first, such as play runs/cartpole"),
    ("play out", r"play: out holds a model that predicts; use predict"),
    ("play out --episodes 0", r"episodes: must be from 1 to 16777215, got 0"),
    ("play empty", r"play: empty has no model.json"),
]


def test_mistakes(tmp_path, capsys):
    write_fruit(tmp_path / "fruit.csv", ("width", "height", "kind"))
    main(["classification", "--data", "fruit.csv", "--target", "kind", "--output", "out", *RUN])
    write_fruit(tmp_path / "new.csv", ("height", "width"))
    (tmp_path / "narrow.csv").write_text("width,size\n1,2\n")
    (tmp_path / "word.csv").write_text("width,height\n1,tall\n")
    (tmp_path / "taken.csv").write_text("width,height,prediction\n1,2,3\n")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "empty").mkdir()
    capsys.readouterr()
    for command, message in MISTAKES:
        assert main(command.split()) == 2, command
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert re.search(f"^error: {message}", error), (command, error)


@pytest.mark.parametrize("name", ["regression", "iris", "cars", "kinds"])
def test_evaluators_standardise_as_the_task_does(name, tmp_path):
    write_cars(tmp_path / "cars.csv")
    cars = {"data": "cars.csv", "missing": "mean"}
    task = {
        "regression": lambda: Regression(),
        "iris": lambda: Classification(data="iris"),
        "cars": lambda: Regression(target="price", **cars),
        "kinds": lambda: Classification(target="kind", **cars),
    }[name]
    if name == "kinds":
        text = (tmp_path / "cars.csv").read_text().replace("price\n", "price,kind\n")
        lines = text.splitlines()
        (tmp_path / "cars.csv").write_text(
            "\n".join([lines[0], *(f"{x},{'uv'[k % 2]}" for k, x in enumerate(lines[1:]))])
        )
    task = task()
    evaluator, sets = task.evaluator("cpu"), task.sets()
    np.testing.assert_array_equal(evaluator.inputs, sets.inputs[sets.train])
    np.testing.assert_array_equal(evaluator.targets, sets.targets[sets.train])
