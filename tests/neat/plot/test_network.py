"""What the figure of a network shows."""

import pytest

from neat import Genome, plot
from tests.support.drawn import genome
from tests.support.figures import texts


def biased():
    return Genome.from_dict({
        "num_inputs": 2, "num_outputs": 1, "bias_input": True,
        "nodes": [{"id": 3, "activation": "tanh", "bias": -0.25}, {"id": 5, "activation": "tanh", "bias": 1.5}],
        "connections": [
            {"innovation": 0, "source": 0, "target": 3, "weight": 1.0},
            {"innovation": 1, "source": 1, "target": 5, "weight": -2.0, "enabled": False},
        ],
    })  # fmt: skip


def test_names_and_biases():
    figure = plot.topology(biased(), input_names=["width $1", "<height>"], output_names=["kind"], biases=True)
    said = texts(figure)
    for text in ("width $1", "<height>", "bias", "kind", "5", "bias −0.25", "bias 1.5", "weight", "disabled"):
        assert text in said
    plain = texts(plot.topology(biased()))
    assert {"x0", "x1", "y0"} <= set(plain)
    assert not [text for text in plain if text.startswith("bias ")]


def test_long_names_fit():
    figure = plot.topology(biased(), input_names=["a" * 30, "b"], output_names=["c" * 90])
    figure.draw_without_rendering()
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    assert not [text for text in texts(figure) if len(text) > 45]


def test_a_shared_activation_is_written_once():
    assert [text for text in texts(plot.topology(biased())) if "tanh" in text] == ["all nodes: tanh"]
    mixed = genome(2, 1, 12, functions=[("tanh", "sum"), ("sin", "max")])
    said = texts(plot.topology(mixed))
    for name in ("tanh", "sin", "max"):
        assert said.count(name) == sum(name in (n["activation"], n["aggregation"]) for n in mixed.nodes)
    assert not [text for text in said if text.startswith("all nodes")]
    dense = texts(plot.topology(genome(60, 2, 12, functions=[("tanh", "sum"), ("sin", "max")])))
    assert (dense.count("tanh"), dense.count("sin, max")) == (1, 1)  # in the legend


def test_the_legend_of_a_network_fits():
    names = ["sigmoid", "tanh", "sin", "gauss", "relu", "identity", "abs", "cube", "square", "clamped"]
    dense = genome(60, 2, 40, functions=[(name, "product") for name in names])
    figure = plot.topology(dense)
    figure.draw_without_rendering()
    box = figure.axes[0].get_legend().get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0


def test_arcs_stay_in_the_figure():
    loops = genome(2, 3, 40, feed_forward=False, seed=3)
    figure = plot.topology(loops)
    axes = figure.axes[0]
    for path in (path for group in axes.collections for path in group.get_paths() if len(path.vertices) == 4):
        points = path.interpolated(1).to_polygons(closed_only=False)[0]
        assert points[:, 0].max() <= axes.get_xlim()[1] and points[:, 1].min() >= axes.get_ylim()[1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"input_names": ["a"]}, r"^input_names: must name each of 2 inputs, got 1 names$"),
        ({"input_names": "ab"}, r"^input_names: must be a list of 2 names, got 'ab'$"),
        ({"output_names": 3}, r"^output_names: must be a list of 1 names, got 3$"),
        ({"output_names": [None]}, r"^output_names: must be text, got None$"),
    ],
)
def test_names_that_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        plot.topology(biased(), **names)
