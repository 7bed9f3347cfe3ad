import contextlib
import csv
import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

import neat
from experiments import data, folder, statistics, study, xor
from experiments.__main__ import main
from experiments.compiling import compile_ahead
from experiments.experiment import NAMES, named
from experiments.flags import Options, flag, parse
from experiments.formula import Formula
from experiments.settings import config_for
from neat.config import Config

ROOT = Path(__file__).parent.parent
FEW = ["--generations", "4", "--population-size", "20"]
WITHOUT_EPISODES = ("xor", "parity", "regression", "classification")
SAME = (
    "metrics.csv",
    "species.csv",
    "lineage.npy",
    "champion.json",
    "champion.svg",
    "fitness.svg",
    "species.svg",
)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@contextlib.contextmanager
def command(*arguments):
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", *arguments],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


# ---------------------------------------------------------------- flags


def test_lists_the_experiments(capsys):
    for arguments in ([], ["--help"]):
        assert main(arguments) == 0
        out = capsys.readouterr().out
        assert all(name in out for name in NAMES)


def leaves(model, prefix=""):
    """Paths of all settings below a config section."""
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from leaves(info.annotation, f"{prefix}{name}.")
        elif name not in ("num_inputs", "num_outputs"):
            yield prefix + name


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_a_flag_and_explained(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for path in leaves(Config):
        assert flag(path) in out
    assert "Split an enabled connection" in out
    for field in dataclasses.fields(named(name)):
        assert flag(field.name) in out


def test_values_of_flags():
    line = parse("xor", named("xor"), [
        "--population-size", "1000", "--innovation=pairing", "--mutation.add-node-rate", "0.05",
        "--genome.weight.spread", "2", "--genome.no-feed-forward", "--genome.hidden-layers", "3", "2",
        "--genome.activation_options", "tanh", "relu", "--genome.output-activation", "None", "--runs", "7",
    ])  # fmt: skip
    assert line.options == {"runs": 7}
    assert line.experiment == {}
    assert line.settings == {
        "population_size": 1000,
        "innovation": "pairing",
        "mutation": {"add_node_rate": 0.05},
        "genome": {
            "weight": {"spread": 2.0},
            "feed_forward": False,
            "hidden_layers": (3, 2),
            "activation_options": ("tanh", "relu"),
            "output_activation": None,
        },
    }


def test_precedence(tmp_path, monkeypatch):
    """The experiment's own settings, a preset, a file, flags: each overrides those before it."""
    preset = {"seed": 1, "population_size": 30, "mutation": {"enable_rate": 0.1, "disable_rate": 0.1}}
    monkeypatch.setattr(Config, "preset_settings", lambda name: preset)
    (tmp_path / "file.toml").write_text(
        "population_size = 40\n[mutation]\nenable_rate = 0.2\nadd_node_rate = 0.2"
    )
    experiment = named("parity")()
    task = experiment.evaluator("cpu")
    own = config_for(experiment, task, Options(), {})
    assert (own.population_size, own.genome.output_activation, own.genome.num_inputs) == (300, "sigmoid", 3)
    assert config_for(experiment, task, Options(preset="p"), {}).population_size == 30
    options = Options(preset="p", config=tmp_path / "file.toml")
    config = config_for(experiment, task, options, {"mutation": {"add_node_rate": 0.3}})
    assert (config.seed, config.population_size, config.genome.output_activation) == (1, 40, None)
    mutation = config.mutation
    assert (mutation.disable_rate, mutation.enable_rate, mutation.add_node_rate) == (0.1, 0.2, 0.3)
    assert config_for(experiment, task, options, {"population_size": 300}).population_size == 300


def test_a_runs_config_file_makes_the_same_run():
    assert main(["xor", *FEW, "--seed", "5", "--quiet", "--genome.activation", "sigmoid"]) == 0
    assert main(["xor", "--generations", "4", "--config", "runs/xor/config.toml", "--quiet"]) == 0
    assert Path("runs/xor/metrics.csv").read_bytes() == Path("runs/xor-2/metrics.csv").read_bytes()


# ---------------------------------------------------------------- one run


@pytest.mark.parametrize("name", NAMES)
def test_a_run(name, capsys):
    assert main([name, *FEW]) == 0
    out, err = capsys.readouterr()
    assert "runs/" in out and err == ""
    where = Path("runs") / name
    files = {path.name for path in where.iterdir()}
    shown = set() if name in WITHOUT_EPISODES else {"behaviour.svg", "behaviour.gif"}
    assert files - shown == {*SAME, "config.toml", "run.json", "timings.csv", "checkpoint.npz", "result.json"}
    assert shown <= files or name == "gymnasium"
    neat.Genome.from_dict(json.loads((where / "champion.json").read_text()))
    description = json.loads((where / "run.json").read_text())
    assert description["experiment"] == name
    assert f"-m experiments {name} --generations 4" in description["starts"][0]["command"]
    assert {"python", "numpy", "numba", "batchneat"} <= description["starts"][0]["versions"].keys()
    result = json.loads((where / "result.json").read_text())
    assert result["evaluations"] == 20 * result["generations"]
    assert Config.load(where / "config.toml").population_size == 20


def test_names_of_folders():
    for expected in ("xor", "xor-2", "xor-3"):
        assert folder.create("xor", None, False) == Path("runs") / expected
    assert folder.create("xor", Path("a/b"), False) == Path("a/b")
    Path("a/b/file").write_text("mine")
    with pytest.raises(ValueError, match="a/b is not empty"):
        folder.create("xor", Path("a/b"), False)
    for name in ("checkpoint.npz", "champion-global.svg", "config.toml"):
        Path("a/b", name).write_text("old")
    folder.create("xor", Path("a/b"), True)
    assert {path.name for path in Path("a/b").iterdir()} == {"file"}


def test_quiet(capsys):
    assert main(["xor", *FEW, "--quiet"]) == 0
    assert "species" not in capsys.readouterr().out.replace("species.svg", "")


def test_compiling_ahead(monkeypatch, capfd):
    config = neat.Config.for_task(xor.Xor().evaluator("cpu"), population_size=5)
    neat.Population(config).tell(np.zeros(5))
    compile_ahead(xor.Xor(), config, "cpu", quiet=False)  # nothing is left to do
    assert capfd.readouterr().out == ""
    monkeypatch.setattr("neat.jit.is_built", lambda kernel: False)
    monkeypatch.setattr("neat.parallel.get_threads", lambda: 2)
    compile_ahead(xor.Xor(), config, "cpu", quiet=False)
    out, err = capfd.readouterr()
    assert "first start" in out and err == ""
    compile_ahead(xor.Xor(), config, "cpu", quiet=True)
    assert capfd.readouterr() == ("", "")


def test_no_lineage():
    assert main(["xor", *FEW, "--quiet", "--no-lineage"]) == 0
    assert not Path("runs/xor/lineage.npy").exists()


def test_tensorboard():
    pytest.importorskip("tensorboardX")
    assert main(["xor", *FEW, "--quiet", "--tensorboard"]) == 0
    assert any(Path("runs/xor/tensorboard").iterdir())


def test_tensorboard_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert main(["xor", *FEW, "--tensorboard"]) == 2
    assert "pip install 'batchneat[tensorboard]'" in capsys.readouterr().err


def test_scikit_learn_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["classification", "--data", "iris"]) == 2
    assert "pip install 'batchneat[datasets]'" in capsys.readouterr().err


