"""Curves of episodes, and the pictures of a run's folder."""

import csv
import dataclasses
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluators import environments
from evaluators.environments import Discrete
from evaluators.episodes.episodic_evaluator import Trace
from evaluators.pictures.film import Span
from experiments.__main__ import main
from experiments.pictures import episode_curves
from experiments.runs.repeated import SCHEMES
from tests.support.episodes import SHIPPED, random_episode
from tests.support.random_walks import Drift, Walk
from tests.support.scripts import run_python

FILES = ["behaviour.svg", "behaviour.gif"]
SVG = "{http://www.w3.org/2000/svg}"
DISCRETE = [cls for cls in SHIPPED if isinstance(cls().actions, Discrete)]


@pytest.fixture(scope="module")
def played():
    pytest.importorskip("gymnasium")
    return {cls: random_episode(cls()) for cls in SHIPPED}


def texts(path):
    """Return the texts of an SVG."""
    return [node.text.strip() for node in ElementTree.parse(path).iter(f"{SVG}text") if node.text]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cls", SHIPPED, ids=lambda cls: cls.__name__)
def test_curves(cls, played, tmp_path):
    environment, file = cls(), tmp_path / "curves.svg"
    episode_curves.draw(environment, played[cls], file)
    said = texts(file)
    for name in [*environment.state_names[:6], *environment.action_names, "sum of rewards", "time limit"]:
        assert name in said
    assert not [text for text in said if text.startswith("wobbling")]


@pytest.mark.parametrize("cls", DISCRETE, ids=lambda cls: cls.__name__)
def test_each_choice_has_a_name(cls):
    assert len(cls().actions.names) == cls().actions.count and len(cls.action_names) == 1


def test_settings_of_the_caller_neither_matter_nor_change(played, tmp_path):
    import matplotlib

    environment, trace, file = environments.CartPole(), played[environments.CartPole], tmp_path / "curves.svg"
    episode_curves.draw(environment, trace, file)
    before = file.read_bytes()
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}):
        settings = dict(matplotlib.rcParams)
        episode_curves.draw(environment, trace, file)
        assert dict(matplotlib.rcParams) == settings
    assert before == file.read_bytes()


def test_no_pyplot(tmp_path):
    """A new process imports nothing that needs a display."""
    script = f"""
import sys, numpy as np
from pathlib import Path
from evaluators.environments import CartPole
from evaluators.episodes.episodic_evaluator import Trace
from evaluators.pictures.episode import film_episode
from evaluators.pictures.film import Film
from experiments.pictures import episode_curves
trace = Trace(np.zeros((4, 4)), np.zeros((3, 1)), np.ones(3), True)
episode_curves.draw(CartPole(), trace, Path({str(tmp_path)!r}, "curves.svg"))
film_episode(CartPole(), trace, Film(Path({str(tmp_path)!r}, "film.gif")))
assert "matplotlib.pyplot" not in sys.modules and "gymnasium" not in sys.modules
"""
    run_python("-c", script)
    with Image.open(tmp_path / "film.gif") as image:
        assert image.n_frames == 4


@pytest.mark.parametrize("cls", [Walk, Drift])
def test_actions_of_a_user_defined_environment(cls, tmp_path):
    pytest.importorskip("gymnasium")
    episode_curves.draw(cls(), random_episode(cls(), 20), tmp_path / "curves.svg")
    said = texts(tmp_path / "curves.svg")
    assert ("action" in said) == (cls is Walk) and ("action 1" in said) == (cls is Drift)


def test_another_number_of_actions_has_no_names(tmp_path):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Three(environments.CartPole):
        """It has a third action."""

        actions = Discrete(3)

    trace = Trace(np.zeros((3, 4)), np.array([[2.0], [0.0]]), np.ones(2), False)
    episode_curves.draw(Three(), trace, tmp_path / "curves.svg")
    assert "right" not in texts(tmp_path / "curves.svg")


@pytest.mark.parametrize("terminated", [True, False])
def test_curves_of_a_long_episode(terminated, tmp_path):
    generator = np.random.default_rng(0)
    steps, file = 100_000, tmp_path / "curves.svg"
    state = np.cumsum(generator.normal(0, 0.001, (steps + 1, 6)), axis=0)
    trace = Trace(state, generator.uniform(-10, 10, (steps, 1)), np.ones(steps), terminated)
    episode_curves.draw(environments.DoublePole(), trace, file)
    assert file.stat().st_size < 500_000
    said = texts(file)
    assert f"the {'last' if terminated else 'first'} 1,000 of 100,000 steps" in said
    assert ("terminated" in said) == terminated and "time limit" not in said


@pytest.mark.filterwarnings("error")
def test_one_step_and_constant_values(tmp_path):
    for cls in SHIPPED:
        environment = cls()
        state = np.zeros((2, len(environment.state_names)))
        trace = Trace(state, np.zeros((1, 1)), np.zeros(1), True)
        episode_curves.draw(environment, trace, tmp_path / "curves.svg")


@pytest.mark.parametrize(
    ("steps", "terminated", "part", "words"),
    [
        (1, True, (0, 1), "1 step"),
        (1000, False, (0, 1000), "1,000 steps"),
        (1001, False, (0, 1000), "the first 1,000 of 1,001 steps"),
        (100_000, False, (0, 1000), "the first 1,000 of 100,000 steps"),
        (57_123, True, (56_123, 57_123), "the last 1,000 of 57,123 steps"),
    ],
)
def test_span(steps, terminated, part, words):
    span = Span.of(steps, terminated)
    assert (span.start, span.stop) == part
    assert str(span) == words


def test_a_film_that_fails_does_not_end_the_run(tmp_path, capsys):
    def fail():
        raise ValueError("Walk: cannot be\ndrawn")

    assert episode_curves.record(fail, tmp_path / "film.gif") == []
    assert capsys.readouterr().out == "no film.gif: Walk: cannot be drawn\n"


def test_a_study_shows_its_best_run_as_that_run_does(tmp_path, monkeypatch, capsys):
    """This includes observations that are normalised by the run's statistics."""
    monkeypatch.chdir(tmp_path)
    line = ["cartpole", "--observations", "normalised", "--generations", "3", "--population-size", "20"]
    line += ["--quiet", "--episodes", "2"]
    assert main([*line, "--runs", "2", "--seed", "5", "--output", "study"]) == 0
    with open("study/summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    best = max(rows, key=lambda row: (row["solved"] == "True", float(row["fitness"])))["seed"]
    capsys.readouterr()
    assert main([*line, "--seed", best, "--output", "one"]) == 0
    out = capsys.readouterr().out
    for name in FILES:
        assert Path("study", name).read_bytes() == Path("one", name).read_bytes()
        assert name in out
    assert all(len(line) < 80 for line in out[out.index("folder: ") :].splitlines())
    Path("one/behaviour-mine.gif").write_text("mine")
    assert main([*line, "--schemes", "--output", "one", "--overwrite"]) == 0
    ours = {f"behaviour-default-{name}.{kind}" for name in SCHEMES for kind in ("svg", "gif")}
    assert {path.name for path in Path("one").glob("behaviour*")} == ours | {"behaviour-mine.gif"}
    assert main([*line, "--output", "one", "--overwrite"]) == 0
    assert {path.name for path in Path("one").glob("behaviour*")} == {*FILES, "behaviour-mine.gif"}
