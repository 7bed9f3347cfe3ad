"""Where figures are drawn, and what those of runs show."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from neat import plot
from neat.evolution.history import GENERATION, SPECIES, History
from neat.plot import style
from tests.support.drawn import genome, history
from tests.support.figures import curve, legend, texts
from tests.support.scripts import run_python

EPOCH = ("epoch", "training_loss", "training_score", "validation_loss", "validation_score")
UPDATE = (
    *("steps", "reward", "learning_rate", "policy_loss", "value_loss", "entropy"),
    *("approximate_kl", "clip_fraction", "explained_variance"),
)


def rows(names, count=5):
    """Return an array of records, with different numbers in each field."""
    result = np.zeros(count, [(name, float) for name in names])
    for k, name in enumerate(names):
        result[name] = np.arange(1, count + 1) * (k + 1)
    return result


CALLS = {
    "fitness": lambda **place: plot.fitness(history([1.0, 2.0, 3.0]), **place),
    "species": lambda **place: plot.species(history([1.0, 2.0, 3.0]), **place),
    "runs": lambda **place: plot.runs([np.arange(3.0)], target=2.0, **place),
    "compare": lambda **place: plot.compare({"a": [np.arange(3.0)], "b": [np.ones(5)]}, **place),
    "islands": lambda **place: plot.islands([history([1.0, 2.0, 3.0])] * 2, migrate_every=2, **place),
    "topology": lambda **place: plot.topology(genome(3, 2, 10), biases=True, **place),
    "pareto": lambda **place: plot.pareto([(1, 2), (2, 1), (0, 0)], **place),
    "confusion": lambda **place: plot.confusion([0, 1, 1], [0, 1, 0], **place),
    "training": lambda **place: plot.training(rows(EPOCH), **place),
    "rates": lambda **place: plot.rates((np.geomspace(0.01, 1, 3), np.arange(3.0)), **place),
    "ppo": lambda **place: plot.ppo(rows(UPDATE), **place),
}
every_function = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def test_every_function_is_tested_here():
    assert CALLS.keys() == set(plot.__all__) - {"growth"}  # an animation: test_growth.py


# ---------------------------------------------------------------- places


@every_function
def test_a_figure_is_returned_and_written_only_to_a_path(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figure = call()
    assert isinstance(figure, Figure) and not list(tmp_path.iterdir())
    written = call(path="a.svg")
    call(path="b.svg")
    content = (tmp_path / "a.svg").read_text()
    assert content == (tmp_path / "b.svg").read_text()
    assert content == figure._repr_svg_() == written._repr_svg_()  # what a notebook shows
    for kind in ("png", "pdf"):
        call(path=f"a.{kind}")
        assert (tmp_path / f"a.{kind}").stat().st_size > 1000


@every_function
def test_text_in_an_svg_is_text(call):
    figure = call()
    content = figure._repr_svg_()
    assert len(texts(figure)) > 2
    assert "DejaVuSans" not in content  # as glyphs are named that are drawn as curves
    styles = content.split("font-family: ")[1:]
    assert all(style.startswith("'DejaVu Sans', 'Verdana', sans-serif") for style in styles)


@every_function
def test_axes_of_the_caller(call):
    figure = Figure(figsize=(10, 8))
    grid = figure.subplots(2, 2)
    for axes in grid.flat:
        axes.plot([1, 2], [3, 4])
        axes.set_title("mine")
    others = [axes for axes in grid.flat if axes is not grid[0, 1]]
    before = [(axes.get_children(), axes.get_xlim(), axes.get_ylim()) for axes in others]
    grid[0, 1].clear()
    assert call(ax=grid[0, 1]) is figure
    assert [(axes.get_children(), axes.get_xlim(), axes.get_ylim()) for axes in others] == before
    assert len(grid[0, 1].get_children()) > 8 or grid[0, 1].child_axes
    assert not figure.legends  # those of a new figure
    figure.draw_without_rendering()


@every_function
def test_axes_in_a_subfigure(call):
    figure = Figure(figsize=(10, 5))
    part = figure.subfigures(1, 2)[1]
    assert call(ax=part.add_subplot()) is figure


@every_function
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"ax": 3}, r"^ax: must be a matplotlib Axes, got 3$"),
        ({"ax": np.zeros(2)}, r"^ax: must be a matplotlib Axes, got an array of shape \(2,\)$"),
        (
            {"ax": Figure().subplots(), "path": "a.svg"},
            r"^path: cannot be given with ax, got 'a.svg'; save the figure of ax$",
        ),
        ({"path": "a.gif"}, r"^path: must end in \.svg, \.pdf, \.png, got 'a.gif'$"),
        ({"path": 3}, r"^path: must be a path, got 3$"),
    ],
)
def test_places_that_are_refused(call, place, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        call(**place)
    assert not list(tmp_path.iterdir())


def test_no_pyplot():
    """A figure opens no window."""
    script = "import sys, neat; neat.plot.runs([[1, 2]]); assert 'matplotlib.pyplot' not in sys.modules"
    run_python("-c", script)


# ---------------------------------------------------------------- runs


def test_best_is_drawn_over_best_so_far():
    figure = plot.fitness(history([1.0, 3.0, 2.0]))
    assert curve(figure, "best").tolist() == [[0, 1, 2], [1, 3, 2]]
    assert curve(figure, "best so far").tolist() == [[0, 1, 2], [1, 3, 3]]
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert lines["best so far"].get_linewidth() > 2 * lines["best"].get_linewidth()
    assert list(lines).index("best so far") < list(lines).index("best")
    assert lines["best so far"].get_color() != lines["best"].get_color()
    assert legend(figure) == ["best so far", "best", "mean", "mean ± std", "median"]


def test_species_counts_those_alive_and_all():
    some = History()
    for k, sizes in enumerate([{0: 10}, {0: 5, 1: 5}, {1: 4, 2: 6}]):
        row, species = np.zeros(1, GENERATION), np.zeros(len(sizes), SPECIES)
        row["generation"] = species["generation"] = k
        species["id"], species["size"] = list(sizes), list(sizes.values())
        some.append(row, species)
    assert "species: 2 alive at the end, 3 in all" in texts(plot.species(some))


def test_ids_of_species_lie_within_the_axes():
    figure = plot.species(history(np.arange(60.0), [(7, 40), (1234, 60)]))
    axes = figure.axes[0]
    figure.draw_without_rendering()
    assert sorted(text.get_text() for text in axes.texts) == ["1234", "7"]
    for text in axes.texts:
        assert axes.get_window_extent().x0 < text.get_window_extent().x0


def test_compare_draws_medians_until_the_end_of_each_arm():
    short, long = [np.array([1.0, 2.0]), np.array([3.0])], [np.arange(4.0), np.arange(4.0) + 2, np.zeros(2)]
    figure = plot.compare({"short": short, "long": long}, label="score", target=2.5)
    assert curve(figure, "short (2 runs)").tolist() == [[0, 1], [2, 2.5]]
    assert curve(figure, "long (3 runs)").tolist() == [[0, 1, 2, 3], [0, 1, 2, 3]]
    assert legend(figure) == ["short (2 runs)", "long (3 runs)", "target"]
    ends = [line.get_data() for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [(float(*x), float(*y)) for x, y in ends] == [(1, 2.5)]
    assert "score" in texts(figure)
    assert curve(figure, "target")[1].tolist() == [2.5, 2.5]


def test_many_arms_look_different_and_fit():
    figure = plot.compare({f"arm {k} with a long name": [np.arange(3.0) + k] for k in range(20)})
    looks = [(line.get_color(), str(line._dash_pattern)) for line in figure.axes[0].lines]
    assert len(set(looks)) == 20
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.y0 > figure.axes[0].get_window_extent().y1
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ({}, r"^runs_by_arm: must be a dictionary of lists of runs, by the arms' names, got {}$"),
        ([[1.0]], r"^runs_by_arm: must be a dictionary of lists of runs, .* got \[\[1\.0\]\]$"),
        ({"a": []}, r"^runs_by_arm\['a'\]: expected at least one run, each of at least one generation$"),
        ({"a": 3}, r"^runs_by_arm\['a'\]: must be a list of histories or of arrays, got 3$"),
        ({"a": [[1j]]}, r"^runs_by_arm\['a'\]\[0\]: must be a History, got \[1j\]$"),
        ({"a": [[1.0], "x"]}, r"^runs_by_arm\['a'\]\[1\]: must be a History, got 'x'$"),
    ],
)
def test_arms_that_are_refused(arms, message):
    with pytest.raises(ValueError, match=message):
        plot.compare(arms)


def test_islands_are_drawn_beside_each_other_with_their_migrations():
    best = [3.0, 1.0, 2.0, 4.0, 3.0], [2.0, 2.0, 1.0, 1.0, 3.5]
    figure = plot.islands([history(values) for values in best], migrate_every=2, label="score")
    for k, values in enumerate(best):
        assert curve(figure, f"island {k}").tolist() == [[0, 1, 2, 3, 4], list(values)]
    lines = [line.get_xdata() for line in figure.axes[0].lines if line.get_color() == style.GREY]
    assert [list(x) for x in lines] == [[1.5, 1.5], [3.5, 3.5]]
    assert legend(figure) == ["island 0", "island 1", "migration"] and "score" in texts(figure)
    assert legend(plot.islands([history([1.0])] * 3)) == ["island 0", "island 1", "island 2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"histories": history([1.0])}, "^histories: must be a list of histories, got "),
        ({"histories": [3]}, r"^histories\[0\]: must be a History, got 3$"),
        (
            {"histories": []},
            "^histories: expected from 1 to 24 islands, each of at least one generation, got 0$",
        ),
        ({"histories": [history([1.0])] * 25}, "^histories: expected from 1 to 24 islands, .*, got 25$"),
        ({"histories": [history([])]}, "^histories: .* each of at least one generation, got 1$"),
        (
            {"histories": [history([1.0])], "migrate_every": 0},
            "^migrate_every: must be an integer from 1, got 0$",
        ),
    ],
)
def test_islands_that_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot.islands(**arguments)
