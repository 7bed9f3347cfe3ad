# ruff: noqa: E501
"""Text, empty cells and scales of raw data, in training and in the data of predictions."""

import json
import logging
import warnings

import numpy as np
import pytest

import evaluators
import neat
from evaluators import export
from tests.support.models import Table, linear_genome

NAN = float("nan")
COLOURS = ["red", "blue", "red", "green", "blue", "red", "green", "red"]
SIZES = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
Y = np.arange(8.0)


def table(**changes):
    columns = {"colour": np.array(COLOURS, object), "size": np.array(SIZES), **changes}
    return Table({name: column for name, column in columns.items() if column is not None})


def objects(*columns):
    return np.array(list(zip(*columns, strict=True)), object)


def one_hot(texts, categories=("blue", "green", "red")):
    return np.array([[float(text == each) for each in categories] for text in texts])


def read(evaluator, data):
    """What the networks of the evaluator's models get."""
    return evaluator._parts[0].read("X", data, evaluator.num_inputs)


def test_text_becomes_an_input_for_each_category(caplog):
    caplog.set_level(logging.INFO, "evaluators.data")
    evaluator = evaluators.Supervised(table(), Y, device="cpu")
    expected = np.column_stack([one_hot(COLOURS), SIZES])
    np.testing.assert_array_equal(evaluator.inputs, expected)
    assert evaluator.num_inputs == 4
    assert [r.getMessage() for r in caplog.records] == [
        "text columns, with an input for each category: 'colour' (3)"
    ]
    mixed = evaluators.Supervised(
        objects(COLOURS, SIZES), Y, device="cpu", input_names=["colour", "size"], standardise=True
    )
    sizes = (np.array(SIZES) - np.mean(SIZES)) / np.std(SIZES)
    np.testing.assert_allclose(mixed.inputs, np.column_stack([one_hot(COLOURS), sizes]), rtol=1e-6)


def test_models_read_raw_columns_by_name_and_by_position(tmp_path):
    weights = [10.0, 20.0, 30.0, 1.0]
    model = evaluators.Supervised(table(), Y, device="cpu").model(linear_genome(weights, 0.0))
    model.save(tmp_path / "model.json")
    new = {"size": np.array([0.5, 0.25]), "colour": np.array(["green", "red"])}
    for each in (model, evaluators.load(tmp_path / "model.json")):
        assert each.predict(Table(new)).tolist() == [20.5, 30.25]
        assert each.predict([["green", 0.5], ["red", 0.25]]).tolist() == [20.5, 30.25]
    assert json.loads((tmp_path / "model.json").read_text())["version"] == 3


def test_no_rows_give_no_predictions():
    model = evaluators.Supervised(table(), Y, device="cpu").model(linear_genome([1.0, 2.0, 3.0, 4.0], 0.0))
    for none in (table(colour=np.empty(0, object), size=np.empty(0)), np.empty((0, 2), object)):
        assert model.predict(none).shape == (0,)


def test_files_of_the_versions_before_are_read(tmp_path):
    model = evaluators.Supervised(np.eye(2), [1.0, 2.0], device="cpu").model(linear_genome([1.0, 2.0], 0.0))
    model.save(tmp_path / "model.json")
    content = json.loads((tmp_path / "model.json").read_text())
    del content["digest"]
    for content["version"] in (2, 1):
        if content["version"] == 1:
            del content["inputs"]["columns"]
        (tmp_path / "old.json").write_text(json.dumps(content))
        assert evaluators.load(tmp_path / "old.json").predict([[3.0, 4.0]]).tolist() == [11]


