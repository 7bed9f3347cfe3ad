"""Models of data sets: predictions in the names and units of the data."""

import copy
import pickle

import numpy as np
import pytest

import evaluators
from tests.support.models import Table, linear_genome

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3)) * [1, 10, 1000] + [5, 0, -2000]
Y = X @ [2.0, -1.0, 0.5] + 7


def test_values_come_back_in_their_own_unit():
    """The least-squares solution in standardised units predicts exactly in the user's units."""
    evaluator = evaluators.Supervised(X, Y, standardise=True)
    weights = np.array([2.0, -1.0, 0.5]) * X.std(axis=0) / Y.std()
    genome = linear_genome(weights, 0.0)
    assert evaluator(genome.genomes)[0] == pytest.approx(0, abs=1e-12)
    predicted = evaluator.model(genome).predict(X)
    assert predicted.dtype == np.float64 and predicted.shape == (50,)
    np.testing.assert_allclose(predicted, Y, rtol=1e-5)


def test_several_outputs_and_no_standardisation():
    targets = np.stack([Y, -Y], axis=1)
    genome = linear_genome(np.array([[2.0, -1.0, 0.5], [-2.0, 1.0, -0.5]]), [7.0, -7.0])
    predicted = evaluators.Supervised(X, targets).model(genome).predict(X)
    assert predicted.shape == (50, 2) and predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, targets, rtol=1e-4)
    np.testing.assert_array_equal(
        predicted, evaluators.compile(genome).activate(X)[0], err_msg="the network's own bits"
    )


def test_a_constant_column_is_only_shifted():
    constant = np.full((50, 1), 3.0)
    model = evaluators.Supervised(constant, Y, standardise=True).model(linear_genome([1.0], 0.0))
    np.testing.assert_allclose(model.predict([[4.0]]), [Y.std() + Y.mean()])


NAMED = {"b": X[:, 1], "a": X[:, 0], "c": X[:, 2]}


def test_columns_are_taken_by_name():
    plain = evaluators.Supervised(X, Y, standardise=True, input_names=["a", "b", "c"])
    table = evaluators.Supervised(Table({k: NAMED[k] for k in "abc"}), Y, standardise=True)
    genome = linear_genome([1.0, 2.0, 3.0], 0.5)
    expected = plain.model(genome).predict(X)
    for model in (plain.model(genome), table.model(genome)):
        assert model.inputs.names == ("a", "b", "c")
        np.testing.assert_array_equal(model.predict(Table(NAMED)), expected)


def test_frames_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    evaluator = evaluators.Supervised(frame, pandas.Series(Y, name="price"), standardise=True)
    model = evaluator.model(linear_genome([1.0, 2.0, 3.0], 0.5))
    assert (model.inputs.names, model.outputs.names) == (("a", "b", "c"), ("price",))
    np.testing.assert_array_equal(model.predict(frame[["c", "a", "b"]]), model.predict(X))
    with pytest.raises(ValueError, match=r"^X: missing columns 'a' and unknown columns 'A'$"):
        model.predict(frame.rename(columns={"a": "A"}))
    kinds = pandas.Series(["u", "v"] * 25, dtype="category", name="kind")
    classes = evaluators.Supervised(frame, kinds, fitness="cross_entropy").model(
        linear_genome([1.0, 2, 3], 0.5)
    )
    assert classes.classes.tolist() == ["u", "v"] and classes.outputs.name == "kind"
    without_names = pandas.DataFrame(X)
    assert evaluators.Supervised(without_names, Y).model(linear_genome([1.0, 2, 3], 0.5)).inputs.names is None


