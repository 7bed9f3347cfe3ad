"""`record` of the evaluators."""

import functools

import numpy as np
import pytest
from PIL import Image

import evaluators
import neat
from evaluators.environments import CartPole
from evaluators.environments.shapes import Circle, Rectangle, Trail
from tests.support.pictures import frames
from tests.support.random_walks import Walk


def genome(num_inputs, num_outputs):
    """Return a network whose outputs are 0, except the last, which is the third input or the first."""
    source = min(2, num_inputs - 1)
    last = num_inputs + num_outputs - 1
    nodes = [{"id": num_inputs + k, "activation": "identity"} for k in range(num_outputs)]
    connections = [{"innovation": 0, "source": source, "target": last, "weight": 5.0}]
    data = {"num_inputs": num_inputs, "num_outputs": num_outputs, "nodes": nodes, "connections": connections}
    return neat.Genome.from_dict(data)


def last_frame(path):
    with Image.open(path) as image:
        image.seek(image.n_frames - 1)
        return np.asarray(image.convert("RGB"))


def test_an_environment(tmp_path):
    evaluator, champion = evaluators.Rollout(CartPole(), device="cpu"), genome(4, 2)
    trace = evaluator.trace(champion, trial=3)
    evaluator.record(champion, tmp_path / "a.gif", trial=3, width=200)
    assert frames(tmp_path / "a.gif") == (len(trace.reward) + 1, (200, frames(tmp_path / "a.gif")[1][1]))
    evaluator.record(evaluator.model(champion), tmp_path / "b.gif", trial=3, width=200)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    evaluator.record(champion, tmp_path / "c.gif", trial=3, width=200, steps=4)
    assert frames(tmp_path / "c.gif")[0] == 5
    for wrong, message in (
        ({"path": tmp_path / "a.png"}, r"^path: must end in \.gif or \.mp4"),
        ({"path": tmp_path / "a.gif", "trial": -1}, "^trial: "),
    ):
        with pytest.raises(ValueError, match=message):
            evaluator.record(champion, **wrong)


def test_an_environment_without_draw(tmp_path):
    evaluator = evaluators.Rollout(Walk(), device="cpu")
    with pytest.raises(ValueError, match=r"^Walk: cannot be drawn: write draw\(self, state, action\)"):
        evaluator.record(genome(1, 3), tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_gymnasium(tmp_path):
    """It renders the episode that `trace` returns; ours is the environment that needs no further package to render."""
    pytest.importorskip("gymnasium")
    champion, file = genome(4, 2), tmp_path / "a.gif"
    with evaluators.Gymnasium(lambda: CartPole().to_gymnasium("rgb_array"), time_limit=300) as evaluator:
        trace = evaluator.trace(champion, trial=1)
        played = evaluator.play(champion, episodes=2, trial=1)
        assert len(trace.reward) == played.length[0, 0] and trace.reward.sum() == played.reward[0, 0]
        assert trace.terminated == played.terminated[0, 0]
        assert trace.observation.shape == (len(trace.reward) + 1, 4)
        assert (trace.action[:, 0] == (trace.observation[:-1, 2] > 0)).all()
        evaluator.record(champion, file, trial=1)
        assert frames(file)[0] == len(trace.reward) + 1
        evaluator.record(champion, tmp_path / "c.gif", trial=1, steps=4)
        assert frames(tmp_path / "c.gif")[0] == 5
        evaluator.record(evaluator.model(champion), tmp_path / "b.gif", trial=1)
        assert file.read_bytes() == (tmp_path / "b.gif").read_bytes()
    blind = evaluators.Gymnasium(lambda: CartPole().to_gymnasium(), time_limit=5)
    assert len(blind.trace(champion).reward) == 5 and not blind.trace(champion).terminated
    with pytest.raises(RuntimeError, match='was not rendered: make it with render_mode="rgb_array", its'):
        blind.record(champion, file)


def test_a_population_is_no_genome(tmp_path):
    pytest.importorskip("gymnasium")
    rollout = evaluators.Rollout(CartPole(), device="cpu")
    gym = evaluators.Gymnasium(CartPole().to_gymnasium)
    recorders = [each.record for each in (rollout, gym, evaluators.PerGenome(walk))]
    for use in (
        rollout.trace,
        gym.trace,
        *(functools.partial(r, path=tmp_path / "a.gif") for r in recorders),
    ):
        with pytest.raises(ValueError, match=r"^genome: expected neat\.Genome, got Genomes$"):
            use(genome(4, 2).genomes)


def walk(network):
    """Yield shapes, and return the distance."""
    x = 0.0
    for step in range(20):
        x += float(network.activate([step])[0] > 10)
        yield [Rectangle(0, 0, 20, 10, "white"), Trail(x, 5), Circle(x, 5, 2, "#ff0000")]
    return x


def flash(network):
    """Yield functions that draw the pictures."""
    brightness = np.zeros(1)
    for step in range(8):
        brightness[0] = 20 * step
        yield lambda: np.full((30, 40, 3), brightness[0], np.uint8)
    return 1.0


def test_a_function_that_yields_frames(tmp_path):
    evaluator, champion = evaluators.PerGenome(walk), genome(1, 1)
    fitness = evaluator(champion.genomes)
    assert fitness.tolist() == [17.0]  # 5 · step > 10 from step 3 on
    evaluator.record(champion, tmp_path / "a.gif", width=200)
    assert frames(tmp_path / "a.gif") == (20, (200, 91))  # 22 wide with the circle at the edge
    red = np.nonzero((last_frame(tmp_path / "a.gif") == (255, 0, 0)).all(axis=2))[1]
    assert abs(red.mean() - 200 * 19 / 22) < 1
    evaluator.record(evaluator.model(champion), tmp_path / "b.gif", width=200)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    evaluators.PerGenome(flash).record(champion, tmp_path / "c.gif", width=40)
    assert (last_frame(tmp_path / "c.gif")[-5:] == 140).all()  # each frame as it was when it was yielded


def forgets(network):
    yield [Circle(0, 0, 1)]


def mixes(network):
    yield [Circle(0, 0, 1)]
    yield np.zeros((3, 3, 3), np.uint8)
    return 0


def grows(network):
    yield np.zeros((3, 3, 3), np.uint8)
    yield np.zeros((4, 3, 3), np.uint8)
    return 0


def is_wrong(network):
    yield [3]
    return 0


def is_silent(network):
    yield from ()
    return 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda network: 3.0,
            "function: cannot be recorded: write `yield frame` in each step, where frame is",
        ),
        (mixes, "frames: expected only pictures or only lists of shapes, got both"),
        (grows, "frames: expected pictures of one shape, got (3, 3, 3) and (4, 3, 3)"),
        (is_wrong, "frame: expected shapes of evaluators.environments.shapes, such as Circle, got 3"),
        (is_silent, "frames: expected at least one, got none"),
    ],
)
def test_functions_that_cannot_be_recorded(function, message, tmp_path):
    with pytest.raises(ValueError) as refused:
        evaluators.PerGenome(function).record(genome(1, 1), tmp_path / "a.gif")
    assert str(refused.value).startswith(message)


def test_a_generator_must_return_the_fitness():
    with pytest.raises(ValueError, match=r"^function: expected a number as fitness, got None"):
        evaluators.PerGenome(forgets)(genome(1, 1).genomes)
