"""Where the shapes of the shipped environments are, and what user-defined ones may draw."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from evaluators import environments
from evaluators.environments import shapes
from evaluators.environments.drawing import check_drawable, draw_shapes
from evaluators.environments.shapes import Circle, Line, Polygon, Rectangle, Text, Trail, View
from evaluators.pictures.canvas import Trails, find_view
from neat.support.colours import BLUE, INK, ORANGE, PALE_BLUE
from tests.support.episodes import SHIPPED, random_episode
from tests.support.random_walks import Walk

gymnasium = pytest.importorskip("gymnasium")


def pick(drawn, kind, colour):
    return [shape for shape in drawn if isinstance(shape, kind) and shape.colour == colour]


def corners(drawn):
    """Return all points of the shapes, (n, 2)."""
    return np.concatenate([np.reshape(list(_numbers(shape)), -1) for shape in drawn])


def _numbers(shape):
    for part in shape[:-1] if not isinstance(shape, View) else shape:
        if not isinstance(part, str | bool):
            yield from np.ravel(part)


@pytest.mark.parametrize("cls", SHIPPED, ids=lambda cls: cls.__name__)
def test_shapes_of_all_states(cls):
    """All kinds of shapes and the view are finite, except where a shape reaches the edge, and have the same trails."""
    environment = cls()
    trace = random_episode(environment, 40)
    trails = set()
    for step, state in enumerate(trace.state):
        drawn = draw_shapes(environment, state, trace.action[step - 1] if step else None)
        assert len(drawn) > 4
        assert all(math.isfinite(edge) for edge in find_view(drawn))
        assert not np.isnan(corners(drawn)).any()
        assert all(
            math.isfinite(value) for shape in drawn if isinstance(shape, Circle) for value in shape[:3]
        )
        trails.add(sum(isinstance(shape, Trail) for shape in drawn))
    assert len(trails) == 1


@pytest.mark.parametrize("cls", SHIPPED, ids=lambda cls: cls.__name__)
def test_what_render_returns(cls):
    env = cls().to_gymnasium("rgb_array")
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.render()
    pictures = []
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(5):
        pictures.append(env.render())
        env.step(env.action_space.sample())
    assert {(picture.dtype, picture.shape) for picture in pictures} == {
        (np.dtype(np.uint8), pictures[0].shape)
    }
    height, width, channels = pictures[0].shape
    assert channels == 3 and 100 < width <= 440 and 100 < height <= 330
    assert any((a != b).any() for a, b in itertools.pairwise(pictures))
    assert env.metadata["render_modes"] == ["rgb_array"] and env.metadata["render_fps"] > 0
    assert cls().to_gymnasium().render() is None


def test_the_view_of_render_grows():
    env = environments.CartPole().to_gymnasium("rgb_array")
    pictures = []
    for x in (0.0, 2.0):
        env.reset(options={"state": [0, 0, 0, 0]})
        env._state[0] = x
        env.step(1)
        pictures.append(env.render())
    assert pictures[0].shape == pictures[1].shape
    rows, columns = np.nonzero((pictures[1] == (34, 34, 34)).all(axis=2))
    assert columns.max() < pictures[1].shape[1] - 1  # the cart is wholly in the picture
    assert (pictures[0] == (34, 34, 34)).all(axis=2).sum() > len(rows)  # and smaller than in the first


def test_cart_and_pole_are_where_the_state_is():
    environment = environments.CartPole(half_length=0.4)
    for action in (0, 1):
        drawn = draw_shapes(environment, np.array([0.7, 0, 0.2, 0]), action)
        (pole,) = pick(drawn, Line, BLUE)
        assert np.allclose(pole.points, [(0.7, 0), (0.7 + 0.8 * np.sin(0.2), 0.8 * np.cos(0.2))])
        cart = pick(drawn, Rectangle, INK)[-1]
        assert np.isclose((cart.left + cart.right) / 2, 0.7)
        (push,) = pick(drawn, Polygon, ORANGE)
        assert ((push.points[:, 0] > 0.7) == (action == 1)).all()
    (push,) = pick(draw_shapes(environment, np.zeros(4)), Polygon, ORANGE)
    assert np.ptp(push.points, axis=0).tolist() == [0, 0]  # no action yet, no arrow


@pytest.mark.parametrize("cls", [environments.DoublePole, environments.DampedDoublePole])
def test_both_poles_have_their_lengths_and_angles(cls):
    state = np.zeros(len(cls.state_names))
    state[:6] = 0.3, 0, 0.1, 0, -0.2, 0
    drawn = draw_shapes(cls(), state, np.array([-5.0]))
    for colour, length, angle in ((BLUE, 1.0, 0.1), (PALE_BLUE, 0.1, -0.2)):
        (pole,) = pick(drawn, Line, colour)
        foot, tip = np.array(pole.points)
        assert np.allclose(tip - foot, [length * np.sin(angle), length * np.cos(angle)])
        assert abs(foot[0] - 0.3) < 0.1
    (push,) = pick(drawn, Polygon, ORANGE)
    # Half of the force.
    assert (push.points[:, 0] < 0.3).all() and np.isclose(np.ptp(push.points[:, 0]), 0.15)


@pytest.mark.parametrize("farthest", [0.1, 1.0, 2.0, 2.39])
def test_the_cart_and_whole_numbers_are_in_the_picture(farthest):
    environment = environments.CartPole()
    drawn = [draw_shapes(environment, np.array([x, 0, 0, 0])) for x in (0.0, farthest, -farthest)]
    view = find_view(itertools.chain(*drawn))
    for each in drawn:
        cart = pick(each, Rectangle, INK)[-1]
        assert view.left < cart.left and cart.right < view.right
    assert all(abs(view.right - 0.5 * k) > 0.1 for k in range(6))  # half a number's width


def test_the_car_stands_on_the_slope():
    environment = environments.MountainCar()
    for x in (-1.2, -np.pi / 6, 0.1, 0.6):
        drawn = draw_shapes(environment, np.array([x, 0]), 1)
        slope, foot = np.cos(3 * x), np.array([x, np.sin(3 * x) / 3])
        for wheel in pick(drawn, Circle, INK):  # above the tangent at the car's position, and touching it
            across, up = np.array([wheel.x, wheel.y]) - foot
            assert np.isclose((up - slope * across) / np.hypot(1, slope), wheel.radius)
        assert np.ptp(pick(drawn, Polygon, ORANGE)[1].points, axis=0).max() == 0  # no push, no arrow
    (_, push) = pick(draw_shapes(environments.MountainCarContinuous(), [0, 0], [0.5]), Polygon, ORANGE)
    assert np.ptp(push.points[:, 0]) > 0.05


def test_the_acrobots_tip_is_above_the_line_when_it_has_arrived():
    def tip(*angles):
        drawn = draw_shapes(environments.Acrobot(), np.array([*angles, 0, 0]), 0)
        assert [line.points[0][1] for line in drawn if isinstance(line, Line) and line.dashed] == [1.0]
        (trail,) = pick(drawn, Trail, PALE_BLUE)
        (link,) = pick(drawn, Line, BLUE)
        assert np.allclose(link.points[1], trail[:2])
        return trail[:2]

    assert np.allclose([tip(0, 0), tip(np.pi / 2, 0), tip(np.pi, 0)], [(0, -2), (2, 0), (0, 2)])
    assert np.isclose(tip(2.0, 0.5)[1], -np.cos(2.0) - np.cos(2.5))


def test_the_pendulum_leans_to_the_left_for_positive_angles():
    environment = environments.Pendulum(length=0.5)
    for angle, expected in ((0.0, (0, 0.5)), (np.pi / 2, (-0.5, 0)), (np.pi, (0, -0.5))):
        (rod,) = pick(draw_shapes(environment, np.array([angle, 0])), Line, BLUE)
        assert np.allclose(rod.points[1], expected)
    arcs = [pick(draw_shapes(environment, [0, 0], [torque]), Polygon, ORANGE)[0] for torque in (2.0, -1.0)]
    # A greater torque has a longer arc.
    assert np.ptp(arcs[0].points[:, 0]) > np.ptp(arcs[1].points[:, 0]) > 0
    assert arcs[0].points[21, 0] < 0 < arcs[1].points[21, 0]  # anticlockwise is to the left above the pivot


def test_the_maze():
    environment = environments.TMaze(length=2)
    steps = [((0, -1, 1), None), ((1, -1, 0), 1), ((2, -1, 0), 1), ((2, -1, 0), 0)]
    drawn = [draw_shapes(environment, np.array(state, float), action) for state, action in steps]
    agents = [pick(each, Circle, BLUE)[0][:2] for each in drawn]
    assert np.allclose(agents, [(0, 0), (1, 0), (2, 0), (2, 1)])  # left is up
    signals = [pick(each, Polygon, ORANGE)[1:] for each in drawn]
    assert [len(each) for each in signals] == [1, 0, 0, 0] and signals[0][0].points[:, 1].min() > 0
    assert np.allclose(pick(drawn[0], Polygon, ORANGE)[0].points.mean(axis=0), (2, 1))  # the goal


def test_prey_and_the_sensor_that_sees_it():
    environment = environments.PreyCapture()
    for x, y, direction in ((13, 10, (1, 0)), (10, 6, (0, -1)), (14, 14, None)):
        drawn = draw_shapes(environment, np.array([10.0, 10, x, y, 0]), 0)
        (prey,) = pick(drawn, Circle, ORANGE)
        assert prey[:2] == (x, y)
        (reach,) = pick(drawn, Circle, PALE_BLUE)
        assert reach[:3] == (10, 10, 4) and not reach.filled
        sectors = pick(drawn, Polygon, ORANGE + "40")
        assert len(sectors) == (direction is not None)
        if direction is not None:
            middle = np.mean(sectors[0].points[1:], axis=0) - (10, 10)
            assert np.allclose(middle / np.hypot(*middle), direction)


def test_arrows():
    vertices = shapes.arrow((1.0, 2.0), (1.0, 5.0), 0.2, INK).points
    assert np.allclose(vertices[3], [1, 5]) and np.allclose(vertices[[0, -1]].mean(axis=0), (1, 2))
    assert np.ptp(shapes.arrow((1.0, 2.0), (1.0, 2.0), 0.2, INK).points, axis=0).tolist() == [0, 0]
    for sweep in (2.0, -2.0, 0.01, 0.0):
        arc = shapes.arc_arrow((0, 0), 1.0, sweep, 0.1, INK).points
        assert np.isfinite(arc).all()
        assert np.allclose(arc[21], [np.cos((np.pi + sweep) / 2), np.sin((np.pi + sweep) / 2)])


def test_trails():
    trails = Trails()
    for step in range(30):
        moved = [Circle(0, 0, 1)] * (step % 2)  # the number of other shapes may change
        shown = trails.add(
            [*moved, Trail(step, 0), Trail(math.cos(step / 2), math.sin(step / 2), curved=True)]
        )
    straight, curved = shown[-2:]
    assert straight.points == [(x, 0) for x in range(9, 30)]
    assert np.allclose(curved.points[-1], (math.cos(14.5), math.sin(14.5)))
    assert np.abs(np.hypot(*np.transpose(curved.points)) - 1).max() < 0.01  # a circle, also between the steps


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawn(Walk):
    """A walk that draws what its class attribute says."""

    shown = ()

    def draw(self, state, action):
        return self.shown


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (3, "Drawn: draw: TypeError: 'int' object is not iterable"),
        ([3], "Drawn: draw: expected shapes of evaluators.environments.shapes, such as Circle, got 3"),
        (
            [Circle(0, math.nan, 1)],
            "Drawn: draw: expected numbers as coordinates and finite sizes, got Circle(x=0, y=nan",
        ),
        ([Line([(0, math.nan)])], "Drawn: draw: expected numbers as coordinates and finite sizes, got Line"),
        ([Line([0, 1])], "Drawn: draw: expected points of shape (n, 2), got shape (2,) in Line"),
        ([Polygon([])], "Drawn: draw: expected points of shape (n, 2), got shape (0,) in Polygon"),
        (
            [View(0, 0, 0, 1)],
            "Drawn: draw: expected finite edges, left below right and bottom below top, got View",
        ),
        ([View(0, 0, math.inf, 1)], "Drawn: draw: expected finite edges"),
        ([Text(0, 0, 7)], "Drawn: draw: text: expected a string, got 7"),
        ([Text(0, 0, "7", align="top")], "Drawn: draw: align: must be one of left, center, right, got 'top'"),
        (
            [Circle(0, 0, math.inf)],
            "Drawn: draw: expected numbers as coordinates and finite sizes, got Circle",
        ),
        (
            [Circle("a", 0, 1)],
            "Drawn: draw: expected numbers as coordinates and finite sizes, got Circle(x='a'",
        ),
        (
            [Circle(0, 0, 1, 7)],
            'Drawn: draw: colour: expected "#rrggbb", "#rrggbbaa" or a name that ',
        ),
        ([Rectangle(0, 0, 1, 1, "rde")], 'Drawn: draw: colour: expected "#rrggbb", "#rrggbbaa" or a name'),
    ],
)
def test_what_an_environment_must_not_draw(shown, message, monkeypatch):
    monkeypatch.setattr(Drawn, "shown", shown)
    with pytest.raises(ValueError) as refused:
        draw_shapes(Drawn(), np.zeros(2))
    assert str(refused.value).startswith(message) and "\n" not in str(refused.value)


def test_an_environment_without_draw():
    for refuse in (lambda: check_drawable(Walk()), lambda: Walk().to_gymnasium("rgb_array")):
        with pytest.raises(
            ValueError, match=r"^Walk: cannot be drawn: write draw\(self, state, action\), which"
        ):
            refuse()
    with pytest.raises(ValueError, match=r"^render_mode: must be None or rgb_array, got 'human'"):
        environments.CartPole().to_gymnasium("human")
    assert Walk().to_gymnasium().metadata["render_modes"] == []
