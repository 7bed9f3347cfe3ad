"""Drawing of shapes, and the files of films."""

import json
import math
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from evaluators import environments
from evaluators.environments.shapes import Circle, Line, Polygon, Rectangle, Text, View
from evaluators.episodes.episodic_evaluator import Trace
from evaluators.pictures import film as films
from evaluators.pictures import gif
from evaluators.pictures.canvas import Canvas, find_view
from evaluators.pictures.episode import film_episode
from evaluators.pictures.film import Film, check_picture, choose_steps, thin_out
from tests.support.episodes import SHIPPED
from tests.support.pictures import frames

VIEW = View(0, 0, 4, 2)


def draw(*shapes, width=40, view=VIEW, **options):
    return Canvas(view, width).draw(shapes, **options)


# ---------------------------------------------------------------- shapes


def test_where_shapes_are():
    """A unit is ten pixels; row 0 is the top."""
    picture = draw(Rectangle(1, 0, 2, 1, "#ff0000"))
    assert picture.shape == (20, 40, 3) and picture.dtype == np.uint8
    red = (picture == (255, 0, 0)).all(axis=2)
    assert red[10:, 10:20].all() and red.sum() == 100
    assert (picture[~red] == 255).all()
    assert (draw(Polygon([(1, 0), (2, 0), (2, 1), (1, 1)], "#ff0000")) == picture).all()
    disc = (draw(Circle(2, 1, 0.8, "#000000")) == 0).all(axis=2)
    rows, columns = np.nonzero(disc)
    assert np.allclose([rows.mean(), columns.mean()], [9.5, 19.5], atol=0.1)
    assert abs(disc.sum() / (math.pi * 64) - 1) < 0.2
    ring = draw(Circle(2, 1, 0.8, "#000000", filled=False))
    assert (ring[10, 20] == 255).all() and ring.min() < 255


def test_widths_of_lines_are_in_units_of_the_world():
    line = Line([(0, 1), (4, 1)], "#000000", 0.4)
    for width in (40, 400):
        dark = (draw(line, width=width) == 0).all(axis=2).sum(axis=0)
        assert (dark == 4 * width / 40).all()
    thin = [
        (draw(Line([(0, 1.05), (4, 1.05)]), width=width) < 200).any(axis=2).sum(axis=0).max()
        for width in (200, 1760)
    ]
    assert thin[1] >= 3 * thin[0] >= 3  # a thin line grows with the picture


def test_infinite_coordinates_reach_the_edges():
    ground = draw(Rectangle(-math.inf, -math.inf, math.inf, 1, "#00ff00"))
    green = (ground == (0, 255, 0)).all(axis=2)
    assert green[10:].all() and not green[:10].any()


def test_opacity_and_order():
    picture = draw(
        Rectangle(0, 0, 4, 2, "black"), Rectangle(0, 0, 2, 2, "#ffffff80"), Rectangle(3, 0, 4, 2, "white")
    )
    assert 120 < picture[5, 5, 0] < 136 and picture[5, 25, 0] == 0 and picture[5, 35, 0] == 255


@pytest.mark.parametrize(("align", "part"), [("left", (20, 40)), ("center", (10, 30)), ("right", (0, 20))])
def test_where_texts_are(align, part):
    picture = Canvas(VIEW, 400).draw([Text(2, 1, "00", "black", 0.5, align)])
    rows, columns = np.nonzero(picture.min(axis=2) < 128)
    assert part[0] * 10 - 2 < columns.min() and columns.max() < part[1] * 10 + 2
    assert abs((rows.min() + rows.max()) / 2 - 99.5) < 2  # half-way up the digits
    assert 30 < np.ptp(rows) < 45  # digits are about three quarters of the font's height


def test_captions_and_backgrounds():
    background = np.zeros((10, 20, 3), np.uint8)
    background[:, :, 1] = 200
    picture = draw(width=440, caption="step 7", background=background)
    assert picture.shape == (220, 440, 3) and (picture[100:, :, 1] == 200).all()
    assert picture[:30, :80].max() > 240 and picture[:30, :80, 0].min() < 120


def test_the_view_of_shapes():
    assert find_view([Circle(1, 2, 3), Line([(0, 0), (9, 9)])]) == (-2, -1, 9, 9)
    assert find_view([Rectangle(-math.inf, 0, 5, math.inf), Text(1, 1, "")]) == (1, 0, 5, 1)
    assert find_view([Circle(1, 2, 3), View(0, 0, 1, 1), View(-1, 0, 1, 3)]) == (-1, 0, 1, 3)
    assert find_view([]) == find_view([Text(0, 0, "a")]) == (-0.5, -0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("view", "size"), [((0, 0, 4, 2), (440, 220)), ((0, 0, 1, 1), (330, 330)), ((0, 0, 1, 4), (82, 330))]
)
def test_sizes_of_pictures(view, size):
    assert draw(view=View(*view), width=440).shape[1::-1] == size


def test_settings_of_the_caller_do_not_matter():
    import matplotlib

    shapes = [Line([(0, 0), (4, 2)]), Text(2, 1, "abc"), Circle(1, 1, 1)]
    before = draw(*shapes, caption="step 1")
    with matplotlib.rc_context({"font.size": 30, "font.family": "monospace", "lines.linewidth": 9}):
        assert (draw(*shapes, caption="step 1") == before).all()


