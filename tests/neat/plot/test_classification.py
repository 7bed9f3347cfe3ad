"""What the figure of a classification shows."""

import numpy as np
import pytest

from neat import plot
from tests.support.figures import texts


def matrix(figure):
    """Return the numbers in the cells by (row, column)."""
    axes = figure.axes[0]
    return {tuple(map(int, text.get_position()[::-1])): int(text.get_text()) for text in axes.texts}


def test_confusions_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    targets, predictions = generator.integers(0, 5, (2, 200))
    expected = metrics.confusion_matrix(targets, predictions)
    figure = plot.confusion(targets, predictions)
    assert matrix(figure) == {place: n for place, n in np.ndenumerate(expected) if n}
    shares = figure.axes[0].collections[0].get_array()
    assert np.allclose(shares, expected / expected.sum(axis=1, keepdims=True))
    right = metrics.accuracy_score(targets, predictions)
    assert f"{round(200 * right)} of 200 right ({right:.1%})" in texts(figure)


def test_names_of_classes():
    figure = plot.confusion([0, 2, 2], [0, 0, 2], class_names=["cat", "dog", "cow"])
    axes = figure.axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog", "cow"]
    assert matrix(figure) == {(0, 0): 1, (2, 0): 1, (2, 2): 1}
    assert matrix(plot.confusion(["b", "a"], ["a", "a"])) == {(0, 0): 1, (1, 0): 1}
    assert matrix(plot.confusion(["b", "a"], ["a", "a"], class_names=["b", "a"])) == {(0, 1): 1, (1, 1): 1}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([], []), r"^targets: (must be integers|expected at least one)"),
        (([0, 1], [0]), r"^predictions: expected one for each of 2 targets, got 1$"),
        (([0.5], [0]), r"^targets: must be integers or text of shape \(samples,\), got \[0.5\]$"),
        (([0], [[0]]), r"^predictions: must be integers or text of shape \(samples,\), got \[\[0\]\]$"),
        ((["a"], [0]), r"^predictions: must be text if the targets are, and integers if they are$"),
        (([0], [2], None, ["a", "b"]), r"^class_names: must name every class, got \['a', 'b'\] without class 2$"),
        (([0], [-1], None, ["a", "b"]), r"^class_names: must name every class, got .* without class -1$"),
        ((["c"], ["a"], None, ["a"]), r"^class_names: must name every class, got \['a'\] without class 'c'$"),
        ((range(101), range(101)), r"^targets: expected at most 100 classes, got 101$"),
    ],
)  # fmt: skip
def test_classifications_that_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        plot.confusion(*given)
