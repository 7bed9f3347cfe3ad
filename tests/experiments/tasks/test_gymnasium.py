"""The experiment with Gymnasium's environments, from the command line."""

import itertools
import json
import multiprocessing
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

gymnasium = pytest.importorskip("gymnasium")

from experiments.__main__ import main  # noqa: E402
from experiments.tasks import gymnasium as experiment  # noqa: E402
from experiments.tasks.experiment import find_experiment  # noqa: E402

pytestmark = pytest.mark.usefixtures("in_empty_folder")

FEW = ["--generations", "2", "--population-size", "8", "--episodes", "2", "--time-limit", "30", "--quiet"]


@pytest.fixture
def pictures(monkeypatch):
    """Make the environment render without further packages."""

    calls = itertools.count()

    def render(self):
        return np.full((40, 60, 3), 10 * next(calls) % 256, np.uint8)

    from gymnasium.envs.classic_control.cartpole import CartPoleEnv

    monkeypatch.setattr(CartPoleEnv, "render", render)


def test_a_run(pictures, capsys):
    assert main(["gymnasium", *FEW]) == 0
    out, err = capsys.readouterr()
    folder = Path("runs/gymnasium")
    assert err == "" and "reward, unseen starts" in out
    assert "behaviour.svg" in out and "behaviour.gif" in out and str(folder) in out
    result = json.loads((folder / "result.json").read_text())
    assert result["measures"].keys() == {
        "reward, unseen starts",
        "solved, unseen starts",
        "environment steps",
    }
    assert result["measures"]["reward, unseen starts"] <= 30 and not result["solved"]
    ElementTree.parse(folder / "behaviour.svg")
    with Image.open(folder / "behaviour.gif") as image:
        assert 2 <= image.n_frames <= 31 and image.size == (440, 293)
    before = (folder / "behaviour.svg").read_bytes()
    assert main(["gymnasium", "--resume", str(folder)]) == 0
    assert (folder / "behaviour.svg").read_bytes() == before


def test_a_study(pictures):
    assert main(["gymnasium", *FEW, "--runs", "2"]) == 0
    summary = json.loads(Path("runs/gymnasium/summary.json").read_text())
    assert "reward, unseen starts" in summary["settings"]["default, global"]
    assert Path("runs/gymnasium/behaviour.svg").exists() and Path("runs/gymnasium/behaviour.gif").exists()


def test_processes_end_with_the_run(pictures):
    assert main(["gymnasium", *FEW, "--vectorization-mode", "async", "--slots", "2"]) == 0
    assert not multiprocessing.active_children()


def test_an_environment_that_cannot_be_rendered(monkeypatch, capsys):
    from gymnasium.envs.classic_control.cartpole import CartPoleEnv

    def render(self):
        raise gymnasium.error.DependencyNotInstalled("there is no\nscreen")

    monkeypatch.setattr(CartPoleEnv, "render", render)
    assert main(["gymnasium", *FEW]) == 0
    out, err = capsys.readouterr()
    assert "no behaviour.gif: CartPole-v1 was not rendered: there is no screen\n" in out and err == ""
    assert "behaviour.svg" in out and not Path("runs/gymnasium/behaviour.gif").exists()


def test_targets():
    assert find_experiment("gymnasium") is experiment.Gymnasium
    assert experiment.Gymnasium().threshold == 475 and experiment.Gymnasium().has_criterion
    assert experiment.Gymnasium(target=3.0).threshold == 3
    without = experiment.Gymnasium(env="Pendulum-v1")
    assert without.threshold is None and not without.has_criterion and without.solved(None) is None


def test_the_target_of_a_module_that_is_not_imported_yet(tmp_path, monkeypatch):
    register = 'gymnasium.register("Shop-v0", "shop:Shop", reward_threshold=7.0)'
    (tmp_path / "shop_of_a_test.py").write_text(f"import gymnasium\n{register}\n")
    monkeypatch.syspath_prepend(tmp_path)
    task = experiment.Gymnasium(env="shop_of_a_test:Shop-v0")
    assert task.has_criterion and task.threshold == 7
    assert not experiment.Gymnasium(env="no_such_module:Shop-v0").has_criterion


def test_the_target_of_an_environment_without_a_version():
    assert experiment.Gymnasium(env="CartPole").threshold == 475


@pytest.mark.parametrize(
    "rewards", [([9.0] * 10, [9.0] * 100), ([0.0] * 10, [9.0] * 100), ([9.0] * 10, [0, 9.9] * 50)]
)
def test_solved_by_first_looking_at_a_few(rewards):
    first, all_ = rewards

    class Evaluator:
        """Its rewards are those of the test's parameter."""

        last = None
        calls = ()

        def play(self, genome, episodes, trial):
            self.calls += (episodes,)
            return type("Episodes", (), {"reward": np.array([first if episodes == 10 else all_])})

    evaluator = Evaluator()
    solved = experiment.Gymnasium(target=5.0).solved(evaluator)(None)
    assert solved == (first[0] == 9 and all_[0] == 9)
    assert evaluator.calls == ((10, 100) if first[0] == 9 else (10,))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--env Nowhere-v1", "env: Environment `Nowhere` doesn't exist"),
        ("--env LunarLander-v0", "env: Environment version v0 for `LunarLander` is deprecated"),
        ("--target nan", "target: must be finite, got nan"),
        ("--episodes 0", "episodes: expected an integer from 1"),
        ("--slots 0", "slots: expected an integer from 1"),
        ("--time-limit 0", "time_limit: expected an integer from 1"),
        ("--device cuda", "device: "),
        ("--vectorization-mode threads", "invalid choice 'threads'"),
    ],
)
def test_mistakes(line, message, capsys, tmp_path):
    assert main(["gymnasium", *line.split()]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ") and message in err
    assert not list(tmp_path.iterdir())


def test_an_environment_that_cannot_be_made(monkeypatch, capsys, tmp_path):
    def fail(id_, *arguments, **options):
        raise RuntimeError("invalid value for\nenvironment variable MUJOCO_GL")

    monkeypatch.setattr(gymnasium, "make", fail)
    assert main(["gymnasium"]) == 2
    expected = (
        "env: CartPole-v1 cannot be made: RuntimeError: invalid value for environment variable MUJOCO_GL"
    )
    assert capsys.readouterr().err == f"error: {expected}\n" and not list(tmp_path.iterdir())


def test_missing_packages(monkeypatch, capsys, tmp_path):
    make = gymnasium.make

    def refuse(id_, *arguments, **options):
        raise gymnasium.error.DependencyNotInstalled(
            'Box2D is not installed, run `pip install "gymnasium[box2d]"`'
        )

    monkeypatch.setattr(gymnasium, "make", refuse)
    assert main(["gymnasium", "--env", "LunarLander-v3"]) == 2
    _, err = capsys.readouterr()
    assert err == (
        "error: env: LunarLander-v3 needs packages that are not installed: pip install 'batchneat[gym-physics]'\n"
    )
    monkeypatch.setattr(gymnasium, "make", make)
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    assert main(["gymnasium"]) == 2
    assert "pip install 'batchneat[gym]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