@pytest.mark.parametrize("outputs", [1, 3])
def test_classes_and_probabilities(outputs):
    labels = ["no", "yes"] if outputs == 1 else ["ape", "bee", "cow"]
    targets = np.array(labels)[np.arange(50) % len(labels)]
    evaluator = evaluators.Supervised(X, targets, fitness="cross_entropy", standardise=True)
    assert evaluator.num_outputs == outputs
    genome = linear_genome(RNG.normal(size=(outputs, 3)), RNG.normal(size=outputs))
    model = evaluator.model(genome)
    probability = model.predict_proba(X)
    z = evaluators.compile(genome).activate(evaluator.inputs)[0].astype(float)
    expected = np.exp(z) if outputs == 3 else np.concatenate([np.ones_like(z), np.exp(z)], axis=1)
    np.testing.assert_allclose(probability, expected / expected.sum(axis=1, keepdims=True), rtol=1e-12)
    assert model.classes.tolist() == labels
    np.testing.assert_array_equal(model.predict(X), np.array(labels)[probability.argmax(axis=1)])
    truth = np.array([labels.index(each) for each in targets])
    log_loss = -np.log(probability[np.arange(50), truth]).mean()
    assert evaluator(genome.genomes)[0] == pytest.approx(-log_loss, rel=1e-5)


@pytest.mark.parametrize(
    ("targets", "options", "labels"),
    [
        ([0, 1, 2, 1], {}, [0, 1, 2]),
        ([False, True, True, False], {}, [False, True]),
        ([5, 7, 7, 5], {"classes": [7, 5]}, [7, 5]),
        ([1, 1, 0, 0], {"classes": [0, 1, 2]}, [0, 1, 2]),
        (np.eye(3)[[0, 1, 2, 0]], {"classes": ["a", "b", "c"]}, ["a", "b", "c"]),
        (Table({"a": np.array([1.0, 0, 0, 1]), "b": np.array([0.0, 1, 1, 0])}), {}, ["a", "b"]),
    ],
)
def test_labels(targets, options, labels):
    evaluator = evaluators.Supervised(X[:4], targets, fitness="accuracy", **options)
    genome = linear_genome(RNG.normal(size=(evaluator.num_outputs, 3)), 0.3 * np.ones(evaluator.num_outputs))
    model = evaluator.model(genome)
    assert model.classes.tolist() == labels
    truth = np.argmax(targets, axis=1) if np.ndim(targets) == 2 else targets
    given = [labels[k] for k in truth] if np.ndim(targets) == 2 else truth
    assert evaluator(genome.genomes)[0] == np.mean(model.predict(X[:4]) == given)
    with pytest.raises(ValueError, match=r"^model: has no probabilities, since its fitness was accuracy"):
        model.predict_proba(X[:4])


@pytest.mark.parametrize("fitness", ["cross_entropy", "accuracy"])
def test_two_classes_in_one_named_column(fitness):
    column = np.array([0.0, 1, 1, 0])
    for targets, options in (
        (Table({"label": column}), {}),
        (column[:, np.newaxis], {"output_names": ["label"]}),
        (Table({"label": column}), {"classes": ["no", "yes"]}),
    ):
        evaluator = evaluators.Supervised(X[:4], targets, fitness=fitness, **options)
        model = evaluator.model(linear_genome([1.0, 2, 3], 0.5))
        assert evaluator.num_outputs == 1 and model.outputs.name == "label"
        assert model.classes.tolist() == options.get("classes", [0, 1])
        assert evaluator.with_samples(X[:4], targets).targets.tolist() == evaluator.targets.tolist()


def test_recurrent_networks_make_their_steps():
    genome = linear_genome([1.0, 0.0, 0.0], 0.0)
    data = genome.to_dict() | {"feed_forward": False}
    data["connections"].append({"innovation": 9, "source": 3, "target": 3, "weight": 1.0})
    recurrent = type(genome).from_dict(data)
    model = evaluators.Supervised(X, Y, steps=4).model(recurrent)
    for _ in range(2):  # a prediction leaves no state behind
        np.testing.assert_allclose(model.predict(X), 4 * X[:, 0], rtol=1e-6)


def test_copies_predict_alike():
    model = evaluators.Supervised(X, Y, standardise=True).model(linear_genome([1.0, 2.0, 3.0], 0.5))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
        assert other.genome == model.genome