# ---------------------------------------------------------------- films


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cls", SHIPPED, ids=lambda cls: cls.__name__)
def test_the_same_episode_makes_the_same_bytes(cls, tmp_path):
    environment = cls()
    state = np.zeros((3, len(environment.state_names)))
    trace = Trace(state, np.zeros((2, 1)), np.zeros(2), True)
    files = [tmp_path / "a.gif", tmp_path / "b.gif"]
    for file in files:
        film_episode(environment, trace, Film(file))
    assert files[0].read_bytes() == files[1].read_bytes()
    count, (width, height) = frames(files[0])
    assert count == 3 and 100 < width <= 440 and 100 < height <= 330


def test_a_long_episode(tmp_path):
    generator = np.random.default_rng(0)
    steps = 100_000
    state = np.cumsum(generator.normal(0, 0.001, (steps + 1, 6)), axis=0)
    trace = Trace(state, generator.uniform(-10, 10, (steps, 1)), np.ones(steps), True)
    film_episode(environments.DoublePole(), trace, Film(tmp_path / "film.gif"))
    assert frames(tmp_path / "film.gif")[0] == 168 and (tmp_path / "film.gif").stat().st_size < 500_000


@pytest.mark.parametrize("steps", [1, 2, 168, 169, 170, 339, 999, 1000])
def test_chosen_steps(steps):
    chosen = choose_steps(7, 7 + steps)
    assert chosen[0] == 7 and chosen[-1] == 7 + steps
    assert len(chosen) <= gif.MOST_FRAMES
    assert (np.diff(chosen) > 0).all() and len(set(np.diff(chosen[:-1]))) <= 1


@pytest.mark.parametrize("count", [1, 9, 10, 11, 19, 20, 21, 1000])
def test_thinned_frames(count):
    numbers = [number for number, _ in thin_out(map(str, range(count)), 10)]
    assert numbers[0] == 0 and numbers[-1] == count - 1 and min(count, 5) <= len(numbers) <= 10
    assert len(set(np.diff(numbers[:-1]))) <= 1
    assert thin_out("abc", 10) == [(0, "a"), (1, "b"), (2, "c")] and thin_out([], 10) == []


def test_frames_of_many_colours_become_few_and_small(tmp_path):
    generator = np.random.default_rng(0)
    noise = [generator.integers(0, 256, (160, 208, 3), dtype=np.uint8) for _ in range(150)]
    Film(tmp_path / "noise.gif").write(noise)
    count, (width, height) = frames(tmp_path / "noise.gif")
    assert count == 76 and width < 208 and abs(width / height - 1.3) < 0.02
    flat = [np.full((20, 30, 3), (k, 255 - k, 0), np.uint8) for k in range(0, 250, 50)]
    Film(tmp_path / "flat.gif", seconds=1).write(flat)
    with Image.open(tmp_path / "flat.gif") as image:
        for k, frame in enumerate(flat):
            image.seek(k)
            assert (np.asarray(image.convert("RGB")) == frame).all()
            assert image.info["duration"] == (200 if k < 4 else 1200)


@pytest.mark.parametrize(("seconds", "shown"), [(0.01, 20), (0.1, 30), (1e6, 655_350)])
def test_frames_last_as_long_as_a_gif_can_say_and_browsers_show(tmp_path, seconds, shown):
    Film(tmp_path / "a.gif", seconds=seconds).write([np.full((4, 4, 3), k, np.uint8) for k in (0, 90, 200)])
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["duration"] == shown


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_an_mp4(tmp_path):
    file = tmp_path / "film.mp4"
    pictures = [np.full((31, 41, 3), 5 * k, np.uint8) for k in range(50)]
    Film(file, width=441, seconds=2).write_pictures(pictures, ["step"] * 50)
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height,nb_frames,pix_fmt"]
    told = json.loads(subprocess.check_output([*probe, "-of", "json", str(file)]))["streams"][0]
    assert told == {
        "codec_name": "h264",
        "width": 438,
        "height": 332,
        "pix_fmt": "yuv420p",
        "nb_frames": "80",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "a.png"}, "path: must end in .gif or .mp4, got 'a.png'"),
        ({"path": 3}, "path: must be a path, got 3"),
        ({"path": "nowhere/a.gif"}, "path: there is no folder "),
        ({"path": "a.mp4"}, "path: .mp4 needs the program ffmpeg, which is not installed; use .gif"),
        ({"width": 5}, "width: expected an integer from 16 to 4096, got 5"),
        ({"steps": 1001}, "steps: expected an integer from 1 to 1000, got 1001"),
        ({"seconds": 0}, "seconds: expected seconds above 0"),
    ],
)
def test_mistakes(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(films.shutil, "which", lambda _: None)
    with pytest.raises(ValueError) as refused:
        Film(**{"path": "a.gif", **arguments})
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("picture", "got"),
    [
        (None, "None"),
        (np.zeros((3, 3, 3)), "shape (3, 3, 3) and dtype float64"),
        (np.zeros((3, 3), np.uint8), "shape (3, 3) and dtype uint8"),
        (np.zeros((0, 3, 3), np.uint8), "shape (0, 3, 3) and dtype uint8"),
    ],
)
def test_what_is_no_picture(picture, got):
    with pytest.raises(ValueError) as refused:
        check_picture("render", picture)
    assert str(refused.value) == f"render: expected a picture, uint8 (height, width, 3), got {got}"
