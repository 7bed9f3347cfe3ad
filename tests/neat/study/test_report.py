"""The tables and figures of a study."""

import json
import math
import re

import numpy as np
import pytest

from neat.study import figures, statistics
from neat.study.labels import name_pair, separate_common
from neat.study.report import Cell, make_cell, make_report
from neat.study.statistics import Outcomes


def cell(evaluations, solved, limit=100, **measures):
    values = {
        "fitness": np.zeros(len(solved)),
        **{name: np.asarray(v, float) for name, v in measures.items()},
    }
    return Cell(Outcomes.of(evaluations, solved, limit), values)


@pytest.fixture
def cells():
    random = np.random.default_rng(0)
    slow, fast = random.integers(40, 140, 400), random.integers(20, 60, 400)
    return {
        ("xor", "slow"): cell(slow, slow <= 100, nodes=random.normal(3, 1, 400)),
        ("xor", "fast"): cell(fast, fast <= 100, nodes=random.normal(2, 1, 400)),
        ("xor", "same"): cell(fast, fast <= 100, nodes=random.normal(2, 1, 400)),
        ("walk", "slow"): Cell(None, {"fitness": random.normal(0, 1, 20)}),
        ("walk", "fast"): Cell(None, {"fitness": random.normal(2, 1, 20)}),
    }


PAIRS = [("slow", "fast"), ("same", "fast")]
MARGINS = {"xor": 0.1, "walk": 0.1}


def test_arms_are_compared_with_their_controls(cells):
    report = make_report(cells, PAIRS, MARGINS, resamples=500)
    slow, same, walk = report.comparisons
    assert (slow.task, slow.arm, slow.control, slow.verdict) == ("xor", "slow", "fast", "different")
    assert slow.ratio.ratio.estimate > 1.5
    assert slow.cliffs_delta > 0.8
    assert slow.p_holm == pytest.approx(2 * slow.p_brunner_munzel)
    assert (same.verdict, same.ratio.ratio.estimate, same.p_holm) == ("equivalent", 1, 1)
    # Without a criterion, fitness is compared; an arm that is missing on a task is left out.
    assert (walk.task, walk.ratio, walk.p_logrank, walk.verdict) == ("walk", None, None, "different")


def test_arms_without_solutions_are_not_equivalent():
    cells = {("xor", arm): cell([1, 1, 1], [False] * 3) for arm in "ab"}
    report = make_report(cells, [("a", "b")], {"xor": 0.1}, resamples=10)
    assert (report.comparisons[0].ratio, report.comparisons[0].verdict) == (None, "undecided")
    assert "| a / b | – | 1.0000 | 1.0000 | +0.00 | undecided |" in report.to_markdown()


def test_measures_are_those_of_solutions(cells):
    cells = {("xor", "a"): cell([10, 20, 1, 1], [True, True, False, False], nodes=[1, 2, 9, 9])}
    (row,) = make_report(cells, [], {"xor": 0.1}, resamples=10).arms
    assert row.measures["nodes"].estimate == 1.5
    assert row.success.estimate == 0.5
    assert row.restricted_mean.estimate == (10 + 20 + 100 + 100) / 4
    failed = {("xor", "a"): cell([1, 1], [False, False], nodes=[8, 9])}
    (row,) = make_report(failed, [], {"xor": 0.1}, resamples=10).arms
    assert row.measures["nodes"].estimate == 8.5
    assert math.isinf(row.median.estimate)


def test_a_measure_that_the_first_run_lacks_is_reported():
    row = {"solved": True, "generations": 3, "evaluations": 10, "fitness": 1.0}
    rows = [row, {**row, "links": 4.0}, {**row, "nodes": 2.0, "links": 6.0}]
    one = make_cell(rows, 100)
    assert list(one.measures) == ["fitness", "links", "nodes"]
    np.testing.assert_array_equal(one.measures["links"], [np.nan, 4, 6])
    report = make_report({("xor", "a"): one}, [], {"xor": 0.1}, resamples=10)
    assert report.arms[0].measures["links"].estimate == 5
    assert "| mean | fitness | links | nodes |" in report.to_markdown()


def test_json_has_null_for_what_json_lacks(cells):
    cells["xor", "never"] = cell([1, 1], [False, False])
    report = make_report(cells, [*PAIRS, ("never", "fast")], MARGINS, resamples=100)
    content = json.loads(report.to_json(), parse_constant=pytest.fail)
    never = next(row for row in content["arms"] if row["arm"] == "never")
    assert never["median"]["estimate"] is None
    assert content["comparisons"][0]["ratio"]["narrow"]["low"] > 1
    assert content["level"] == statistics.LEVEL


def test_markdown_has_both_tables_of_each_task(cells):
    cells["xor", "a|b"] = cell([1, 1], [False, False])
    text = make_report(cells, PAIRS, MARGINS, resamples=100).to_markdown()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Ratios",
        "## xor",
        "## walk",
    ]
    for line in text.splitlines():
        assert "nan" not in line
    assert "| a\\|b | 0 of 2 (0–65.8 %) | ∞ | 100 (100–100) |" in text  # Wilson's interval of 0 of 2
    assert "| same / fast | 1.00 (" in text
    assert "| equivalent (margin 10%) |" in text


