import contextlib
import csv
import dataclasses
import json
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

import neat
from experiments.__main__ import main
from experiments.cli.first_start import compile_ahead
from experiments.cli.flags import Options, flag, parse
from experiments.cli.settings import build_config
from experiments.runs import folder
from experiments.runs.repeated import SCHEMES
from experiments.tasks import xor
from experiments.tasks.experiment import NAMES, find_experiment
from neat.config.config import Config
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("in_empty_folder")

FEW = ["--generations", "4", "--population-size", "20"]
WITHOUT_EPISODES = ("xor", "parity", "multiplexer", "regression", "classification")
SAME = (
    "metrics.csv",
    "species.csv",
    "lineage.npy",
    "champions.csv",
    "champions.npz",
    "innovations.csv",
    "phylogeny.csv",
    "species_origins.csv",
    "champion.json",
    "champion.svg",
    "model.json",
    "fitness.svg",
    "species.svg",
)


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
    """Yield the paths of all settings below a config section."""
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from leaves(info.annotation, f"{prefix}{name}.")
        elif name not in ("num_inputs", "num_outputs"):
            yield prefix + name


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_a_flag_and_explained(name, capsys):
    assert main([name, "--help-all"]) == 0
    out = capsys.readouterr().out
    for path in leaves(Config):
        assert flag(path) in out
    assert "Split an enabled connection" in out
    for field in dataclasses.fields(find_experiment(name)):
        assert flag(field.name) in out


