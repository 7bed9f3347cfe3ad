"""What the figure of trade-offs between objectives shows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neat import plot
from tests.support.figures import curve, texts


@settings(deadline=None)  # the first figure of a process takes longer
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30),
    st.tuples(st.booleans(), st.booleans()),
)
def test_the_front_is_what_nothing_dominates(points, maximise):
    signs = [1 if more else -1 for more in maximise]
    better = [tuple(sign * value for sign, value in zip(signs, point, strict=True)) for point in points]
    front = {
        point
        for point, own in zip(points, better, strict=True)
        if not any(a >= own[0] and b >= own[1] and (a, b) != own for a, b in better)
    }
    figure = plot.pareto(points, maximise=maximise)
    drawn = curve(figure, f"front ({len(front)})")
    assert {tuple(point) for point in drawn.T.tolist()} == front
    assert len(curve(figure, "dominated").T) == sum(point not in front for point in points)


def test_objectives_are_named():
    figure = plot.pareto([(1, 2), (np.nan, 3)], names=("size", "fitness"), maximise=(False, True))
    assert {"size (less is better)", "fitness (more is better)", "front (1)"} <= set(texts(figure))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objectives": [1, 2]}, r"^objectives: must be numbers of shape \(points, 2\), got \[1, 2\]$"),
        (
            {"objectives": [[1j, 2]]},
            r"^objectives: must be numbers of shape \(points, 2\), got \[\[1j, 2\]\]$",
        ),
        ({"objectives": [["a", "b"]]}, r"^objectives: must be numbers of shape \(points, 2\), got \[\['a',"),
        ({"objectives": [(1, np.nan)]}, r"^objectives: expected at least one finite point, got none$"),
        ({"objectives": [(1, 2)], "names": ["a"]}, r"^names: must name each of 2 objectives, got 1 names$"),
        ({"objectives": [(1, 2)], "maximise": True}, r"^maximise: must be two booleans, got True$"),
        ({"objectives": [(1, 2)], "maximise": ["no", "yes"]}, r"^maximise: must be two booleans, got \["),
    ],
)
def test_objectives_that_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        plot.pareto(**given)