def test_all_ratios_stand_in_one_table(cells):
    arms = {"global, x": "fast", "pairing, x": "slow", "global, y": "fast", "pairing, y": "same"}
    cells = {("xor", arm): cells["xor", source] for arm, source in arms.items()}
    pairs = [(f"pairing, {each}", f"global, {each}") for each in "xy"]
    text = make_report(cells, pairs, {"xor": 0.1}, resamples=100).to_markdown()
    header, _, different, equivalent = re.findall(r"^\|.*$", text.partition("## xor")[0], re.MULTILINE)
    assert header == "| task | control | solved | restricted mean | pairing |"
    assert re.match(
        r"\| xor \| global, x \| \d+ of 400 \| \d+ \| \*\*\d\.\d\d \(\d\.\d\d–\d\.\d\d\)\*\* \|", different
    )
    assert re.match(r"\| xor \| global, y \| \d+ of 400 \| \d+ \| 1\.00 \(.*\) = \|", equivalent)


def test_solved_curves_end_at_the_share_of_success(cells, tmp_path):
    arms = {arm: each.outcomes for (task, arm), each in cells.items() if task == "xor"}
    figure = figures.solved(arms, tmp_path / "solved.svg")
    lines = figure.axes[0].get_lines()
    for line, outcomes in zip(lines, arms.values(), strict=True):
        x, y = line.get_data()
        assert (x[0], y[0], x[-1]) == (0, 0, 100)
        assert y[-1] == pytest.approx(outcomes.solved.mean())
        assert y[x <= 50][-1] == pytest.approx((outcomes.evaluations <= 50).mean())
    assert f"slow ({arms['slow'].solved.sum()} of 400)" in (tmp_path / "solved.svg").read_text()


def test_forests_draw_each_ratio_with_its_margin(cells, tmp_path):
    comparisons = [row for row in make_report(cells, PAIRS, MARGINS, resamples=100).comparisons if row.ratio]
    axes = figures.forest(comparisons, tmp_path / "forest.svg").axes[0]
    points = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() == "o"]
    assert points == [row.ratio.ratio.estimate for row in comparisons]
    low, high = axes.get_xlim()
    assert low < 1 / 1.1 and max(row.ratio.ratio.high for row in comparisons) < high
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["xor", "slow / fast", "same / fast"]


def test_names_are_separated_from_the_settings_that_they_share():
    names = ["global, stanley2002, rate=0.7", "pairing, stanley2002, rate=0.7"]
    assert separate_common(names) == (["global", "pairing"], "stanley2002, rate=0.7")
    assert separate_common(["a, b", "a"]) == (["a, b", "a"], "")
    assert separate_common(["a, b"]) == (["a, b"], "")
    assert name_pair("a, x", "b, x") == "a / b (x)"
    assert name_pair("a, x", "b, y") == "a, x / b, y"


def test_many_arms_have_figures_for_each_control(tmp_path):
    arms = [
        f"{scheme}, {rate}"
        for rate in (0, 1)
        for scheme in ("global", "pairing", "hashed", "unshared", "none")
    ]
    cells = {("xor", arm): cell([10, 20, 30], [True] * 3) for arm in arms}
    pairs = [(arm, f"global, {arm[-1]}") for arm in arms if not arm.startswith(("global", "none"))]
    report = make_report(cells, pairs, {"xor": 0.1}, resamples=10)
    curves = dict.fromkeys(cells, [np.array([0.0, 1.0])] * 3)
    pictures = figures.draw(tmp_path, report, cells, curves)
    found = [(each.common, each.file) for each in pictures["xor"] if each.file.startswith("solved")]
    assert found == [("0", "solved-xor-0.svg"), ("1", "solved-xor-1.svg"), ("none", "solved-xor-none.svg")]
    assert "unshared (3 of 3)" in (tmp_path / "solved-xor-1.svg").read_text()
    text = report.to_markdown(pictures)
    assert all(f"]({each.file})" in text and (tmp_path / each.file).is_file() for each in pictures["xor"])
    few = {key: cells[key] for key in list(cells)[:8]}
    report = make_report(few, [], {"xor": 0.1}, resamples=10)
    assert [each.file for each in figures.draw(tmp_path, report, few, curves)["xor"]] == [
        "solved-xor.svg",
        "curves-xor.svg",
    ]


def test_no_figure_replaces_another(tmp_path):
    """Neither of groups of arms that share no setting, nor of tasks whose names differ only in marks or case."""
    arms = [f"{scheme} {k}" for scheme in ("global", "pairing") for k in range(5)]
    cells = {
        (task, arm): cell([10, 20, 30], [True] * 3) for task in ("xor 2", "xor-2", "XOR 2") for arm in arms
    }
    pairs = [(arm, f"{arm.split()[0]} 0") for arm in arms if not arm.endswith("0")]
    report = make_report(cells, pairs, dict.fromkeys(("xor 2", "xor-2", "XOR 2"), 0.1), resamples=10)
    curves = dict.fromkeys(cells, [np.array([0.0, 1.0])] * 3)
    pictures = figures.draw(tmp_path, report, cells, curves)
    found = [each.file for of_task in pictures.values() for each in of_task]
    assert len({name.casefold() for name in found}) == len(found) == 3 * 2 * 2 + 1
    assert sorted(found) == sorted(path.name for path in tmp_path.iterdir())
    assert [each.file for each in pictures["xor 2"][::2]] == ["solved-xor-2.svg", "solved-xor-2-2.svg"]
    assert "pairing 1 (3 of 3)" in (tmp_path / "solved-xor-2-2.svg").read_text()