def test_values_of_flags():
    line = parse("xor", find_experiment("xor"), [
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
    """The experiment's settings, a preset, a file, flags: each overrides the ones before it."""
    preset = {"seed": 1, "population_size": 30, "mutation": {"enable_rate": 0.1, "disable_rate": 0.1}}
    monkeypatch.setattr(Config, "preset_settings", lambda name: preset)
    (tmp_path / "file.toml").write_text(
        "population_size = 40\n[mutation]\nenable_rate = 0.2\nadd_node_rate = 0.2"
    )
    experiment = find_experiment("parity")()
    task = experiment.evaluator("cpu")
    own = build_config(experiment, task, Options(), {})
    assert (own.population_size, own.genome.output_activation, own.genome.num_inputs) == (300, "sigmoid", 3)
    assert build_config(experiment, task, Options(preset="p"), {}).population_size == 30
    options = Options(preset="p", config=tmp_path / "file.toml")
    config = build_config(experiment, task, options, {"mutation": {"add_node_rate": 0.3}})
    assert (config.seed, config.population_size, config.genome.output_activation) == (1, 40, None)
    mutation = config.mutation
    assert (mutation.disable_rate, mutation.enable_rate, mutation.add_node_rate) == (0.1, 0.2, 0.3)
    assert build_config(experiment, task, options, {"population_size": 300}).population_size == 300


def test_a_runs_config_file_makes_the_same_run():
    assert main(["xor", *FEW, "--seed", "5", "--quiet", "--genome.activation", "sigmoid"]) == 0
    assert main(["xor", "--generations", "4", "--config", "runs/xor/config.toml", "--quiet"]) == 0
    assert Path("runs/xor/metrics.csv").read_bytes() == Path("runs/xor-2/metrics.csv").read_bytes()


# ---------------------------------------------------------------- one run


@pytest.mark.parametrize("name", [name for name in NAMES if name != "environment"])  # which needs a file
def test_a_run(name, capsys):
    episodes = ["--episodes", "1"] if name == "gymnasium" else []
    assert main([name, *FEW, *episodes]) == 0
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
        with folder.create("xor", None, False, set()) as created:
            assert created == Path("runs") / expected
    with folder.create("xor", Path("a/b"), False, set()) as created:
        assert created == Path("a/b")
        (created / "file").write_text("mine")
    with (
        pytest.raises(ValueError, match="a/b is not empty"),
        folder.create("xor", Path("a/b"), False, set()),
    ):
        pass


@pytest.mark.smoke
def test_quiet(capsys):
    assert main(["xor", *FEW, "--quiet"]) == 0
    assert "species" not in capsys.readouterr().out.replace("species.svg", "")


def test_compiling_ahead(monkeypatch, capfd):
    config = neat.Config.for_task(xor.Xor().evaluator("cpu"), population_size=5)
    neat.Population(config).tell(np.zeros(5))
    compile_ahead(xor.Xor(), config, "cpu", quiet=False)  # everything is compiled already
    assert capfd.readouterr().out == ""
    monkeypatch.setattr("neat.kernels.jit.is_built", lambda kernel: False)
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
    assert "pip install 'batchneat[sklearn]'" in capsys.readouterr().err


# ---------------------------------------------------------------- resuming


class Stop:
    """An evaluator that a keyboard interrupt ends in a given generation."""

    def __init__(self, evaluator, generation):
        self.evaluator, self.generation = evaluator, generation
        self.num_inputs, self.num_outputs = evaluator.num_inputs, evaluator.num_outputs

    def __call__(self, genomes):
        if genomes.generation == self.generation:
            raise KeyboardInterrupt
        return self.evaluator(genomes)


@pytest.mark.parametrize("stop", [0, 3, 4, 11])
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
    original = find_experiment("parity").evaluator
    with monkeypatch.context() as patch:
        patch.setattr(
            find_experiment("parity"), "evaluator", lambda self, device: Stop(original(self, device), stop)
        )
        assert main([*line, "--output", "parts"]) == 130
    err = capsys.readouterr().err
    assert "python -m experiments parity --resume parts" in err
    assert ("parts/checkpoint.npz" in err) == (stop >= 4)
    assert main(["parity", "--resume", "parts"]) == 0
    for name in SAME:
        assert Path("whole", name).read_bytes() == Path("parts", name).read_bytes(), name
    description = json.loads(Path("parts/run.json").read_text())
    assert len(description["starts"]) == 2
    assert description["arguments"] == dataclasses.asdict(find_experiment("parity")(bits=2))


def test_more_generations():
    line = ["regression", "--range", "0", "1", "--population-size", "20"]
    assert main([*line, "--generations", "7", "--output", "whole"]) == 0
    assert main([*line, "--generations", "4", "--output", "parts"]) == 0
    assert main(["regression", "--resume", "parts", "--generations", "7"]) == 0
    for name in SAME:
        assert Path("whole", name).read_bytes() == Path("parts", name).read_bytes(), name


def test_resuming_a_finished_run_says_that_there_is_nothing_to_do(monkeypatch, capsys):
    # Outside pytest, no handler of the root logger receives the message.
    monkeypatch.setattr(logging.getLogger("neat"), "propagate", False)
    assert main(["parity", *FEW, "--bits", "2", "--output", "run"]) == 0
    before = {name: Path("run", name).read_bytes() for name in (*SAME, folder.CHECKPOINT)}
    assert "nothing to run" not in capsys.readouterr().err
    assert main(["parity", "--resume", "run"]) == 0
    assert "nothing to run: 4 generations are done, 4 were asked for" in capsys.readouterr().err
    assert {name: Path("run", name).read_bytes() for name in before} == before


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
    for name in ("summary.csv", "summary.json", "runs.svg", "champion.json", "model.json"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_schemes_and_the_plain_default(capsys):
    assert main(["xor", "--runs", "2", "--schemes", "--preset", "stanley2002", *FEW]) == 0
    out = capsys.readouterr().out
    labels = [*(f"stanley2002, {scheme}" for scheme in SCHEMES), "default, global"]
    assert all(label in out for label in [*labels, "NEAT, 2002", "4,755", "2,553", "13,459", "7,753"])
    assert list(json.loads(Path("runs/xor/summary.json").read_text())["settings"]) == labels
    assert Path("runs/xor/runs-stanley2002-pairing.svg").exists()
    assert Config.load("runs/xor/config-default-global.toml").innovation == "global"
