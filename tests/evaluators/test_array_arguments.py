"""All functions that take a user's arrays refuse those that do not hold plain numbers."""

import fractions
import warnings

import numpy as np
import pytest

import evaluators
import neat
from evaluators.environments import Pendulum
from evaluators.gradient import losses, metrics, optim
from evaluators.gradient.nn.layers import Dense
from evaluators.gradient.scaling import Standardise
from evaluators.gradient.tensor.tensor import Tensor
from evaluators.gradient.training import fit
from neat.evolution.champions import Candidates
from neat.evolution.evaluation_results import validate_fitness
from neat.genome.genome import Genomes

GENOME = {
    "num_inputs": 1,
    "num_outputs": 1,
    "nodes": [{"id": 1, "activation": "identity"}],
    "connections": [{"innovation": 0, "source": 0, "target": 1, "weight": 1.0}],
}
GENOMES = Genomes.from_list([GENOME] * 2)
COLUMN = np.ones((2, 1))


def column(values):
    """Return two values as an array of shape (2, 1) of the same kind."""
    return values.reshape(2, 1) if isinstance(values, np.ndarray) else [[value] for value in values]


def networks():
    return evaluators.compile(GENOMES)


def candidates(values):
    kept = Candidates()
    kept.add_champion(GENOMES, np.array([1.0, 0.0]))
    kept.genomes *= 2
    return kept.choose(lambda genomes: values, 0)


def gymnasium_environment():
    pytest.importorskip("gymnasium")
    env = Pendulum().to_gymnasium()
    env.reset(seed=0)
    return env


def fitted(data):
    model = Dense(1, 1)
    fit(model, data, losses.mean_squared, optim.SGD(model.parameters(), 0.1), epochs=1)


# Functions that take two numbers, including 0 and 1.
USES = {
    "fitness": lambda v: validate_fitness(v, 2),
    "tell": lambda v: neat.Population(
        neat.Config(genome={"num_inputs": 1, "num_outputs": 1}, population_size=2)
    ).tell(v),
    "a function's fitness": lambda v: evaluators.Supervised(COLUMN, COLUMN, fitness=lambda z, t: v)(GENOMES),
    "inputs": lambda v: evaluators.Supervised(column(v), COLUMN),
    "inputs with empty cells": lambda v: evaluators.Supervised(column(v), COLUMN, missing="mean"),
    "observations": lambda v: evaluators.PerGenome(len).model(GENOMES[0]).act(column(v)),
    "targets": lambda v: evaluators.Supervised(COLUMN, v),
    "labels of a data set": lambda v: evaluators.Supervised(COLUMN, v, fitness="accuracy"),
    "activate": lambda v: networks().activate(column(v)),
    "activate_sequence": lambda v: networks().activate_sequence([column(v)]),
    "a single network": lambda v: evaluators.PerGenome(lambda network: network.activate(list(v)[:1])[0])(
        GENOMES
    ),
    "states": lambda v: evaluators.Rollout(Pendulum(), device="cpu").play(
        Genomes.from_list([{**GENOME, "num_inputs": 3, "nodes": [{"id": 3}], "connections": []}]),
        states=column(v),
    ),
    "a state of gymnasium": lambda v: gymnasium_environment().reset(options={"state": v}),
    "an action of gymnasium": lambda v: gymnasium_environment().step(list(v)[:1]),
    "Tensor": lambda v: Tensor(v),
    "operand": lambda v: Tensor([1.0, 2.0]) + v,
    "targets of a loss": lambda v: losses.mean_squared(Tensor([1.0, 2.0]), v),
    "weights of samples": lambda v: losses.mean_squared(Tensor(COLUMN), COLUMN, v),
    "Standardise": lambda v: Standardise(column(v)),
    "fit": lambda v: fitted((column(v), COLUMN)),
}
# Functions that take integers.
INDEX_USES = {
    "genomes": lambda v: networks().activate(COLUMN, v),
    "reset": lambda v: networks().reset(v),
    "take": lambda v: GENOMES.take(v),
    "labels": lambda v: losses.softmax_cross_entropy(Tensor(np.eye(2)), v),
    "metrics": lambda v: metrics.accuracy(np.eye(2), v),
    "confusion": lambda v: metrics.confusion_matrix([0, 1], v, 2),
}


def masked(dtype):
    """Return 0, and a masked 99."""
    return np.ma.array([0, 99], mask=[False, True], dtype=dtype)


def refused(use, values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns about some cases
        with pytest.raises((ValueError, IndexError)) as error:
            use(values)
    message = str(error.value)
    assert "\n" not in message and ":" in message
    return message


SINGLE = {"a single network", "an action of gymnasium"}  # these take a list of the first element


@pytest.mark.parametrize("name", [*sorted(USES.keys() - SINGLE), *INDEX_USES])
def test_masked_values_are_refused(name):
    use, dtype = (USES[name], float) if name in USES else (INDEX_USES[name], int)
    assert "expected no masked values, got 1 of 2;" in refused(use, masked(dtype))


@pytest.mark.parametrize("name", sorted(SINGLE))
def test_masked_values_in_lists_are_refused(name):
    assert "expected no masked values, got 1 of 1;" in refused(USES[name], masked(float)[::-1])


@pytest.mark.parametrize("name", sorted(USES.keys() - {"states"}))  # "states" would compile a kernel
def test_a_masked_array_without_masked_values_is_an_array(name):
    values = [0.0, 1.0]
    expected, got = USES[name](np.array(values)), USES[name](np.ma.array(values, mask=[False, False]))
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(got, expected)
        assert type(got) is np.ndarray


def test_rows_with_masked_values_are_refused():
    rows = [np.ma.array([0.0], mask=[False]), np.ma.array([99.0], mask=[True])]
    assert "got 1 of 1;" in refused(lambda v: evaluators.Supervised(v, COLUMN), rows)
    assert "got 1 of 1;" in refused(lambda v: validate_fitness(v, 2), [1.0, np.ma.masked])
    assert "got 1 of 1;" in refused(lambda v: candidates(v), [1.0, np.ma.masked])


class NA:
    """Like pandas' NA, neither a number nor None."""

    def __repr__(self):
        return "<NA>"

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


NO_NUMBERS = {
    "None": np.array([1.0, None], object),
    "NA": np.array([1, NA()], object),
    "text among numbers": np.array([1.0, "2.0"], object),
    "text": np.array(["1", "2"]),
    "bytes": np.array([b"1", b"2"]),
    "complex": np.array([1 + 0j, 2]),
    "dates": np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"),
    "durations": np.array([1, 2], "timedelta64[s]"),
    "records": np.zeros(2, [("a", float)]),
}


@pytest.mark.parametrize("values", NO_NUMBERS.values(), ids=NO_NUMBERS)
@pytest.mark.parametrize(
    "name", ["fitness", "a function's fitness", "inputs", "targets", "activate", "Tensor", "fit"]
)
def test_arrays_without_numbers_are_refused(name, values):
    refused(USES[name], values)


def test_fitness_may_be_numbers_of_other_types():
    for values in ([True, False], [1, 2**70], [fractions.Fraction(1, 2), 3], np.array([1, 2], np.float16)):
        np.testing.assert_array_equal(validate_fitness(values, 2), np.array(values, float))
    assert "shape (population_size,)" in refused(lambda v: validate_fitness(v, 2), np.array(3.0))
