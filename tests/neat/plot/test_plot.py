import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neat
from neat import Genome, plot
from neat.evolution.history import GENERATION, SPECIES, History
from neat.plot.graph_layout import _fit_nondecreasing, lay_out
from tests.support.drawn import genome, history


def drawn(path):
    """Return the root of an SVG file."""
    return ElementTree.parse(path).getroot()


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_formats(tmp_path, kind):
    some, one = history([1.0, 2.0, 3.0]), genome()
    for draw, subject in (
        (plot.fitness, some),
        (plot.species, some),
        (plot.topology, one),
        (plot.runs, [some]),
    ):
        path = tmp_path / f"{draw.__name__}.{kind}"
        draw(subject, path)
        assert path.stat().st_size > 1000


def test_a_number_is_refused_as_curves(tmp_path):
    with pytest.raises(ValueError, match=r"^curves: must be a list of histories or of arrays, got "):
        plot.runs(np.array(3.0), tmp_path / "runs.svg")


@pytest.mark.parametrize("path", [3, True, "a\0b.svg"])
def test_invalid_paths(path):
    with pytest.raises(ValueError, match=r"^path: must (be a path|hold no NUL), got "):
        plot.runs([np.zeros(3)], path)


def test_unknown_format(tmp_path):
    with pytest.raises(ValueError, match=r"^path: must end in \.svg, \.pdf, \.png, got '.*fitness\.gif'$"):
        plot.fitness(history([1.0]), tmp_path / "fitness.gif")


def test_same_data_same_bytes(tmp_path):
    some, one = history(np.sin(np.arange(50))), genome(steps=40)
    for draw, subject in (
        (plot.fitness, some),
        (plot.species, some),
        (plot.topology, one),
        (plot.runs, [some]),
    ):
        for name in ("a.svg", "b.svg"):
            draw(subject, tmp_path / name)
        assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
        assert b"<dc:date>" not in (tmp_path / "a.svg").read_bytes()


def test_settings_of_the_caller_have_no_effect_and_are_kept(tmp_path):
    import matplotlib

    some = history([1.0, 2.0])
    plot.fitness(some, tmp_path / "a.svg")
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        plot.fitness(some, tmp_path / "b.svg")
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "best",
    [
        [3.0],
        [0.0, 0.0],
        [-1e-12, -1e-13],
        [np.nan, 1.0, 2.0],
        [np.nan, np.nan],
        [-np.inf, 1.0],
        [-1e30, -1e10, -1e-5, 0.0],
        [-1e308, 1e308],
        [1e300, 1e300],
        [5e-324, 1e-320],
        list(range(3000)),
    ],
    ids=str,
)
def test_odd_values(tmp_path, best):
    some = history(best)
    plot.fitness(some, tmp_path / "fitness.svg")
    plot.species(some, tmp_path / "species.svg")
    plot.runs([some, some], tmp_path / "runs.svg", target=1.0)


def test_empty_history(tmp_path):
    for draw in (plot.fitness, plot.species):
        with pytest.raises(ValueError, match="at least one generation, got none"):
            draw(History(), tmp_path / "a.svg")
    for nothing in ([], [History()]):
        with pytest.raises(ValueError, match="at least one run"):
            plot.runs(nothing, tmp_path / "a.svg")


def test_runs_of_different_lengths_and_plain_arrays(tmp_path):
    plot.runs(
        [history([1.0, 2.0]), np.array([3.0]), np.arange(10.0)], tmp_path / "runs.svg", "error", target=5
    )
    drawn(tmp_path / "runs.svg")


def test_species_that_come_and_go(tmp_path):
    some = History()
    for k, sizes in enumerate([{0: 10}, {0: 5, 1: 5}, {1: 4, 2: 6}, {2: 9, 1: 1}]):
        row, rows = np.zeros(1, GENERATION), np.zeros(len(sizes), SPECIES)
        row["generation"] = rows["generation"] = k
        rows["id"], rows["size"] = list(sizes), list(sizes.values())
        some.append(row, rows)
    plot.species(some, tmp_path / "species.svg")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("feed_forward", [True, False])
@pytest.mark.parametrize("steps", [0, 3, 30, 300])
def test_topologies(tmp_path, feed_forward, steps):
    functions = [("tanh", "sum"), ("sin", "max"), ("steepened_sigmoid", "product")]
    one = genome(3, 2, steps, feed_forward, bias_input=True, functions=functions)
    plot.topology(one, tmp_path / "topology.svg")
    drawn(tmp_path / "topology.svg")


@pytest.mark.parametrize("feed_forward", [True, False])
def test_bare_topologies(tmp_path, feed_forward):
    nodes = [{"id": 1}, {"id": 5}, {"id": 2**40}]
    bare = {"num_inputs": 1, "num_outputs": 1, "feed_forward": feed_forward, "nodes": nodes}
    loop = [{"innovation": 0, "source": 5, "target": 5, "weight": 0.0}] * (not feed_forward)
    plot.topology(Genome.from_dict({**bare, "connections": loop}), tmp_path / "topology.svg")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 60), st.booleans(), st.integers(1, 5), st.integers(1, 4))
