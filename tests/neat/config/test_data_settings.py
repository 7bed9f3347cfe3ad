"""Settings that `Config.for_task` chooses for data sets."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

import evaluators
import neat
from neat.activations import ACTIVATIONS, BUILT_IN_ACTIVATIONS
from neat.config import data_settings

LOGITS = (-np.inf, np.inf)


def task(output_range, num_inputs=9):
    return SimpleNamespace(num_inputs=num_inputs, num_outputs=1, output_range=output_range)


def test_nothing_is_chosen_where_the_default_activation_suffices(caplog):
    """Exclusive or keeps its settings, as do environments and user-defined fitness functions."""
    caplog.set_level(logging.INFO, "neat")
    for other in (task((0, 1)), task(None), SimpleNamespace(num_inputs=9, num_outputs=1)):
        sizes = {"num_inputs": 9, "num_outputs": 1}
        assert neat.Config.for_task(other, seed=3) == neat.Config(seed=3, genome=sizes)
    assert not caplog.records


@pytest.mark.parametrize("wanted", [(-0.1, 0.5), (-1e30, 7), LOGITS])
def test_what_is_not_set_is_chosen_logged_and_written(wanted, caplog):
    caplog.set_level(logging.INFO, "neat")
    genome = {"activation": "relu", "weight": {"maximum": 5.0}}
    config = neat.Config.for_task(task(wanted), genome=genome, mutation={"bias": {"power": 0.7}})
    assert (config.genome.activation, config.genome.output_activation) == ("relu", "identity")
    assert (config.genome.weight.spread, config.genome.weight.maximum) == (1 / 3, 5.0)
    assert config.mutation.weight.power < 1 and config.mutation.bias.power == 0.7
    (record,) = caplog.records
    said = record.getMessage()
    assert said.startswith("settings chosen for this data set: genome.output_activation = 'identity', ")
    assert "genome.weight.spread = 0.333" in said and "mutation.weight.power" in said
    assert not any(name in said for name in ("genome.activation", "maximum", "mutation.bias"))
    assert neat.Config.from_toml(config.to_toml()) == config


@pytest.mark.parametrize(
    ("genome", "output"),
    [
        ({}, "identity"),
        ({"activation": "tanh"}, None),
        ({"activation": "relu"}, "identity"),
        ({"activation": "random", "activation_options": ("sin", "tanh")}, None),
        ({"activation": "random", "activation_options": ("sin", "relu")}, "identity"),
        ({"output_activation": "clamped"}, "clamped"),
        ({"activation_options": ("steepened_sigmoid", "sin")}, "identity"),
    ],
)
def test_outputs_become_numbers_only_where_their_activation_cannot_return_the_targets(genome, output):
    assert neat.Config.for_task(task((-1, 1)), genome=genome).genome.output_activation == output


REFUSED = [
    ((-2, 3), {"output_activation": "sigmoid"}, r"'sigmoid', which returns numbers from 0 to 1, but targets go f"),
    (LOGITS, {"output_activation": "tanh"}, r"'tanh', which returns numbers from -1 to 1, but logits can be an"),
    (LOGITS, {"output_activation": "relu"}, r"'relu', which returns numbers of at least 0, but logits can be"),
    ((0, 2), {"output_activation": None, "activation": "sin"}, r"'sin', which returns numbers from -1 to 1, but"),
    ((0, 2), {"output_activation": "steepened_sigmoid"}, r"'steepened_sigmoid', .* but targets go from 0 to 2"),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "genome", "message"), REFUSED)
def test_activations_that_cannot_return_the_targets_are_refused(wanted, genome, message):
    with pytest.raises(
        ValueError, match=f"^genome.output_activation: cannot be {message}.*; use 'identity'$"
    ):
        neat.Config.for_task(task(wanted), genome=genome)


@pytest.mark.parametrize(
    ("genome", "field"),
    [
        ({"activation": ["tanh", "relu"]}, "activation"),
        ({"activation": 3}, "activation"),
        ({"activation": "random", "activation_options": None}, "activation_options"),
        ({"activation": "random", "activation_options": [["tanh"]]}, "activation_options"),
        ({"activation": "random", "activation_options": "tanh"}, "activation_options"),
        ({"activation": "random"}, "activation_options"),
    ],
)
def test_activations_that_are_no_names_are_refused_by_the_config(genome, field):
    with pytest.raises(ValueError, match=rf"^genome\.{field}\b"):
        neat.Config.for_task(task((-1, 1)), genome=genome)


@pytest.mark.parametrize("entry", ACTIVATIONS[:BUILT_IN_ACTIVATIONS], ids=lambda entry: entry.name)
def test_ranges_of_activations(entry):
    """The kernels' functions never leave the range, and come close to its ends."""
    low, high = data_settings._range_of(entry.name)
    x = np.float32([*np.linspace(-20, 20, 2001), *-np.logspace(-30, 12, 50), *np.logspace(-30, 12, 50)])
    y = np.array([entry.function(each) for each in x], np.float64)
    slack = 1e-3 * np.maximum(1, np.abs([low, high]))
    assert low - slack[0] <= y.min() and y.max() <= high + slack[1]
    for end, reached in ((low, y.min()), (high, y.max())):
        assert abs(end) > 80 or abs(reached - end) < 1e-2


def test_a_user_defined_activation_may_return_anything():
    assert data_settings._range_of("mine") == LOGITS


@pytest.mark.parametrize("num_inputs", [2, 50])
def test_chosen_weights_keep_the_first_outputs_near_1(num_inputs):
    x = np.random.default_rng(0).normal(size=(200, num_inputs))
    evaluator = evaluators.Supervised(x, 3 * x[:, 0], device="cpu")
    assert evaluator.output_range == (evaluator.targets.min(), evaluator.targets.max())
    genomes = neat.Population(neat.Config.for_task(evaluator, population_size=300)).ask()
    outputs = evaluators.compile(genomes, "cpu").activate(evaluator.inputs)
    assert 0.8 < outputs.std() < 1.6


def test_ranges_of_data_sets():
    x, labels = np.eye(3), [0, 1, 1]
    found = [
        evaluators.Supervised(x, labels, fitness, device="cpu").output_range
        for fitness in ("cross_entropy", "accuracy", "absolute_error", lambda z, t: np.zeros(len(z)))
    ]
    assert found == [LOGITS, (0, 1), (0, 1), None]
