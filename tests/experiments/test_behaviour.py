"""Pictures of episodes, which are made by hand or by random actions."""

import csv
import dataclasses
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluators import environments
from evaluators.environments import Discrete
from evaluators.rollout import Trace
from experiments.__main__ import main
from experiments.pictures import animation, behaviour, scenes, shapes
from experiments.pictures.behaviour import Span
from experiments.runs.repeated import SCHEMES
from tests.support.paths import ROOT
from tests.support.random_walks import Drift, Walk

OURS = sorted(scenes._DEPICTIONS, key=lambda cls: cls.__name__)
FILES = ["behaviour.svg", "behaviour.gif"]
SVG = "{http://www.w3.org/2000/svg}"


def episode(environment, steps=30, terminated=False, seed=0):
    """Return an episode of random actions, computed by the environment's functions in plain Python."""
    generator = np.random.default_rng(seed)
    actions = environment.actions
    discrete = isinstance(actions, Discrete)
    env = environment.to_gymnasium()
    env.reset(seed=seed)
    states, taken, rewards = [env.state], [], []
    for _ in range(steps):
        action = (
            generator.integers(actions.count) if discrete else generator.uniform(*actions).astype(np.float32)
        )
        reward = env.step(action)[1]
        states.append(env.state)
        taken.append(np.ravel(action).astype(float))
        rewards.append(reward)
    return Trace(np.array(states, float), np.array(taken), np.array(rewards), terminated)


@pytest.fixture(scope="module")
def played():
    pytest.importorskip("gymnasium")
    return {cls: episode(cls()) for cls in OURS}


def frames(path):
    with Image.open(path) as image:
        return image.n_frames, image.size


def scene(environment, trace):
    """Draw the scene of an episode in new axes; return the axes and the function that moves it."""
    from matplotlib.figure import Figure

    axes = Figure().add_axes((0, 0, 1, 1))
    return axes, scenes.find_depiction(environment).scene(axes, environment, trace)


def artist(artists, label):
    return next(each for each in artists if each.get_label() == label)


def texts(path):
    """Return the texts of an SVG."""
    return [node.text.strip() for node in ElementTree.parse(path).iter(f"{SVG}text") if node.text]


def test_every_environment_has_a_scene():
    names = {getattr(environments, name) for name in environments.__all__}
    ours = {cls for cls in names if isinstance(cls, type) and issubclass(cls, environments.Environment)}
    assert set(OURS) == ours - {environments.Environment}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_files(cls, played, tmp_path):
    environment, trace = cls(), played[cls]
    assert behaviour.draw(environment, trace, tmp_path) == [tmp_path / name for name in FILES]
    count, (width, height) = frames(tmp_path / "behaviour.gif")
    assert count == 31
    assert (width == 440 and 100 < height <= 330) or (height == 330 and 100 < width <= 440)
    said = texts(tmp_path / "behaviour.svg")
    for name in [
        *environment.state_names[:6],
        scenes.find_depiction(environment).action,
        "sum of rewards",
        "time limit",
    ]:
        assert name in said
    assert not [text for text in said if text.startswith("wobbling")]


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_same_episode_same_bytes(cls, played, tmp_path):
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        contents.append([path.read_bytes() for path in behaviour.draw(cls(), played[cls], tmp_path / name)])
    assert contents[0] == contents[1]


def test_settings_of_the_caller_neither_matter_nor_change(played, tmp_path):
    import matplotlib

    environment, trace = environments.CartPole(), played[environments.CartPole]
    behaviour.draw(environment, trace, tmp_path)
    before = [(tmp_path / name).read_bytes() for name in FILES]
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}):
        settings = dict(matplotlib.rcParams)
        behaviour.draw(environment, trace, tmp_path)
        assert dict(matplotlib.rcParams) == settings
    assert before == [(tmp_path / name).read_bytes() for name in FILES]