def regression(**options):
    return evaluators.Supervised(X, Y, standardise=True, **options).model(linear_genome([1.0, 2, 3], 0.0))


NAMES = {"input_names": ["a", "b", "c"]}
BAD_DATA = [
    ({}, X[0], r"^X: expected shape \(samples, 3\), got \(3,\)$"),
    ({}, X[:, :2], r"^X: expected 3 columns, got 2$"),
    ({}, [[1, 2, np.nan]], r"^X: expected finite float64 numbers, got nan at \(0, 2\)$"),
    ({}, [["a", "b", "c"]], r"^X: expected an array of numbers, got dtype <U1$"),
    (NAMES, Table({"a": Y, "d": Y, "B": Y}), r"^X: missing columns 'b', 'c' and unknown columns 'd', 'B'$"),
    (NAMES, Table({"a": Y, "b": Y, "c": Y, "z": Y}), r"^X: unknown columns 'z'$"),
    (NAMES, Table({"a": Y, "b": Y, "c": np.array(["u"] * 50)}), r"^X: column 'c': expected an array of num"),
]


@pytest.mark.parametrize(("options", "data", "message"), BAD_DATA)
def test_bad_data(options, data, message):
    with pytest.raises(ValueError, match=message):
        regression(**options).predict(data)


ENTROPY = {"fitness": "cross_entropy"}
BAD_DESCRIPTIONS = [
    (Y, {"standardise": 1}, r"^standardise: must be true or false, got 1$"),
    (Y, {"classes": [1, 2]}, r"^classes: are for cross_entropy and accuracy, got fitness 'squared_error'$"),
    (Y, {"input_names": ["a", "b"]}, r"^input_names: expected 3 names, as the inputs have columns, got 2$"),
    (Y, {"input_names": ["a", "b", "a"]}, r"^input_names: expected different names, got 'a' twice$"),
    (Y, {"input_names": "abc"}, r"^input_names: expected a list of names, got 'abc'$"),
    (Y, {"input_names": ["a", "b", 3]}, r"^input_names: expected names, got 3$"),
    (Y, {"output_names": ["a", "b"]}, r"^output_names: expected 1 names, as the targets, got 2$"),
    (["a"] * 50, ENTROPY, r"^targets: expected from 2 to 65536 classes, got 1$"),
    (["a", "b"] * 25, {**ENTROPY, "classes": ["a", "c"]}, r"^targets: expected labels among \['a', 'c'\], got 'b'$"),
    (["a", "b"] * 25, {**ENTROPY, "classes": ["a", "a"]}, r"^classes: expected different labels, got \['a', 'a'\]$"),
    (np.array(["a", 1] * 25, object), ENTROPY, r"^targets: expected labels of one type, got \['a', 1"),
    (np.eye(2)[[0, 1] * 25], {**ENTROPY, "classes": [1, 2, 3]}, r"^classes: expected 2 labels, .*, got 3$"),
]  # fmt: skip


@pytest.mark.parametrize(("targets", "options", "message"), BAD_DESCRIPTIONS)
def test_bad_descriptions(targets, options, message):
    with pytest.raises(ValueError, match=message):
        evaluators.Supervised(X, targets, **options)


def test_bad_champions():
    evaluator = evaluators.Supervised(X, Y)
    with pytest.raises(ValueError, match=r"^champion: expected neat.Genome, got int$"):
        evaluator.model(3)
    with pytest.raises(ValueError, match=r"^genomes: expected 3 inputs, as the data set has, got 2$"):
        evaluator.model(linear_genome([1.0, 2.0], 0.0))
    with pytest.raises(ValueError, match=r"^genome: expected neat.Genome, got Genomes$"):
        evaluator.score(linear_genome([1.0, 2.0, 3.0], 0.0).genomes)
    with pytest.raises(ValueError, match=r"^model: has no classes, since its outputs are of kind values$"):
        regression().predict_proba(X)
