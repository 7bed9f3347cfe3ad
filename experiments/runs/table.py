"""The tables of a study: a row for each setting, beside published results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.runs.folder import write_json
from experiments.runs.run import Run
from experiments.runs.statistics import Summary, summary, wilson
from experiments.tasks.experiment import Experiment, Published

if TYPE_CHECKING:
    from rich.table import Table

_HEADERS = (
    "",
    "solved",
    "generations",
    "evaluations",
    "95 % interval",
    "sd",
    "worst",
    "hidden nodes",
    "connections",
)


def write_tables(path: Path, experiment: Experiment, runs: dict[str, list[Run]]) -> None:
    """Write all statistics of `runs`, by setting, as JSON, and print their tables."""
    statistics = {label: _summarise(rows) for label, rows in runs.items()}
    content = {
        label: {name: value._asdict() if isinstance(value, Summary) else value for name, value in row.items()}
        for label, row in statistics.items()
    }
    published = {row.source: row._asdict() for row in experiment.published}
    write_json(path, {"settings": content, "published": published})
    _print_comparison(experiment, statistics)
    _print_measures(statistics)


def _summarise(runs: list[Run]) -> dict[str, Any]:
    """Return statistics of the runs. Nodes and connections are those of the solutions, if there are any."""
    solutions = [run for run in runs if run.solved] or runs
    solved = sum(run.solved for run in runs)
    result: dict[str, Any] = {
        "runs": len(runs),
        "solved": solved,
        "success_interval": wilson(solved, len(runs)),
        "generations": summary([run.generations for run in runs]),
        "evaluations": summary([run.evaluations for run in runs]),
        "hidden_nodes": summary([run.hidden_nodes for run in solutions]),
        "enabled_connections": summary([run.enabled_connections for run in solutions]),
        "fitness": summary([run.fitness for run in runs]),
    }
    for name in runs[0].measures:
        result[name] = summary([run.measures[name] for run in runs])
    return result


def _print_comparison(experiment: Experiment, statistics: dict[str, dict[str, Any]]) -> None:
    rows = []
    for label, row in statistics.items():
        evaluations = row["evaluations"]
        rows.append([
            label,
            f"{row['solved']} of {row['runs']}" if experiment.has_criterion else "–",
            format_number(row["generations"].mean, 1),
            format_number(evaluations.mean),
            f"{format_number(evaluations.low)} – {format_number(evaluations.high)}",
            format_number(evaluations.sd),
            format_number(evaluations.greatest),
            f"{format_number(row['hidden_nodes'].mean, 2)} ± {format_number(row['hidden_nodes'].sd, 2)}",
            f"{format_number(row['enabled_connections'].mean, 2)} ± {format_number(row['enabled_connections'].sd, 2)}",
        ])  # fmt: skip
    rows += [_published_row(row) for row in experiment.published]
    caption = "Hidden nodes and enabled connections (mean ± sd) are the champions'."
    if experiment.has_criterion and any(row["solved"] < row["runs"] for row in statistics.values()):
        caption = (
            "Runs that failed count with all their generations; "
            "hidden nodes and enabled connections (mean ± sd) are the solutions'."
        )
    print_table(_HEADERS, rows, caption)


def _print_measures(statistics: dict[str, dict[str, Any]]) -> None:
    rows = []
    for label, row in statistics.items():
        for name in list(row)[list(row).index("fitness") :]:
            s = row[name]
            interval = f"{s.low:.4g} – {s.high:.4g}"
            rows.append([label, name, f"{s.mean:.4g}", interval, *(f"{v:.4g}" for v in s[4:])])
    headers = ("", "champion's", "mean", "95 % interval", "sd", "median", "least", "greatest")
    print_table(headers, rows, "Intervals of means are Student's.")


def _published_row(row: Published) -> list[str]:
    return [
        row.source,
        "–" if row.success is None else f"{row.success:.0%}",
        format_number(row.generations),
        format_number(row.evaluations),
        "–",
        format_number(row.sd),
        format_number(row.worst),
        format_number(row.hidden_nodes, 2),
        format_number(row.enabled_connections, 2),
    ]


def format_number(value: float | None, digits: int = 0) -> str:
    """Format a number; "–" for None and NaN."""
    return "–" if value is None or value != value else f"{value:,.{digits}f}"


def print_table(headers: tuple[str, ...], rows: list[list[str]], caption: str) -> None:
    """Print a table; one that is wider than the terminal in parts, each with the first column.

    If the output is no terminal, it counts as 140 columns wide.
    """
    from rich.console import Console

    console = Console(highlight=False)
    console = Console(highlight=False, width=None if console.is_terminal else 140)
    # Otherwise, a table measures as wide as the console at most.
    unlimited = console.options.update_width(10_000)
    part = [0]
    for column in range(1, len(headers)):
        wider = _make_table(headers, rows, [*part, column])
        if len(part) > 1 and console.measure(wider, options=unlimited).maximum > console.width:
            console.print(_make_table(headers, rows, part))
            part = [0]
        part.append(column)
    console.print(_make_table(headers, rows, part))
    console.print(caption, style="dim italic", markup=False)


def _make_table(headers: tuple[str, ...], rows: list[list[str]], columns: list[int]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(headers[column], justify="right" if column else "left")
    for row in rows:
        table.add_row(*(row[column] for column in columns))
    return table
