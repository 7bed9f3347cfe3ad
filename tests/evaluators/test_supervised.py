import random

import numpy as np
import pytest

import evaluators
from neat.genome.genome import Genomes
from tests.support.reference import Reference, random_genome

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1030, 2))  # three tiles, the last one short


def genomes(num_outputs, feed_forward=True, count=40):
    rng, data = random.Random(num_outputs), []
    while len(data) < count:
        one = random_genome(
            rng, feed_forward=feed_forward, activations=["tanh", "identity", "sigmoid"], aggregations=["sum"]
        )
        if one["num_inputs"] == 2 and one["num_outputs"] == num_outputs:
            data.append(one)
    return data, Genomes.from_list(data)


def outputs_of(data, x):
    return np.array([[Reference(one).activate(row) for row in x.tolist()] for one in data])


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


ONE, THREE = RNG.normal(size=1030), RNG.normal(size=(1030, 3))
BINARY, LABELS = RNG.integers(0, 2, 1030), np.append(RNG.integers(0, 3, 1029), 2)
EXPECTED = {
    ("squared_error", 1): (ONE, lambda z: -((z[:, :, 0] - ONE) ** 2).mean(1)),
    ("squared_error", 3): (THREE, lambda z: -((z - THREE) ** 2).mean((1, 2))),
    ("absolute_error", 3): (THREE, lambda z: -np.abs(z - THREE).mean((1, 2))),
    ("cross_entropy", 1): (
        BINARY,
        lambda z: (-np.logaddexp(0, z[:, :, 0]) + BINARY * z[:, :, 0]).mean(1),
    ),
    ("cross_entropy", 3): (LABELS, lambda z: log_softmax(z)[:, np.arange(1030), LABELS].mean(1)),
    ("accuracy", 1): (BINARY, lambda z: ((z[:, :, 0] > 0.5) == BINARY).mean(1)),
}


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: f"{case[0]}-{case[1]}")
def test_named_fitness(case):
    name, num_outputs = case
    targets, expected = EXPECTED[case]
    data, batch = genomes(num_outputs)
    evaluator = evaluators.Supervised(X, targets, fitness=name)
    assert (evaluator.num_inputs, evaluator.num_outputs) == (2, num_outputs)
    fitness = evaluator(batch)
    assert fitness.dtype == np.float64
    np.testing.assert_allclose(
        fitness, expected(outputs_of(data, X.astype(np.float32))), rtol=1e-4, atol=2e-3
    )


def test_accuracy_of_classes_counts_no_ties():
    _, batch = genomes(3)
    z = evaluators.compile(batch).activate(X)
    label = z[:, np.arange(1030), LABELS]
    others = np.array([np.delete(z[:, i], LABELS[i], axis=1) for i in range(1030)]).swapaxes(0, 1)
    expected = (others < label[:, :, np.newaxis]).all(axis=2).mean(axis=1)
    np.testing.assert_array_equal(evaluators.Supervised(X, LABELS, fitness="accuracy")(batch), expected)


@pytest.mark.parametrize("name", ["cross_entropy", "accuracy"])
def test_labels_and_probabilities_say_the_same(name):
    for num_outputs, labels, other in ((1, BINARY, BINARY[:, np.newaxis]), (3, LABELS, np.eye(3)[LABELS])):
        _, batch = genomes(num_outputs)
        np.testing.assert_array_equal(
            evaluators.Supervised(X, labels, fitness=name)(batch),
            evaluators.Supervised(X, other, fitness=name)(batch),
        )


def test_large_logits_do_not_overflow():
    data = {
        "num_inputs": 1,
        "num_outputs": 2,
        "nodes": [{"id": id_, "activation": "identity"} for id_ in (1, 2)],
        "connections": [{"innovation": 0, "source": 0, "target": 1, "weight": 1000.0}],
    }
    fitness = evaluators.Supervised([[1.0], [-1.0]], np.eye(2), fitness="cross_entropy")(
        Genomes.from_list([data])
    )
    np.testing.assert_allclose(fitness, [0.0], atol=1e-6)
    wrong = evaluators.Supervised([[1.0], [-1.0]], np.eye(2)[::-1], fitness="cross_entropy")
    np.testing.assert_allclose(wrong(Genomes.from_list([data])), [-1000.0])


def test_a_user_defined_function():
    _, batch = genomes(3)
    given = evaluators.Supervised(X, THREE, fitness=lambda z, t: -((z - t) ** 2).mean(axis=(1, 2)))
    np.testing.assert_allclose(given(batch), evaluators.Supervised(X, THREE)(batch), rtol=1e-5)