def test_layout_leaves_room_and_goes_right(seed, steps, feed_forward, num_inputs, num_outputs):
    one = genome(num_inputs, num_outputs, steps, feed_forward, seed)
    plan = lay_out(one, [(c["source"], c["target"]) for c in one.connections])
    assert set(plan.position) == {*one.input_ids, *one.output_ids, *one.hidden_ids}
    layers = {}
    for node, (x, y) in plan.position.items():
        layers.setdefault(x, []).append(y)
        assert (x == 0) == (node in one.input_ids)
        assert (x == plan.layer_count - 1) == (node in one.output_ids)
    for heights in layers.values():
        assert (np.diff(sorted(heights)) > 0.99).all()
    for (source, target), points in plan.route.items():
        assert points[0] == plan.position[source] and points[-1] == plan.position[target]
        assert (np.diff([x for x, _ in points]) == 1).all()
    if feed_forward:
        assert len(plan.route) == len(one.connections)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20))
def test_the_nondecreasing_fit_is_sorted_and_keeps_the_mean(values):
    result = _fit_nondecreasing(np.array(values))
    assert (np.diff(result) >= -1e-9).all()
    assert np.isclose(result.mean(), np.mean(values), atol=1e-6)
    if values == sorted(values):
        assert np.allclose(result, values)


def test_a_runs_three_figures_are_fast(tmp_path):
    """The bound is generous, for a busy machine; it detects a layout of quadratic complexity."""
    some, one = history(np.arange(100.0), [(k, 10) for k in range(10)]), genome(steps=20)
    plot.topology(one, tmp_path / "warm.svg")
    begin = time.process_time()
    plot.fitness(some, tmp_path / "fitness.svg")
    plot.species(some, tmp_path / "species.svg")
    plot.topology(one, tmp_path / "topology.svg")
    assert time.process_time() - begin < 3


def evolved(generations):
    population = neat.Population(neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, population_size=10))
    for _ in range(generations):
        population.tell(np.arange(10.0))
    return population


@pytest.mark.parametrize(
    ("draw", "subject", "message"),
    [
        (plot.topology, lambda: evolved(2), "genome: must be a Genome, got a Population; pass its .best$"),
        (
            plot.topology,
            lambda: evolved(0),
            "got a Population; pass its .best, which exists after a generation",
        ),
        (
            plot.topology,
            lambda: evolved(1).genomes,
            r"got Genomes\(10 .*; pass one of them, such as the first, \[0\]",
        ),
        (plot.topology, lambda: [genome()], r"got \[Genome\(.*; pass one of them, such as the first, \[0\]"),
        (plot.topology, lambda: None, "genome: must be a Genome, got None$"),
        (plot.topology, lambda: genome().to_dict(), r"genome: must be a Genome, got \{'connections'"),
        (
            plot.fitness,
            lambda: evolved(2),
            "history: must be a History, got a Population; pass its .history$",
        ),
        (plot.species, lambda: [history([1.0])], r"got \[a History\]; pass one of them"),
        (plot.species, lambda: np.zeros(5), r"history: must be a History, got an array of shape \(5,\)"),
        (plot.runs, lambda: history([1.0]), r"curves: must be a list .*, got a History; write \[history\]"),
        (plot.runs, lambda: None, "curves: must be a list of histories or of arrays, got None"),
        (
            plot.runs,
            lambda: [history([1.0]), evolved(1)],
            r"curves\[1\]: .*got a Population; pass its .history",
        ),
        (plot.runs, lambda: [3.0], r"curves\[0\]: must be a History, got 3.0"),
        (plot.runs, lambda: "ab", r"curves\[0\]: must be a History, got 'a'"),
    ],
)
def test_arguments_of_a_wrong_kind_are_refused(tmp_path, draw, subject, message):
    with pytest.raises(ValueError, match=message) as caught:
        draw(subject(), tmp_path / "figure.svg")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_result_says_which_part_of_it_to_pass(tmp_path):
    result = evolved(0).run(lambda genomes: np.arange(10.0), 2)
    for draw, name, part in (
        (plot.topology, "genome", "champion"),
        (plot.fitness, "history", "history"),
        (plot.species, "history", "history"),
    ):
        with pytest.raises(ValueError, match=f"^{name}: must be .* got a Result; pass its .{part}$"):
            draw(result, tmp_path / "figure.svg")
    with pytest.raises(
        ValueError, match=r"^curves\[0\]: must be a History, got a Result; pass its .history$"
    ):
        plot.runs([result], tmp_path / "figure.svg")
