import numpy as np
import pytest

from experiments.comparison import curves
from experiments.comparison.meter import Point
from experiments.comparison.results import summarise
from tests.support.comparison import run_of


def test_runs_are_read_at_ticks_where_all_of_them_have_a_score():
    runs = [run_of((10, 0.1), (20, 0.5)), run_of((15, 0.3))]
    ticks = np.array([5, 10, 15, 19.9, 20, 1e6])
    nan = np.nan
    expected = [[nan, nan, 0.1, 0.1, 0.5, 0.5], [nan, nan, 0.3, 0.3, 0.3, 0.3]]
    np.testing.assert_array_equal(curves.scores_at(runs, ticks), expected)


def random_runs(draw, count, budget):
    """Return runs whose scores never fall, and which begin and end at random times."""
    for _ in range(count):
        length = draw.integers(1, 30)
        work = np.sort(draw.uniform(0, budget, length))
        yield run_of(*zip(work, np.sort(draw.normal(size=length)), strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_medians_of_runs_that_do_not_fall_do_not_fall_and_end_with_all_runs(seed):
    draw = np.random.default_rng(seed)
    outcomes = {name: list(random_runs(draw, draw.integers(1, 12), 2.0)) for name in ("NEAT", "MLP")}
    ticks = curves.common_ticks(outcomes, 2.0)
    assert ticks[-1] == 2.0 and (np.diff(ticks) > 0).all()
    for runs in outcomes.values():
        scores = curves.scores_at(runs, ticks)
        joined = ~np.isnan(scores).any(axis=0)
        assert (np.diff(np.percentile(scores[:, joined], [25, 50, 75], axis=0)) >= 0).all()
        assert (joined[:-1] <= joined[1:]).all()  # no run leaves
        np.testing.assert_array_equal(scores[:, -1], [run.end.score for run in runs])


def test_a_run_beyond_the_budget_is_shown_to_its_end():
    outcomes = {"NEAT": [run_of((5.0, 0.5))]}
    assert curves.common_ticks(outcomes, 1.0)[-1] == 5.0


def test_the_first_point_at_a_level():
    run = run_of((10, 0.1), (20, 0.5), (30, 0.4))
    assert curves.first_reaching(run.curve, 0.5) == Point(20, 0.5)
    assert curves.first_reaching(run.curve, 0.6) is None


@pytest.mark.parametrize("target", [None, 0.9])
def test_the_figure_is_the_same_each_time(target, tmp_path):
    outcomes = {"NEAT": [run_of((0.1, 0.0), (1, 1.0))], "MLP": [run_of((0.2, 0.5), parameters=30)]}
    statistics = summarise(outcomes, target)
    for name in ("a.svg", "b.svg"):
        curves.draw(outcomes, statistics, 1.0, curves.Labels("work", "test accuracy"), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