# ---------------------------------------------------------------- resuming


class Stop:
    """An evaluator that is interrupted from the keyboard in some generation."""

    def __init__(self, evaluator, generation):
        self.evaluator, self.generation = evaluator, generation
        self.num_inputs, self.num_outputs = evaluator.num_inputs, evaluator.num_outputs

    def __call__(self, genomes):
        if genomes.generation == self.generation:
            raise KeyboardInterrupt
        return self.evaluator(genomes)


@pytest.mark.parametrize("stop", [0, 3, 4, 5, 11])
def test_resumed_after_an_interruption(stop, monkeypatch, capsys):
    line = [
        "parity",
        "--bits",
        "2",
        "--generations",
        "12",
        "--population-size",
        "20",
        "--checkpoint-every",
        "4",
    ]
    assert main([*line, "--output", "whole"]) == 0
    original = named("parity").evaluator
    with monkeypatch.context() as patch:
        patch.setattr(named("parity"), "evaluator", lambda self, device: Stop(original(self, device), stop))
        assert main([*line, "--output", "parts"]) == 130
    err = capsys.readouterr().err
    assert "python -m experiments parity --resume parts" in err
    assert ("parts/checkpoint.npz" in err) == (stop >= 4)
    assert main(["parity", "--resume", "parts"]) == 0
    for name in SAME:
        assert Path("whole", name).read_bytes() == Path("parts", name).read_bytes(), name
    description = json.loads(Path("parts/run.json").read_text())
    assert len(description["starts"]) == 2 and description["arguments"] == {"bits": 2, "learn_steps": 0}


