"""The tasks of the experiments, and the statistics of many runs."""

import csv
from pathlib import Path

import numpy as np
import pytest

import evaluators
import neat
from evaluators.gradient import optim
from experiments.__main__ import main
from experiments.cli.flags import Options
from experiments.cli.settings import build_config
from experiments.runs import folder, statistics
from experiments.tasks import csv_file, data, xor
from experiments.tasks.experiment import find_experiment
from experiments.tasks.formula import Formula
from neat.config.config import Config

pytestmark = pytest.mark.usefixtures("in_empty_folder")

# ---------------------------------------------------------------- tasks


def test_xor_fitness():
    targets = xor.TARGETS
    outputs = np.stack([targets, 1 - targets, np.full_like(targets, 0.5), -3 * np.ones_like(targets)])
    assert xor.xor_fitness(outputs, targets).tolist() == [16, 0, 4, 0]


def test_parity_samples():
    inputs, targets, *_ = find_experiment("parity")(bits=3).sets()
    assert inputs.shape == (8, 3) and targets.ravel().tolist() == [0, 1, 1, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("address_bits", [1, 2, 3])
def test_multiplexer_samples(address_bits):
    inputs, targets, *_ = find_experiment("multiplexer")(address_bits=address_bits).sets()
    assert inputs.shape == (2 ** (address_bits + 2**address_bits), address_bits + 2**address_bits)
    for bits, target in zip(inputs.astype(int).tolist(), targets.ravel().tolist(), strict=True):
        address = int("".join(map(str, bits[:address_bits])), 2)
        assert bits[address_bits:][address] == target


def test_regression_ends_at_its_score():
    task = find_experiment("regression")(formula="x", solved_at=0.5)
    evaluator = task.evaluator("cpu")
    config = Config.for_task(evaluator, seed=1, **task.needs)
    result = neat.Population(config).run(evaluator, 50, solved=task.solved(evaluator))
    assert result.solved and task.measures(result.champion, evaluator)["test R²"] >= 0.5
    assert not find_experiment("regression")().has_criterion


def test_formula():
    x, y = np.linspace(-2, 2, 5), np.arange(5.0)
    formula = Formula("-sin(x) * y ** 2 + maximum(x, pi) / 2")
    assert formula.variables == ["x", "y"]
    assert np.allclose(formula({"x": x, "y": y}), -np.sin(x) * y**2 + np.maximum(x, np.pi) / 2)


def test_csv_with_quotes_blank_lines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeff"a, b",kind, c\r\n1,"u ""v""",2\r\n\r\n3,w,-4e2\r\n'.encode())
    read = csv_file.read_csv(path, "kind", classes=True)
    assert read.names == ["a, b", "c"]
    assert read.features.tolist() == [[1, 2], [3, -400]] and read.target.tolist() == ['u "v"', "w"]


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.99])
def test_split(share):
    classes = np.repeat(["a", "b", "c"], [50, 20, 2])
    parts = data.split(72, share, 3, classes)
    assert sorted([*parts.train, *parts.test]) == list(range(72))
    for part in parts:
        assert set(classes[part]) == {"a", "b", "c"}
    assert abs(len(parts.test) - 72 * share) <= 3
    again = data.split(72, share, 3, classes)
    assert (parts.test == again.test).all()


def test_standardised_by_the_training_part():
    values = np.column_stack([np.arange(10.0), np.full(10, 7.0)])
    result = data.standardise(values, np.arange(5), ["a", "b"])
    assert np.allclose(result[:5].mean(axis=0), 0, atol=1e-6) and np.isclose(result[:5, 0].std(), 1)
    assert result.dtype == np.float32 and (result[:, 1] == 0).all()


def test_regression_measures_of_the_formula_itself():
    """y = x needs one connection: the champion's error is 0 where its weight undoes the standardisation."""
    experiment = find_experiment("regression")(formula="2 * x + 1", samples=50)
    connection = {"innovation": 0, "source": 0, "target": 1, "weight": 1.0}
    node = {"id": 1, "activation": "identity"}
    line = neat.Genome.from_dict(
        {"num_inputs": 1, "num_outputs": 1, "nodes": [node], "connections": [connection]}
    )
    measures = experiment.measures(line, None)
    assert measures["test RMSE"] < 1e-5 and measures["test R²"] == pytest.approx(1)
    flat = neat.Genome.from_dict({"num_inputs": 1, "num_outputs": 1, "nodes": [node], "connections": []})
    assert experiment.measures(flat, None)["train R²"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["iris", "spirals"])
