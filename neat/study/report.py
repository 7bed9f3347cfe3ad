"""Report what a study shows: each arm on each task, and comparisons of arms."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from neat.study import statistics
from neat.study.labels import name_pair, separate_common
from neat.study.statistics import Interval, Outcomes, Ratio, Verdict

_MOST_COLUMNS = 8  # of a table of measures, so that it fits a terminal


class Cell(NamedTuple):
    """The runs of an arm on a task, in the order of their seeds.

    Attributes:
        outcomes: How they ended; None if the task has no criterion of a solution.
        measures: Measures of the champions, by name, float64 (runs,) each. "fitness" must be among them.
    """

    outcomes: Outcomes | None
    measures: Mapping[str, np.ndarray]


class ArmResult(NamedTuple):
    """What an arm reaches on a task; None where the task has no criterion of a solution."""

    task: str
    arm: str
    runs: int
    success: Interval | None
    """Share of the runs with a solution, with Wilson's interval."""
    median: Interval | None
    """Median of the evaluations to the solution, failures censored."""
    restricted_mean: Interval | None
    """Mean of the evaluations, failures counted with the limit."""
    measures: dict[str, Interval]
    """Means of the champions' measures; of the solutions' if the task has a criterion and any run meets it."""


class Comparison(NamedTuple):
    """An arm compared with its control on a task: by evaluations to the solution, or by fitness without a criterion."""

    task: str
    arm: str
    control: str
    p_logrank: float | None
    p_brunner_munzel: float
    p_holm: float
    """`p_brunner_munzel`, adjusted by Holm's method for the comparisons of the task; NaN if there is no test."""
    cliffs_delta: float
    ratio: Ratio | None
    """Ratio of the restricted means, arm over control; None if neither has a solution."""
    margin: float
    verdict: Verdict


class Picture(NamedTuple):
    """A figure of a study."""

    common: str
    """The settings that all its arms share, or ""."""
    file: str