def test_more_generations():
    line = ["regression", "--range", "0", "1", "--population-size", "20"]
    assert main([*line, "--generations", "7", "--output", "whole"]) == 0
    assert main([*line, "--generations", "4", "--output", "parts"]) == 0
    assert main(["regression", "--resume", "parts", "--generations", "7"]) == 0
    for name in SAME:
        assert Path("whole", name).read_bytes() == Path("parts", name).read_bytes(), name


def test_an_ended_run_without_its_checkpoint_is_left_alone(capsys):
    assert main(["parity", "--bits", "2", "--generations", "3", "--output", "run", "--quiet"]) == 0
    (Path("run") / folder.CHECKPOINT).unlink()
    metrics = Path("run/metrics.csv").read_bytes()
    assert main(["parity", "--resume", "run", "--generations", "5"]) == 2
    assert "run holds a run that has ended, but its checkpoint.npz is gone" in capsys.readouterr().err
    assert Path("run/metrics.csv").read_bytes() == metrics


def test_resuming_contradictions(capsys):
    assert main(["parity", *FEW, "--bits", "2", "--output", "run"]) == 0
    assert main(["parity", "--resume", "run", "--population-size", "20", "--bits", "2"]) == 0
    assert main(["parity", "--runs", "2", *FEW, "--output", "many"]) == 0
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    capsys.readouterr()
    for line, message in (
        ("parity --resume run --population-size 30", "population_size: the run has 20"),
        ("parity --resume run --mutation.weight.power 3", "mutation.weight.power: the run has "),
        ("parity --resume run --bits 3", "bits: the run has 2"),
        ("parity --resume run --generations 3", "generations: the run has 4 already, got 3"),
        ("xor --resume run", "resume: run holds an experiment parity, got xor"),
        ("parity --resume many", "resume: many holds a study of many runs"),
    ):
        assert main(line.split()) == 2
        assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before