@pytest.mark.parametrize("standardise", [False, True])
def test_empty_cells_count_as_the_mean_and_the_most_frequent_text(standardise, caplog):
    caplog.set_level(logging.INFO, "evaluators.data")
    sizes = np.array([1.0, NAN, 3.0, 4.0, NAN, 6.0, 7.0, 9.0])
    colours = np.array([*COLOURS[:7], None], object)
    data = table(size=sizes, colour=colours)
    evaluator = evaluators.Supervised(data, Y, device="cpu", missing="mean", standardise=standardise)
    filled = table(size=np.where(np.isnan(sizes), 5.0, sizes))
    by_hand = evaluators.Supervised(filled, Y, device="cpu", standardise=standardise)
    np.testing.assert_array_equal(evaluator.inputs, by_hand.inputs)
    new = {"colour": np.array(["", "blue"]), "size": np.array([5.0, NAN])}
    same = {"colour": np.array(["red", "blue"]), "size": np.array([5.0, 5.0])}
    np.testing.assert_array_equal(read(evaluator, Table(new)), read(by_hand, Table(same)))
    assert "what empty cells count as: 'colour' red, 'size' 5" in caplog.messages
    np.testing.assert_array_equal(evaluator.with_samples(data, Y).inputs, evaluator.inputs)


def test_empty_cells_of_arrays():
    x = np.column_stack([SIZES, [0.0, NAN, 1, 0, 1, 0, 1, 1]])
    evaluator = evaluators.Supervised(x, Y, device="cpu", missing="mean")
    assert evaluator.inputs[1, 1] == np.float32(4 / 7)
    model = evaluator.model(linear_genome([0.0, 7.0], 0.0))
    np.testing.assert_allclose(model.predict([[1.0, NAN]]), 4, rtol=1e-6)


def test_frames_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"colour": COLOURS, "size": SIZES, "big": [True, False] * 4})
    frame["grade"] = pandas.Categorical(["a", "b"] * 4, categories=["c", "b", "a"])
    frame["count"] = pandas.array([1, 2, None, 4, 5, 6, 7, 8], dtype="Int64")
    frame.loc[2, "colour"] = pandas.NA
    frame.loc[0, "size"] = NAN
    evaluator = evaluators.Supervised(frame, Y, device="cpu", missing="mean")
    rows = evaluator._parts[0]
    assert [column.width for column in rows.columns] == [3, 1, 1, 3, 1]
    assert rows.columns[3].categories == ("c", "b", "a")  # also one that no sample has
    assert rows.input_names[:4] == ("colour=blue", "colour=green", "colour=red", "size")
    np.testing.assert_array_equal(evaluator.inputs[:, 4], [1, 0] * 4)
    assert evaluator.inputs[0, 3] == 5 and evaluator.inputs[2, -1] == np.float32(33 / 7)
    np.testing.assert_array_equal(read(evaluator, frame[::-1]), evaluator.inputs[::-1])
    with pytest.raises(
        ValueError,
        match=r"^inputs: column 'colour': must not be empty, as in row 2; training with missing='mean' fills",
    ):
        evaluators.Supervised(frame, Y, device="cpu")


def test_declared_categories():
    listed = {"colour": ["red", "blue", "green", "white"]}
    evaluator = evaluators.Supervised(table(), Y, device="cpu", categories=listed)
    np.testing.assert_array_equal(evaluator.inputs[:, :4], one_hot(COLOURS, listed["colour"]))
    assert read(evaluator, [["white", 2]]).tolist() == [[0, 0, 0, 1, 2]]