class Report(NamedTuple):
    """The tables of a study."""

    arms: list[ArmResult]
    comparisons: list[Comparison]

    def to_json(self) -> str:
        """Return both tables as JSON; null stands for what is unknown or infinite."""
        content = {
            "level": statistics.LEVEL,
            "arms": [_plain(row) for row in self.arms],
            "comparisons": [_plain(row) for row in self.comparisons],
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def to_markdown(self, pictures: Mapping[str, Sequence[Picture]] = MappingProxyType({})) -> str:
        """Return a table of all ratios, and both tables for each task.

        Args:
            pictures: The figures to show, by task; "" for those of all tasks.
        """
        parts = [f"![effects]({each.file})\n" for each in pictures.get("", ())]
        if len(self.comparisons) > 1 and any(row.ratio for row in self.comparisons):
            parts += ["## Ratios", "", *_ratio_table(self), ""]
        for task in dict.fromkeys(row.task for row in self.arms):
            parts += [f"## {task}", "", *_arm_tables([row for row in self.arms if row.task == task]), ""]
            for each in pictures.get(task, ()):
                parts += [f"{each.common}:\n"] * bool(each.common) + [f"![{task}]({each.file})\n"]
            compared = [row for row in self.comparisons if row.task == task]
            if compared:
                parts += [*_comparison_table(compared), ""]
        return "\n".join(parts)


def make_cell(rows: Sequence[Mapping[str, Any]], limit: float | None) -> Cell:
    """Return the cell of runs with these results.

    Args:
        rows: For each run, "solved", "evaluations", "fitness" and other measures, of which a run may lack some.
        limit: The evaluations after which a run fails; None if the task has no criterion.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    for name in ("solved", "evaluations", "generations"):
        names.pop(name, None)
    measures = {name: np.array([row.get(name, np.nan) for row in rows], float) for name in names}
    if limit is None:
        return Cell(None, measures)
    evaluations = np.array([row["evaluations"] for row in rows])
    solved = np.array([row["solved"] for row in rows]) & (evaluations <= limit)
    return Cell(Outcomes.of(evaluations, solved, limit), measures)


def make_report(
    cells: Mapping[tuple[str, str], Cell],
    pairs: Sequence[tuple[str, str]],
    margins: Mapping[str, float],
    resamples: int = statistics.RESAMPLES,
) -> Report:
    """Return the report of a study.

    Args:
        cells: The runs by task and arm.
        pairs: The primary comparisons: an arm and its control, each.
        margins: For each task, the relative difference of the means up to which two arms are equivalent.
        resamples: Resamples of each bootstrap.
    """
    arms = [_describe(task, arm, cell, resamples) for (task, arm), cell in cells.items()]
    comparisons: list[Comparison] = []
    for task, margin in margins.items():
        known = [pair for pair in pairs if all((task, arm) in cells for arm in pair)]
        comparisons += _compare(task, cells, known, margin, resamples)
    return Report(arms, comparisons)


def _describe(task: str, arm: str, cell: Cell, resamples: int) -> ArmResult:
    outcomes = cell.outcomes
    chosen = slice(None) if outcomes is None or not outcomes.solved.any() else outcomes.solved
    measures = {name: statistics.mean(values[chosen]) for name, values in cell.measures.items()}
    runs = len(cell.measures["fitness"])
    if outcomes is None:
        return ArmResult(task, arm, runs, None, None, None, measures)
    success = statistics.wilson(int(outcomes.solved.sum()), runs)
    means = statistics.restricted_mean(outcomes, resamples)
    return ArmResult(task, arm, runs, success, statistics.median(outcomes), means, measures)


def _compare(
    task: str,
    cells: Mapping[tuple[str, str], Cell],
    pairs: Sequence[tuple[str, str]],
    margin: float,
    resamples: int,
) -> list[Comparison]:
    tests = [_test(cells[task, arm], cells[task, control], resamples) for arm, control in pairs]
    adjusted = statistics.holm([test[1] for test in tests])
    result = []
    for (arm, control), (p_logrank, p, delta, ratio), p_holm in zip(pairs, tests, adjusted, strict=True):
        verdict = statistics.verdict(p_holm, ratio, margin)
        result.append(
            Comparison(task, arm, control, p_logrank, p, float(p_holm), delta, ratio, margin, verdict)
        )
    return result


def _test(arm: Cell, control: Cell, resamples: int) -> tuple[float | None, float, float, Ratio | None]:
    """Return the p values of both tests, Cliff's delta, and the ratio."""
    if arm.outcomes is None or control.outcomes is None:
        values = arm.measures["fitness"], control.measures["fitness"]
        return None, statistics.brunner_munzel(*values), statistics.cliffs_delta(*values), None
    values = arm.outcomes.evaluations, control.outcomes.evaluations
    if not (arm.outcomes.solved.any() or control.outcomes.solved.any()):
        return 1.0, 1.0, 0.0, None  # the limit says nothing about either
    return (
        statistics.logrank(arm.outcomes, control.outcomes),
        statistics.brunner_munzel(*values),
        statistics.cliffs_delta(*values),
        statistics.mean_ratio(arm.outcomes, control.outcomes, resamples),
    )


def _arm_tables(rows: Sequence[ArmResult]) -> list[str]:
    """Return the table of outcomes, if the task has a criterion, and that of measures."""
    outcomes = [
        [row.arm, _solved(row), _interval(row.median, _count), _interval(row.restricted_mean, _count)]
        for row in rows
        if row.success is not None
    ]
    names = list(dict.fromkeys(name for row in rows for name in row.measures))
    parts = (
        [*_table(["", "solved", "median evaluations", "restricted mean"], outcomes), ""] if outcomes else []
    )
    for begin in range(0, len(names), _MOST_COLUMNS):
        shown = names[begin : begin + _MOST_COLUMNS]
        cells = [
            [row.arm, *(_interval(row.measures.get(name), "{:.4g}".format) for name in shown)] for row in rows
        ]
        parts += [*_table(["mean", *(name.replace("_", " ") for name in shown)], cells), ""]
    return parts[:-1]


def _solved(row: ArmResult) -> str:
    assert row.success is not None
    low, high = (100 * end for end in row.success[1:])
    return f"{_solved_runs(row)} ({low:.3g}–{high:.3g} %)"


def _solved_runs(row: ArmResult) -> str:
    assert row.success is not None
    return f"{round(row.success.estimate * row.runs):,} of {row.runs:,}"


def _ratio_table(report: Report) -> list[str]:
    """Return a table with a row for each control on each task, and a column for what distinguishes each arm from it."""
    arms = {(row.task, row.arm): row for row in report.arms}
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for each in report.comparisons:
        (name, _), _ = separate_common([each.arm, each.control])
        ratio = _interval(each.ratio and each.ratio.ratio, "{:.2f}".format)
        bold = "**" if each.verdict.startswith("different") else ""
        equal = " =" if each.verdict in ("equivalent", "different, within the margin") else ""
        rows.setdefault((each.task, each.control), {})[name] = f"{bold}{ratio}{bold}{equal}"
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    body = []
    for (task, control), row in rows.items():
        arm = arms[task, control]
        if arm.restricted_mean is not None:
            mean = _count(arm.restricted_mean.estimate)
            body.append([task, control, _solved_runs(arm), mean, *(row.get(name, "") for name in names)])
    header = ["task", "control", "solved", "restricted mean", *names]
    note = (
        "Ratios of restricted means to the control's, with intervals. Bold: different. =: within the margin."
    )
    return [note, "", *_table(header, body)]


def _comparison_table(rows: Sequence[Comparison]) -> list[str]:
    header = ["", "ratio of means", "p (Holm)", "p (log-rank)", "Cliff's δ", "verdict"]
    body = []
    for row in rows:
        verdict = row.verdict if row.ratio is None else f"{row.verdict} (margin {row.margin:.0%})"
        body.append([
            name_pair(row.arm, row.control),
            _interval(row.ratio and row.ratio.ratio, "{:.2f}".format),
            _probability(row.p_holm),
            _probability(row.p_logrank),
            f"{row.cliffs_delta:+.2f}",
            verdict,
        ])  # fmt: skip
    return _table(header, body)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in line] for line in [header, *rows]]
    lines = ["| " + " | ".join(line) + " |" for line in cells]
    return [lines[0], "|---|" + "---:|" * (len(header) - 1), *lines[1:]]


def _interval(value: Interval | None, form: Callable[[float], str]) -> str:
    if value is None or math.isnan(value.estimate):
        return "–"
    if math.isinf(value.low):
        return form(value.estimate)
    ends = [form(end) if not math.isnan(end) else "?" for end in value[1:]]
    return form(value.estimate) + ("" if ends == ["?", "?"] else f" ({ends[0]}–{ends[1]})")


def _count(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:,.0f}"


def _probability(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _plain(value: Any) -> Any:
    """Return a record as dictionaries, and numbers that JSON lacks as None."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