def test_recurrent_networks_start_at_zero_and_make_steps():
    data, batch = genomes(1, feed_forward=False)
    for steps in (1, 2, 5):
        expected = []
        for one in data:
            errors = []
            for row, target in zip(X[:30].astype(np.float32).tolist(), ONE[:30], strict=True):
                network = Reference(one)
                for _ in range(steps):
                    output = network.activate(row)[0]
                errors.append((output - target) ** 2)
            expected.append(-np.mean(errors))
        for fitness in ("squared_error", lambda z, t: -((z - t) ** 2).mean(axis=(1, 2))):
            evaluator = evaluators.Supervised(X[:30], ONE[:30], fitness=fitness, steps=steps)
            for _ in range(2):  # a second call starts at zero too
                np.testing.assert_allclose(evaluator(batch), expected, rtol=1e-3, atol=1e-4)


def test_the_same_bits_for_any_number_of_threads_and_any_company(set_threads):
    _, batch = genomes(1, count=60)
    many = batch.take(np.resize(np.arange(60), 1300))
    evaluator = evaluators.Supervised(X, ONE)
    results = []
    for threads in (1, 2, 3):
        set_threads(threads)
        results.append(evaluator(many))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    alone = [evaluator(batch.take(np.array([index])))[0] for index in range(60)]
    np.testing.assert_array_equal(results[0][:60], alone)


BAD = [
    (dict(inputs=[1.0, 2.0]), "inputs: expected shape (samples, inputs), got (2,)"),
    (dict(inputs=np.zeros((0, 2))), "inputs: expected shape (samples, inputs), got (0, 2)"),
    (dict(inputs=[[1.0, np.nan]]), "inputs: expected finite float32 numbers, got nan at (0, 1)"),
    (dict(inputs=[[1.0, np.inf]]), "inputs: expected finite float32 numbers, got inf at (0, 1)"),
    (dict(inputs=[["a"]]), "inputs: expected an array of numbers, got dtype <U1"),
    (dict(inputs=[[1.0], [1.0, 2.0]]), "inputs: expected an array of numbers, got rows of different lengths"),
    (dict(inputs=[[1j]]), "inputs: expected an array of numbers, got dtype complex128"),
    (dict(targets=[1.0]), "targets: expected 2 samples, got 1"),
    (dict(targets=[1.0, np.nan]), "targets: expected finite float32 numbers, got nan at (1,)"),
    (
        dict(targets=np.zeros((2, 1, 1))),
        "targets: expected shape (samples, outputs) or (samples,), got (2, 1, 1)",
    ),
    (dict(targets=np.zeros((2, 0))), "targets: expected shape (samples, outputs) or (samples,), got (2, 0)"),
    (dict(targets=[0, -1], fitness="accuracy"), "targets: expected integer labels from 0, got -1.0"),
    (dict(targets=[0, 0.5], fitness="accuracy"), "targets: expected integer labels from 0, got 0.5"),
    (dict(targets=[[0], [2]], fitness="accuracy"), "targets: expected probabilities from 0 to 1, got 2.0"),
    (
        dict(targets=[[0, 1], [1, 1]], fitness="cross_entropy"),
        "targets: expected every row to sum to 1, got 2.0 in row 1",
    ),
    (
        dict(fitness="mse"),
        "fitness: expected a function or one of squared_error, absolute_error, cross_entropy, accuracy, got 'mse'",
    ),
    (
        dict(fitness=None),
        "fitness: expected a function or one of squared_error, absolute_error, cross_entropy, accuracy, got None",
    ),
    (dict(steps=0), "steps: expected an integer of at least 1, got 0"),
    (dict(steps=1.5), "steps: expected an integer of at least 1, got 1.5"),
    (dict(device="cuda:"), "device: expected 'auto', 'cpu', 'cuda', 'cuda:1' or 'cuda:*', got 'cuda:'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=range(len(BAD)))
def test_bad_data_is_refused_at_once(arguments, message):
    with pytest.raises(ValueError) as error:
        evaluators.Supervised(**{"inputs": [[0.0], [1.0]], "targets": [0, 1], **arguments})
    assert str(error.value) == message


def test_genomes_of_other_sizes_are_refused():
    _, batch = genomes(1)
    with pytest.raises(ValueError, match=r"^genomes: expected 3 inputs, as the data set has, got 2$"):
        evaluators.Supervised(np.zeros((4, 3)), np.zeros(4))(batch)
    with pytest.raises(ValueError, match=r"^genomes: expected 2 outputs, as the targets have, got 1$"):
        evaluators.Supervised(np.zeros((4, 2)), np.zeros((4, 2)))(batch)


@pytest.mark.parametrize("result", [1.0, np.zeros(3), np.zeros((40, 1)), ["a"] * 40, None])
def test_a_function_that_gives_another_shape_is_refused(result):
    _, batch = genomes(1)
    with pytest.raises(
        ValueError, match=r"^fitness: expected the function to return numbers of shape \(40,\), got"
    ):
        evaluators.Supervised(X, ONE, fitness=lambda z, t: result)(batch)