MANY = np.array([f"n{k}" for k in range(8)])
BAD = [
    (table(size=np.array([1, 2, NAN, 4, 5, 6, 7, 8])), {}, r"inputs: column 'size': must not be empty, as in row 2"),
    (table(colour=np.array([*COLOURS[:7], " "])), {}, r"inputs: column 'colour': must not be empty, as in row 7"),
    (table(size=np.array([*SIZES[:7], np.inf])), {}, r"inputs: column 'size': expected finite float64 numbers, got inf"),
    (table(size=np.full(8, NAN)), {"missing": "mean"}, r"inputs: column 'size': expected a value, got 8 empty cells"),
    (table(colour=MANY), {}, r"inputs: column 'colour': has 8 different texts in 8 samples, too many to learn from"),
    (table(colour=np.array(["a", 1.5] * 4, object)), {}, r"inputs: column 'colour': expected .*, got both: 1.5 and 'a'"),
    (table(colour=np.array([{}, {}] * 4, object)), {}, r"inputs: column 'colour': expected numbers or text, got {}"),
    (table(size=np.array([1.0, [2], 3.0], object)), {}, r"inputs: column 'size': expected numbers or text, got \[2\]"),
    (table(size=np.array([1.0, np.ones(2)], object)), {}, r"inputs: column 'size': expected numbers or text, got an array of shape"),
    (table(size=np.array([1.0, 10**400], object)), {}, r"inputs: column 'size': expected numbers or text, got an integer of 401"),
    (table(size=np.arange(8).astype("M8[D]")), {}, r"inputs: column 'size': expected numbers or text, got dtype datetime64"),
    (objects(SIZES, [*SIZES[:7], None]), {}, r"inputs: column 1: must not be empty, as in row 7"),
    (table(size=np.array([NAN, *SIZES[:6], np.inf])), {"missing": "mean"}, r"inputs: column 'size': expected finite float64 numbers, got inf at \(7,\)$"),
    (table(size=np.full(8, 1e308)), {"missing": "mean"}, r"inputs: column 'size', mean: expected finite float64 numbers, got inf"),
    (table(colour=np.empty(0, object), size=np.empty(0)), {}, r"inputs: expected samples with columns, got none$"),
    (np.empty((8, 0), object), {}, r"inputs: expected samples with columns, got none$"),
    (table(), {"categories": {"colour": [1, 2]}}, r"categories: expected texts for column 'colour', got 1$"),
    (table(), {"categories": {"colour": []}}, r"categories: expected texts for column 'colour', got \[\]$"),
    (table(), {"missing": "median"}, r"missing: must be None or 'mean', got 'median'$"),
    (table(), {"categories": ["red"]}, r"categories: expected a dictionary of lists, got \['red'\]$"),
    (table(), {"categories": {"colour": "red"}}, r"categories: expected a list for column 'colour', got 'red'$"),
    (table(), {"categories": {"hue": ["red"]}}, r"categories: there is no column 'hue'$"),
    (table(), {"categories": {"size": ["red"]}}, r"categories: inputs: column 'size' has numbers$"),
    (table(), {"categories": {"colour": ["red", "red"]}}, r"categories: expected different ones, got \['red', 'red'\]$"),
    (table(), {"categories": {"colour": ["red", "blue"]}}, r"inputs: column 'colour': expected one of 'red', 'blue', got 'green' in row 3"),
    (table(), {"input_names": ["a", "b", "c"]}, r"input_names: expected 3 names, as the inputs have columns, got 2|input_names: expected 2 names, .* got 3"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "options", "message"), BAD, ids=[message for *_, message in BAD])
def test_bad_columns(data, options, message):
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        evaluators.Supervised(data, Y, device="cpu", **options)
    assert "\n" not in str(caught.value)


BAD_ROWS = [
    (table(colour=np.array(["pink"] * 8)), r"X: column 'colour': expected one of 'blue', 'green', 'red', got 'pink' in row 0$"),
    (table(colour=np.arange(8.0)), r"X: column 'colour': expected text, got 0 in row 0$"),
    (table(size=np.array(["a"] * 8)), r"X: column 'size': expected an array of numbers, got 'a' in row 0$"),
    (table(size=np.array([*SIZES[:7], NAN])), r"X: column 'size': must not be empty, as in row 7"),
    (table(colour=np.full(8, NAN)), r"X: column 'colour': must not be empty, as in row 0"),
    (table(colour=None), r"X: missing columns 'colour'$"),
    (table(shape=np.zeros(8)), r"X: unknown columns 'shape'$"),
    ([["red"]], r"X: expected 2 columns, got 1$"),
    (["red", "blue"], r"X: expected shape \(samples, 2\), got \(2,\)$"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), BAD_ROWS, ids=[message for _, message in BAD_ROWS])
def test_bad_data_of_predictions(data, message):
    model = evaluators.Supervised(table(), Y, device="cpu").model(linear_genome([1.0, 2.0, 3.0, 4.0], 0.0))
    with pytest.raises(ValueError, match=f"^{message}"):
        model.predict(data)