@pytest.mark.parametrize("damage", ["run.json", "checkpoint.npz", "config.toml"])
def test_damaged_folders(damage, capsys):
    assert main(["xor", *FEW, "--output", "run", "--quiet"]) == 0
    if damage == "config.toml":
        Path("run/checkpoint.npz").unlink()
        Path("run/result.json").unlink()
    path = Path("run") / damage
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    capsys.readouterr()
    assert main(["xor", "--resume", "run"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and damage in err and err.count("\n") == 1


def test_control_c_in_a_process():
    endless = ("parity", "--bits", "8", "--generations", "1000000", "--checkpoint-every", "1")
    with command(*endless) as process:
        deadline = time.monotonic() + 200
        while not Path("runs/parity/checkpoint.npz").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "runs/parity/checkpoint.npz" in err and "--resume runs/parity" in err and "Traceback" not in err


# ---------------------------------------------------------------- many runs


def test_a_study(capsys):
    assert main(["regression", "--runs", "3", *FEW, "--seed", "7"]) == 0
    out = capsys.readouterr().out
    assert "test R²" in out and "95 % interval" in out
    where = Path("runs/regression")
    with (where / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["7", "8", "9"]
    table = json.loads((where / "summary.json").read_text())["settings"]["default, global"]
    values = [float(row["test RMSE"]) for row in rows]
    assert table["test RMSE"]["mean"] == pytest.approx(np.mean(values))
    assert table["test RMSE"]["sd"] == pytest.approx(np.std(values, ddof=1))
    assert (where / "runs.svg").exists() and (where / "champion.svg").exists()
    assert main(["regression", "--output", "one", *FEW, "--seed", "8", "--quiet"]) == 0
    assert float(rows[1]["fitness"]) == json.loads(Path("one/result.json").read_text())["champion_fitness"]


def test_workers_change_nothing():
    line = ["xor", "--runs", "3", *FEW, "--quiet"]
    assert main([*line, "--output", "one"]) == 0
    assert main([*line, "--output", "two", "--workers", "2"]) == 0
    for name in ("summary.csv", "summary.json", "runs.svg", "champion.json"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_schemes_and_the_plain_default(capsys):
    assert main(["xor", "--runs", "2", "--schemes", "--preset", "stanley2002", *FEW]) == 0
    out = capsys.readouterr().out
    labels = ["stanley2002, global", "stanley2002, generation", "stanley2002, pairing", "default, global"]
    assert all(label in out for label in [*labels, "NEAT, 2002", "4,755", "2,553", "13,459", "7,753"])
    assert list(json.loads(Path("runs/xor/summary.json").read_text())["settings"]) == labels
    assert Path("runs/xor/runs-stanley2002-pairing.svg").exists()
    assert Config.load("runs/xor/config-default-global.toml").innovation == "global"


# ---------------------------------------------------------------- tasks


def test_xor_fitness():
    targets = xor.TARGETS
    outputs = np.stack([targets, 1 - targets, np.full_like(targets, 0.5), -3 * np.ones_like(targets)])
    assert xor.xor_fitness(outputs, targets).tolist() == [16, 0, 4, 0]


def test_parity_samples():
    inputs, targets, *_ = named("parity")(bits=3).sets()
    assert inputs.shape == (8, 3) and targets.ravel().tolist() == [0, 1, 1, 0, 1, 0, 0, 1]


def test_formula():
    x, y = np.linspace(-2, 2, 5), np.arange(5.0)
    formula = Formula("-sin(x) * y ** 2 + maximum(x, pi) / 2")
    assert formula.variables == ["x", "y"]
    assert np.allclose(formula({"x": x, "y": y}), -np.sin(x) * y**2 + np.maximum(x, np.pi) / 2)


def test_csv_with_quotes_blank_lines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeff"a, b",kind, c\r\n1,"u ""v""",2\r\n\r\n3,w,-4e2\r\n'.encode())
    read = data.read_csv(path, "kind", "label", classes=True)
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
    result = data.standardised(values, np.arange(5))
    assert np.allclose(result[:5].mean(axis=0), 0, atol=1e-6) and np.isclose(result[:5, 0].std(), 1)
    assert result.dtype == np.float32 and (result[:, 1] == 0).all()


def test_regression_measures_of_the_formula_itself():
    """y = x needs one connection: the champion's error is 0 where its weight undoes the standardisation."""
    experiment = named("regression")(formula="2 * x + 1", samples=50)
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
    experiment = named("classification")(data=name)
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


def test_slugs_are_file_names():
    assert study.Setting("my file, global", None).slug == "my-file-global"


@pytest.mark.parametrize("name", ["regression", "classification", "parity"])
def test_genomes_that_learn(name):
    """The population as a whole is better after as many generations."""
    mean = []
    for steps in (0, 25):
        output = f"learn{steps}"
        line = f"{name} --generations 6 --population-size 40 --learn-steps {steps} --output {output} --quiet"
        assert main(line.split()) == 0
        with Path(output, "metrics.csv").open(encoding="utf-8") as file:
            mean.append(float(list(csv.DictReader(file))[-1]["mean"]))
    assert mean[1] > mean[0]