def test_no_pyplot(tmp_path):
    """A new process imports nothing that needs a display."""
    script = f"""
import sys, numpy as np
from pathlib import Path
from evaluators.environments import CartPole
from evaluators.rollout import Trace
from experiments.pictures import behaviour
trace = Trace(np.zeros((4, 4)), np.zeros((3, 1)), np.ones(3), True)
behaviour.draw(CartPole(), trace, Path({str(tmp_path)!r}))
assert "matplotlib.pyplot" not in sys.modules and "gymnasium" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    assert frames(tmp_path / "behaviour.gif")[0] == 4


@pytest.mark.parametrize("cls", [Walk, Drift])
def test_a_user_defined_environment_has_no_scene(cls, tmp_path):
    pytest.importorskip("gymnasium")
    assert behaviour.draw(cls(), episode(cls(), 20), tmp_path) == [tmp_path / "behaviour.svg"]
    said = texts(tmp_path / "behaviour.svg")
    assert ("action" in said) == (cls is Walk) and ("action 1" in said) == (cls is Drift)
    assert not (tmp_path / "behaviour.gif").exists()


def test_inherited_scenes():
    class Longer(environments.CartPole):
        """It inherits the state."""

    class Other(environments.CartPole):
        """It has another state."""

        state_names = ("a", "b", "c", "d")

    assert scenes.find_depiction(Longer()) is scenes.find_depiction(environments.CartPole())
    assert scenes.find_depiction(Other()) is None


def test_a_study_shows_its_best_run_as_that_run_does(tmp_path, monkeypatch, capsys):
    """This includes observations that are normalised by the run's statistics."""
    monkeypatch.chdir(tmp_path)
    line = [
        "cartpole",
        "--observations",
        "normalised",
        "--generations",
        "3",
        "--population-size",
        "20",
        "--quiet",
    ]
    line += ["--episodes", "2"]
    assert main([*line, "--runs", "2", "--seed", "5", "--output", "study"]) == 0
    with open("study/summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    best = max(rows, key=lambda row: (row["solved"] == "True", float(row["fitness"])))["seed"]
    capsys.readouterr()
    assert main([*line, "--seed", best, "--output", "one"]) == 0
    out = capsys.readouterr().out
    for name in FILES:
        assert Path("study", name).read_bytes() == Path("one", name).read_bytes()
        assert str(Path("one", name)) in out
    Path("one/behaviour-mine.gif").write_text("mine")
    assert main([*line, "--runs", "2", "--schemes", "--output", "one", "--overwrite"]) == 0
    ours = {f"behaviour-default-{name}.{kind}" for name in SCHEMES for kind in ("svg", "gif")}
    assert {path.name for path in Path("one").glob("behaviour*")} == ours | {"behaviour-mine.gif"}
    assert main([*line, "--output", "one", "--overwrite"]) == 0
    assert {path.name for path in Path("one").glob("behaviour*")} == {*FILES, "behaviour-mine.gif"}


# ---------------------------------------------------------------- parts of an episode


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


@pytest.mark.parametrize("steps", [1, 2, 168, 169, 170, 339, 999, 1000])
def test_chosen_steps(steps):
    chosen = animation.choose_steps(7, 7 + steps)
    assert chosen[0] == 7 and chosen[-1] == 7 + steps
    assert len(chosen) <= animation.MOST_FRAMES
    assert (np.diff(chosen) > 0).all() and len(set(np.diff(chosen[:-1]))) <= 1


@pytest.mark.parametrize("terminated", [True, False])
def test_a_long_episode(terminated, tmp_path):
    generator = np.random.default_rng(0)
    steps = 100_000
    state = np.cumsum(generator.normal(0, 0.001, (steps + 1, 6)), axis=0)
    trace = Trace(state, generator.uniform(-10, 10, (steps, 1)), np.ones(steps), terminated)
    begin = time.process_time()
    behaviour.draw(environments.DoublePole(), trace, tmp_path)
    assert time.process_time() - begin < 15  # one or two seconds, but more on a busy machine
    assert frames(tmp_path / "behaviour.gif")[0] == 168
    assert all((tmp_path / name).stat().st_size < 500_000 for name in FILES)
    said = texts(tmp_path / "behaviour.svg")
    assert f"the {'last' if terminated else 'first'} 1,000 of 100,000 steps" in said
    assert ("terminated" in said) == terminated and "time limit" not in said


@pytest.mark.filterwarnings("error")
def test_one_step_and_constant_values(tmp_path):
    for cls in OURS:
        environment = cls()
        state = np.zeros((2, len(environment.state_names)))
        behaviour.draw(environment, Trace(state, np.zeros((1, 1)), np.zeros(1), True), tmp_path)
        assert frames(tmp_path / "behaviour.gif")[0] == 2


def test_frames_of_many_colours_become_few_and_small(tmp_path):
    generator = np.random.default_rng(0)
    noise = [generator.integers(0, 256, (160, 208, 3), dtype=np.uint8) for _ in range(150)]
    animation.write_gif(noise, tmp_path / "noise.gif")
    count, (width, height) = frames(tmp_path / "noise.gif")
    assert count == 76 and width < 208 and abs(width / height - 1.3) < 0.02
    flat = [np.full((20, 30, 3), (k, 255 - k, 0), np.uint8) for k in range(0, 250, 50)]
    animation.write_gif(flat, tmp_path / "flat.gif")
    with Image.open(tmp_path / "flat.gif") as image:
        for k, frame in enumerate(flat):
            image.seek(k)
            assert (np.asarray(image.convert("RGB")) == frame).all()


# ---------------------------------------------------------------- where things are


def test_cart_and_pole_are_where_the_state_is(played):
    trace = played[environments.CartPole]
    environment = environments.CartPole(half_length=0.4)
    _, show = scene(environment, trace)
    for step in (0, 17, 30):
        artists = show(step)
        x, _, angle, _ = trace.state[step]
        pole = np.transpose(artist(artists, "pole").get_data())
        assert np.allclose(pole, [(x, 0), (x + 0.8 * np.sin(angle), 0.8 * np.cos(angle))])
        assert np.isclose(artist(artists, "cart").get_xy()[:4, 0].mean(), x)
        push = artist(artists, "push").get_xy()[:, 0] - x
        right = trace.action[min(step, 29), 0] == 1
        assert (push > 0).all() if right else (push < 0).all()


@pytest.mark.parametrize("cls", [environments.DoublePole, environments.DampedDoublePole])
def test_both_poles_have_their_lengths_and_angles(cls, played):
    trace = played[cls]
    _, show = scene(cls(), trace)
    for step in (0, 9, 30):
        artists = show(step)
        for label, length, angle in (
            ("long pole", 1.0, trace.state[step, 2]),
            ("short pole", 0.1, trace.state[step, 4]),
        ):
            foot, tip = np.transpose(artist(artists, label).get_data())
            assert np.allclose(tip - foot, [length * np.sin(angle), length * np.cos(angle)])
            assert abs(foot[0] - trace.state[step, 0]) < 0.1


@pytest.mark.parametrize("farthest", [0.1, 2.0, 2.39])
def test_the_cart_stays_in_the_picture(farthest):
    state = np.zeros((3, 4))
    state[1, 0], state[2, 0] = farthest, -farthest
    trace = Trace(state, np.ones((2, 1)), np.ones(2), False)
    axes, show = scene(environments.CartPole(), trace)
    for step in range(3):
        cart = artist(show(step), "cart").get_xy()
        assert axes.get_xlim()[0] < cart[:, 0].min() and cart[:, 0].max() < axes.get_xlim()[1]


def test_the_car_stands_on_the_slope():
    position = np.array([-1.2, -np.pi / 6, 0.1, 0.6])
    trace = Trace(np.column_stack([position, position]), np.array([[0.0], [1.0], [2.0]]), np.ones(3), False)
    _, show = scene(environments.MountainCar(), trace)
    for step, x in enumerate(position):
        wheels = [each for each in show(step) if each.get_label() == "car"][1:]
        slope = np.cos(3 * x)
        foot = np.array([x, np.sin(3 * x) / 3])
        for wheel in wheels:  # above the tangent at the car's position, and touching it
            vertices = wheel.get_xy() - foot
            height = (vertices[:, 1] - slope * vertices[:, 0]) / np.hypot(1, slope)
            assert abs(height.min()) < 1e-3
    assert np.ptp(artist(show(1), "push").get_xy(), axis=0).max() == 0  # no push, no arrow


def test_the_acrobots_tip_is_above_the_line_when_it_has_arrived():
    angles = np.array([[0.0, 0.0], [np.pi / 2, 0.0], [np.pi, 0.0], [2.0, 0.5]])
    trace = Trace(np.column_stack([angles, angles]), np.zeros((3, 1)), -np.ones(3), True)
    axes, show = scene(environments.Acrobot(), trace)
    tips = [artist(show(step), "second link").get_data() for step in range(4)]
    assert np.allclose([(x[1], y[1]) for x, y in tips[:3]], [(0, -2), (2, 0), (0, 2)])
    height = -np.cos(2.0) - np.cos(2.5)
    assert np.isclose(tips[3][1][1], height)
    goal = [line.get_ydata()[0] for line in axes.get_lines() if line.get_linestyle() != "-"]
    assert goal == [1.0]
    trail = np.transpose(artist(show(2), "way of the tip").get_data())
    assert np.allclose(trail[-1], (0, 2)) and np.isclose(np.hypot(*trail.T), 2).all()


def test_the_pendulum_leans_to_the_left_for_positive_angles():
    trace = Trace(
        np.array([[0.0, 0], [np.pi / 2, 0], [np.pi, 0]]), np.array([[2.0], [-1.0]]), np.ones(2), False
    )
    _, show = scene(environments.Pendulum(length=0.5), trace)
    tips = [np.transpose(artist(show(step), "rod").get_data())[1] for step in range(3)]
    assert np.allclose(tips, [(0, 0.5), (-0.5, 0), (0, -0.5)])
    positive, negative = (artist(show(step), "torque").get_xy() for step in range(2))
    # A greater torque has a longer arc.
    assert np.ptp(positive[:, 0]) > np.ptp(negative[:, 0]) > 0


def test_the_maze():
    state = np.array([[0.0, -1, 1], [1, -1, 0], [2, -1, 0], [2, -1, 0]])
    trace = Trace(state, np.array([[1.0], [1.0], [0.0]]), np.array([0, 0, 1.0]), True)
    _, show = scene(environments.TMaze(length=2), trace)
    where = [artist(show(step), "agent").get_xy()[:24].mean(axis=0) for step in range(4)]
    assert np.allclose(where, [(0, 0), (1, 0), (2, 0), (2, 1)])  # left is up
    assert [any(each.get_label() == "signal" for each in show(step)) for step in range(3)] == [
        True,
        False,
        False,
    ]
    assert artist(show(0), "signal").get_xy()[:, 1].min() > 0


def test_prey_and_the_sensor_that_sees_it():
    state = np.array([[10.0, 10, 13, 10, 1], [10, 10, 10, 6, 0], [10, 10, 14, 14, 0]])
    trace = Trace(state, np.zeros((2, 1)), np.zeros(2), False)
    _, show = scene(environments.PreyCapture(), trace)
    for step, (direction, seen) in enumerate([((1, 0), True), ((0, -1), True), ((1, 1), False)]):
        artists = show(step)
        assert np.allclose(artist(artists, "prey").get_xy()[:24].mean(axis=0), state[step, 2:4])
        rim = np.transpose(artist(artists, "reach").get_data()) - (10, 10)
        assert np.allclose(np.hypot(*rim.T), 4)
        sector = artist(artists, "sensor").get_xy() - (10, 10)
        assert (np.abs(sector).max() > 0) == seen
        if seen:
            assert np.allclose(
                sector.max(axis=0)[0] if direction[0] else sector.min(axis=0)[1], 4 * sum(direction)
            )


def test_arrows():
    tail, tip = np.array([1.0, 2.0]), np.array([1.0, 5.0])
    vertices = shapes.arrow(tail, tip, 0.2)
    assert vertices[3].tolist() == [1, 5] and np.allclose(vertices[[0, -1]].mean(axis=0), tail)
    assert np.ptp(shapes.arrow(tail, tail, 0.2), axis=0).tolist() == [0, 0]
    for sweep in (2.0, -2.0, 0.01, 0.0):
        arc = shapes.arc_arrow(np.zeros(2), 1.0, 0.5, sweep, 0.1)
        assert np.isfinite(arc).all()
        assert np.allclose(arc[21], [np.cos(0.5 + sweep), np.sin(0.5 + sweep)])


def test_another_number_of_actions_has_no_names(tmp_path, monkeypatch):
    pytest.importorskip("gymnasium")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Three(environments.CartPole):
        """It has a third action."""

        actions = Discrete(3)

    trace = Trace(np.zeros((3, 4)), np.array([[2.0], [0.0]]), np.ones(2), False)
    behaviour.draw(Three(), trace, tmp_path)
    assert "right" not in texts(tmp_path / "behaviour.svg")
