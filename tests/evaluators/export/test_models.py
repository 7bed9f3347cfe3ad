"""Exports of models, which take and return the units of the data."""

import re

import numpy as np
import pytest

import evaluators
import neat
from evaluators.environments import CartPole
from evaluators.export import Interface, simplify, to_c, to_latex, to_numpy, to_sympy
from evaluators.models.inputs import Observations
from evaluators.models.model import Model
from experiments.__main__ import main

DRAW = np.random.default_rng(0)
SIZES = DRAW.uniform(10, 60, (80, 2))


def champion_of(evaluator, **genome):
    config = neat.Config.for_task(evaluator, population_size=30, seed=0, genome=genome)
    return evaluator.model(neat.Population(config).run(evaluator, 6).champion)


@pytest.fixture(scope="module")
def regression():
    evaluator = evaluators.Supervised(
        SIZES, SIZES @ [2.0, -5.0] + 300, device="cpu", standardise=True, input_names=["width", "height"]
    )
    return champion_of(evaluator, output_activation="identity")


def compiled(text):
    names = {}
    exec(text, names)
    return names["activate"]


def test_an_exported_model_predicts_as_the_model_does(regression):
    outputs = compiled(to_numpy(regression))(SIZES)
    np.testing.assert_allclose(outputs[:, 0], regression.predict(SIZES), rtol=1e-4)
    assert np.ptp(outputs) > 10, "in the unit of the targets"


def test_an_interface_of_ones_own_replaces_that_of_the_model(regression):
    network = to_numpy(regression, Interface())
    assert network == to_numpy(regression.genome)
    assert "width" in to_c(regression) and "width" not in to_c(regression, Interface())


def test_names_are_those_of_the_data(regression):
    assert [str(symbol) for symbol in to_sympy(regression).inputs] == ["width", "height"]
    labels = np.array(["plum", "pear", "fig"])[np.arange(80) % 3]
    evaluator = evaluators.Supervised(SIZES, labels, fitness="cross_entropy", device="cpu")
    text = to_latex(champion_of(evaluator, output_activation="identity"))
    assert all(re.search(rf"\\mathrm\{{{name}\}}", text) for name in ("plum", "pear", "fig"))


def test_observations_are_scaled_as_in_the_environment():
    rollout = evaluators.Rollout(CartPole(), episodes=1, device="cpu")
    model = champion_of(rollout)
    observations = DRAW.normal(size=(20, 4))
    expected = evaluators.compile(model.genome, "cpu").activate(model.inputs.read("x", observations, 4))[0]
    np.testing.assert_allclose(compiled(to_numpy(model))(observations), expected, rtol=1e-4, atol=1e-6)


def test_a_model_that_clips_is_refused(regression):
    inputs = Observations(offset=(0.0, 0.0), factor=(1.0, 1.0), limit=5.0)
    model = Model(regression.genome, inputs, regression.outputs)
    with pytest.raises(
        ValueError, match=r"^model: clips scaled observations at ±5, which an export does not"
    ):
        to_c(model)
    assert to_c(model, Interface()) == to_c(regression.genome)


def test_the_command_exports_the_model_of_a_run(tmp_path, capsys):
    run = tmp_path / "run"
    options = ["--generations", "2", "--population-size", "10", "--quiet", "--output", str(run)]
    assert main(["regression", *options]) == 0
    model = evaluators.load(run / "model.json")
    capsys.readouterr()
    for flags, expected in (
        ([], to_c(model)),
        (["--no-scales"], to_c(model.genome)),
        (["--simplify"], to_c(simplify(model.genome), Interface.of(model))),
    ):
        assert main(["export", str(run), "--format", "c", *flags]) == 0
        assert capsys.readouterr().out == expected