def test_classification_measures(name):
    if name == "iris":
        pytest.importorskip("sklearn")
    experiment = find_experiment("classification")(data=name)
    task = experiment.evaluator("cpu")
    config = Config.for_task(task, population_size=50)
    measures = experiment.measures(neat.Population(config).run(task, generations=3).champion, task)
    assert measures.keys() == {"train accuracy", "test accuracy"}
    assert all(0 <= value <= 1 for value in measures.values())


# ---------------------------------------------------------------- statistics


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 12.70620),
        (2, 4.30265),
        (5, 2.57058),
        (10, 2.22814),
        (30, 2.04227),
        (99, 1.98422),
        (10**6, 1.95997),
    ],
)
def test_t_quantiles(freedom, expected):
    assert statistics.t_quantile(0.95, freedom) == pytest.approx(expected, rel=1e-4)


def test_summary():
    result = statistics.summary([1, 2, 3, 4, np.nan])
    assert (result.size, result.mean, result.median, result.least, result.greatest) == (4, 2.5, 2.5, 1, 4)
    assert result.sd == pytest.approx(1.290994)
    assert result.low == pytest.approx(2.5 - 3.18245 * 1.290994 / 2, rel=1e-4)
    assert np.isnan(statistics.summary([1.0]).sd) and np.isnan(statistics.summary([]).mean)


def test_wilson():
    low, high = statistics.wilson(95, 100)
    assert (low, high) == (pytest.approx(0.8882, abs=1e-3), pytest.approx(0.9785, abs=1e-3))
    assert statistics.wilson(0, 10)[0] == 0 and statistics.wilson(10, 10)[1] == 1


def test_names_of_a_settings_files():
    assert folder.setting_suffix("../my file, global", ["../my file, global", "other"]) == "---my-file-global"
    assert folder.setting_suffix("my file, global", ["my file, global"]) == ""


@pytest.mark.parametrize("name", ["regression", "classification", "parity"])
def test_genomes_that_learn(name):
    """With learning, the best fitness is better after the same number of generations."""
    best = []
    for steps in (0, 25):
        output = f"learn{steps}"
        line = f"{name} --generations 6 --population-size 40 --learn-steps {steps} --output {output} --quiet"
        assert main(line.split()) == 0
        with Path(output, "metrics.csv").open(encoding="utf-8") as file:
            best.append(float(list(csv.DictReader(file))[-1]["best"]))
    assert best[1] > best[0]


def test_the_flags_of_learning_are_those_of_supervised():
    """The evaluator that the flags describe gives the same run as one that is made by hand."""
    flags = "--learn-steps 4 --learn-best 0.3 --learn-every 2 --learn-batch 20 --learn-rate 0.02 --no-inherit"
    assert main(f"regression --samples 60 {flags} --generations 4 --output run --quiet".split()) == 0
    sets = find_experiment("regression")(samples=60).sets()
    options = {"learn_steps": 4, "learn_best": 0.3, "learn_every": 2, "learn_batch": 20, "inherit": False}
    by_hand = evaluators.Supervised(
        sets.inputs[sets.train],
        sets.targets[sets.train],
        optimiser=lambda parameters: optim.Adam(parameters, 0.02),
        **options,
    )
    result = neat.Population(Config.load("run/config.toml")).run(by_hand, generations=4)
    assert neat.Genome.load("run/champion.json") == result.champion
    other = evaluators.Supervised(sets.inputs[sets.train], sets.targets[sets.train], **options)
    assert (
        neat.Population(Config.load("run/config.toml")).run(other, generations=4).champion != result.champion
    )


def test_settings_are_chosen_for_files_of_the_user_only(tmp_path):
    """The built-in tasks keep the settings of the published tables, and a preset stays what it is."""
    rows = np.random.default_rng(0).normal(size=(20, 4))
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",", header="a,b,c,d", comments="")
    formula = find_experiment("regression")()
    own = find_experiment("regression")(data=str(tmp_path / "a.csv"), target="d")

    def build(task, settings, **options):
        return build_config(task, task.evaluator("cpu"), Options(**options), settings)

    plain = {"genome": {"num_inputs": 1, "num_outputs": 1, "output_activation": "identity"}}
    assert build(formula, {}) == Config(**plain)
    chosen = build(own, {"mutation": {"weight": {"power": 0.5}}})
    assert chosen.genome.weight.spread == pytest.approx(3**-0.5)
    assert (chosen.genome.activation, chosen.mutation.weight.power) == ("tanh", 0.5)
    genome = {**plain["genome"], "num_inputs": 3}
    assert build(own, {}, preset="stanley2002") == Config.preset("stanley2002", genome=genome)
    for task, options in ((own, {}), (formula, {}), (own, {"preset": "stanley2002"})):
        with pytest.raises(
            ValueError, match=r"^genome.output_activation: cannot be 'sigmoid', which returns"
        ):
            build(task, {"genome": {"output_activation": "sigmoid"}}, **options)
