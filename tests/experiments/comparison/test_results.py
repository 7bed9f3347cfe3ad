import numpy as np
import pytest

from experiments.comparison.results import find_front, print_results, summarise
from experiments.runs import statistics
from tests.support.comparison import run_of

OUTCOMES = {
    "quick": [run_of((10, 0.2), (20, 0.9), (30, 0.7)), run_of((10, 0.95), (40, 1.0), parameters=30)],
    "slow": [run_of((100, 0.1), (200, 0.5)), run_of((100, 0.6), (300, 0.9))],
}


def test_the_table(capsys):
    made = summarise(OUTCOMES, 0.9)
    assert made["target"] == made["level"] == 0.9
    quick, slow = made["methods"].values()
    assert (quick["runs"], quick["parameters"], quick["work"]) == (2, 20, 35)
    assert (quick["score"], quick["worst"], quick["best"], quick["median"]) == (0.85, 0.7, 1.0, 0.85)
    assert quick["low"] == 0.7 and quick["high"] == 1.0
    assert (quick["reached_level"], quick["end_at_level"], quick["work_to_level"]) == (2, 1, 15)
    assert (slow["reached_level"], slow["work_to_level"]) == (1, 300)
    print_results(made, "test accuracy", "work (s)")
    out = " ".join(capsys.readouterr().out.split())
    assert "quick 0.85 0.7 – 1 0.7 20 yes 35 15 2 of 2" in out
    assert "slow 0.7 0.5 – 0.9 0.5 10 yes 250 300 1 of 2" in out


def test_without_a_target_the_level_is_just_below_the_best_median():
    assert summarise(OUTCOMES, None)["level"] == pytest.approx(0.95 * 0.85)
    below = {"a": [run_of((1, -200.0))], "b": [run_of((1, -300.0))]}
    assert summarise(below, None)["level"] == pytest.approx(-210)
    assert summarise(OUTCOMES, 2.0)["methods"]["slow"]["work_to_level"] is None


def test_the_front_has_the_methods_that_no_other_beats():
    at = {"small": (3, 0.5), "large": (100, 0.9), "waste": (200, 0.9), "worse": (3, 0.4), "same": (3, 0.5)}
    outcomes = {name: [run_of((1, score), parameters=size)] for name, (size, score) in at.items()}
    assert find_front(outcomes) == {"small", "same", "large"}


def test_the_interval_of_a_mean():
    draw = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        low, high = statistics.bootstrap(draw.exponential(size=40), 1000)
        inside += low <= 1 <= high
    assert 0.88 < inside / 300 < 0.97
    low, high = statistics.bootstrap([1.0] * 9 + [0.9])
    assert 0.9 <= low < high <= 1.0
    assert np.isnan(statistics.bootstrap([0.5])).all()
