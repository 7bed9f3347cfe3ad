"""The experiment with a user's own environment, and the command that films episodes."""

import contextlib
import json
import shutil
import sys
from pathlib import Path

import pytest

import evaluators
from experiments.__main__ import main
from experiments.cli.flags import Options
from experiments.runs import repeated
from experiments.tasks.environment import Environment, load, split
from neat import Config
from tests.support.paths import ROOT
from tests.support.pictures import frames
from tests.support.processes import refused

FEW = ["--generations", "2", "--population-size", "20", "--episodes", "2", "--quiet"]
RUN = ["environment", "--env", "walk.py:Walk", *FEW]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    """A folder with a copy of the walk that has a `draw`, and nothing left of the modules that tests load."""
    monkeypatch.chdir(tmp_path)
    before, folders = set(sys.modules), list(sys.path)
    walk = (ROOT / "tests" / "support" / "random_walks.py").read_text().split("@dataclass")[1]
    header = (ROOT / "tests" / "support" / "random_walks.py").read_text().split("@dataclass")[0]
    draw = (
        "    def draw(self, state, action):\n"
        "        return [shapes.View(-2, -1, 2, 1), shapes.Circle(state[0], 0, 0.2)]\n"
    )
    Path("walk.py").write_text(
        f"{header}from evaluators.environments import shapes\n\n\n@dataclass{walk}\n{draw}"
    )
    yield
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]
    sys.path[:] = folders


def test_a_run_is_played_filmed_and_resumed(capsys, tmp_path, monkeypatch):
    assert main(RUN) == 0
    out, err = capsys.readouterr()
    assert err == "" and "behaviour.gif" in out and "reward, unseen starts" in out
    folder = Path("runs/environment")
    description = json.loads((folder / "run.json").read_text())
    assert description["arguments"]["env"] == f"{tmp_path / 'walk.py'}:Walk"
    assert description["files"]["env"]["path"] == str(tmp_path / "walk.py")
    assert json.loads((folder / "result.json").read_text())["validated"]
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert main(["play", "../runs/environment", "--episodes", "3"]) == 0
    assert "on average of 3 episodes" in capsys.readouterr().out
    assert main(["record", "../runs/environment", "walk.gif", "--width", "120", "--seconds", "1"]) == 0
    assert capsys.readouterr().out == "film: walk.gif\n"
    assert frames("walk.gif")[1] == (120, 60)
    monkeypatch.chdir(tmp_path)
    assert main([*RUN[:3], "--resume", str(folder), "--generations", "3", "--quiet"]) == 0
    source = Path("walk.py").read_text()
    Path("walk.py").write_text(source + "# changed\n")
    assert main(["environment", "--resume", str(folder), "--generations", "4"]) == 2
    assert "walk.py has changed since the run began" in capsys.readouterr().err


def test_a_cluster_gets_the_absolute_path_of_a_relative_one(monkeypatch):
    given = []
    monkeypatch.setattr(repeated, "_run_all", lambda run_one, *_: given.append(run_one) or [])
    experiment = Environment(env="walk.py:Walk")
    options = Options(runs=2, cluster="auto", generations=1)
    setting = repeated.Setting("default", Config(genome={"num_inputs": 1, "num_outputs": 1}))
    progress = contextlib.nullcontext()
    progress.begin = lambda label: None
    assert not list(repeated._runs(experiment, setting, options, None, progress))
    assert given[0].args[0].env == f"{Path('walk.py').absolute()}:Walk"


@pytest.mark.parametrize("target", ["nan", "inf"])
def test_a_target_that_is_not_finite(target, capsys):
    refused([*RUN, "--target", target], capsys, f"target: must be finite, got {target}")


@pytest.mark.parametrize("env", ["walk.py:Walk", "walk.py"])
def test_the_paths_of_a_plan_are_relative_to_its_folder(env, tmp_path):
    assert Environment(env=env).with_absolute_paths(Path("plans")).env == f"{tmp_path}/plans/{env}"