DAMAGED = [
    (lambda columns: columns.pop(), r"inputs.rows.columns: expected 2 columns, as names has, got 1$"),
    (lambda columns: columns[0]["categories"].pop(), r"inputs.columns: expected 4 inputs, as the network has, got 3$"),
    (lambda columns: columns[0]["categories"].append("red"), r"columns.0.text.categories: expected different ones, got"),
    (lambda columns: columns[0].update(fill="pink"), r"columns.0.text.fill: must be one of 'blue', .*, got 'pink'$"),
    (lambda columns: columns[1].update(fill="red"), r"columns.1.number.fill: must be a number, got 'red'$"),
    (lambda columns: columns[1].update(kind="code"), r"columns.1: input tag 'code' found using 'kind' does not match"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "message"), DAMAGED, ids=[message for _, message in DAMAGED])
def test_damaged_files_are_refused_by_name(damage, message, tmp_path):
    file = tmp_path / "model.json"
    evaluators.Supervised(table(), Y, device="cpu").model(linear_genome([1.0, 2, 3, 4], 0.0)).save(file)
    content = json.loads(file.read_text())
    damage(content["inputs"]["columns"])
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"^{file}: .*{message}"):
        evaluators.load(file)


def test_exports_take_the_encoded_columns_and_name_them():
    evaluator = evaluators.Supervised(table(), Y, device="cpu", standardise=True)
    model = evaluator.model(linear_genome([10.0, 20.0, 30.0, 1.0], 0.0))
    assert "inputs[1]: colour=green" in export.to_c(model)
    namespace = {}
    exec(export.to_numpy(model), namespace)
    encoded = evaluator._parts[0].encode("X", table(), 4)
    np.testing.assert_array_equal(encoded, np.column_stack([one_hot(COLOURS), SIZES]))
    np.testing.assert_allclose(namespace["activate"](encoded)[:, 0], model.predict(table()), rtol=1e-5)


SCALES = [
    ([1000.0, 1.0, 1.0], r"^inputs: column 0 has a deviation of 953, and networks expect about 1; pass standardise"),
    ([1.0, 20.0, 0.001], r"^inputs: column 2 has a deviation of .*, and 1 others are far from 1 too; pass standardise=True"),
    ([1.0, 3.0, 0.2], None),
]  # fmt: skip


@pytest.mark.parametrize(("scale", "message"), SCALES)
def test_deviations_far_from_1_bring_a_warning(scale, message):
    x = np.random.default_rng(1).normal(size=(100, 3)) * scale
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        evaluator = evaluators.Supervised(x, x[:, 0], device="cpu", standardise=True)
        evaluator.with_samples(x[:2], x[:2, 0])
        assert not caught
        evaluators.Supervised(x, x[:, 0], device="cpu").with_samples(x[:2], x[:2, 0])
    assert len(caught) == (message is not None)
    if message:
        assert caught[0].filename == __file__
        with pytest.raises(UserWarning, match=message):
            raise caught[0].message


def test_rare_categories_bring_no_warning():
    rare = np.zeros((1000, 2))
    rare[3, 0] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluators.Supervised(rare, np.zeros(1000), device="cpu")


def test_a_run_on_text_predicts_raw_rows():
    """Weights by colour are learned, and come back from the raw columns."""
    draw = np.random.default_rng(0)
    colours = draw.choice(["red", "blue", "green"], 90)
    data = Table({"colour": colours, "size": draw.normal(size=90)})
    worth = np.array([{"red": 100.0, "blue": 200.0, "green": 400.0}[colour] for colour in colours])
    evaluator = evaluators.Supervised(data, worth, device="cpu", standardise=True, learn_steps=20)
    config = neat.Config.for_task(evaluator, population_size=30, seed=1)
    model = evaluator.model(neat.Population(config).run(evaluator, generations=8).champion)
    np.testing.assert_allclose(model.predict([["green", 0.0], ["red", 0.0]]), [400, 100], atol=15)