def test_an_environment_in_place_of_the_runs(capsys):
    """A model that Python saved has no run."""
    walk = load("walk.py")
    genome = {"num_inputs": 1, "num_outputs": 3, "nodes": [{"id": k} for k in (1, 2, 3)], "connections": []}
    import neat

    evaluators.Rollout(walk, device="cpu").model(neat.Genome.from_dict(genome)).save("model.json")
    assert main(["record", "model.json", "a.gif"]) == 2
    assert "run.json" in capsys.readouterr().err
    assert main(["record", "model.json", "a.gif", "--env", "walk.py"]) == 0
    assert main(["play", "model.json", "--env", "walk.py:Walk", "--episodes", "2"]) == 0
    assert frames("a.gif")[0] > 1


def test_an_environment_without_draw(capsys):
    source = Path("walk.py").read_text()
    # Under the same name it has the same kernel, which is not compiled again.
    Path("walk.py").write_text(source[: source.index("    def draw")])
    assert main(["environment", "--env", "walk.py", *FEW]) == 0
    out, _ = capsys.readouterr()
    assert "no behaviour.gif: Walk: cannot be drawn: write draw(self, state, action), which returns" in out
    assert not Path("runs/environment/behaviour.gif").exists()
    assert main(["record", "runs/environment", "a.gif"]) == 2
    _, err = capsys.readouterr()
    assert err.startswith("error: Walk: cannot be drawn") and err.count("\n") == 1


def test_split():
    assert split("a/b.py:C") == (Path("a/b.py"), "C") and split("b.py") == (Path("b.py"), "")
    assert split("C:\\b.py") == (Path("C:\\b.py"), "")


def test_a_file_can_import_its_neighbours():
    Path("two.py").write_text("from walk import Walk\n\n\nclass Other(Walk):\n    pass\n")
    assert type(load("two.py")).__name__ == "Other"
    assert load("two.py") == load(str(Path("two.py").absolute()))


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("", "env: expected a Python file and a class, such as my_game.py:Flappy, got ''"),
        (
            "CartPole-v1",
            "env: expected a Python file and a class, such as my_game.py:Flappy, got 'CartPole-v1'",
        ),
        ("nowhere.py:Walk", "nowhere.py: "),
        ("walk.py:Wal", "env: walk.py has no environment Wal, only Walk; did you mean Walk?"),
        ("empty.py", "env: empty.py has no class that is an evaluators.environments.Environment"),
        ("broken.py:A", "env: broken.py cannot be loaded: ZeroDivisionError: division by zero"),
        ("json.py:A", "env: json.py: a module named json is loaded already; give the file another name"),
        ("both.py", "env: both.py has several classes; write both.py: and one of A, B"),
        ("lost.py", "env: Lost() cannot be made: TypeError: "),
    ],
)
def test_mistakes(env, message, capsys, tmp_path):
    start = "from walk import Walk\n"
    Path("empty.py").write_text(start)
    Path("broken.py").write_text("1 / 0\n")
    Path("json.py").write_text("")
    Path("both.py").write_text(start + "class A(Walk):\n    pass\nclass B(Walk):\n    pass\n")
    Path("lost.py").write_text(start + "class Lost(Walk):\n    def __init__(self, size):\n        pass\n")
    assert main(["environment", "--env", env]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"error: {message}") and err.count("\n") == 1
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["record"], "record: expected a run and a GIF first, such as record runs/cartpole cartpole.gif"),
        (["record", "runs/x"], "record: expected a run and a GIF first"),
        (["play"], "play: expected the folder of a run first, such as play runs/cartpole"),
    ],
)
def test_missing_words(words, message, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_a_run_that_predicts_cannot_be_filmed(capsys):
    assert main(["xor", "--generations", "1", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["record", "runs/xor", "a.gif"]) == 2
    assert "holds a model that predicts; use predict" in capsys.readouterr().err
    shutil.rmtree("runs")
