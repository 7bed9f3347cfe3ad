"""The command line: run some parts, print their tables, and store the results.

A part is a module of benchmarks/parts with `run(quick)`, which returns data for JSON, and `tables(result)`, which
returns report.Table objects.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.support import report

PARTS = (
    "generation",
    "growth",
    "start",
    "forward",
    "busy",
    "profile",
    "screening",
    "physics",
    "rollout",
    "control",
    "export",
    "learns",
    "learning_screen",
    "learning_within",
    "friedman1",
    "tabular",
    "convolution",
    "layers",
    "ppo",
    "policy_gradients",
)
OPTIONAL_PARTS = ("distributed", "scaling", "gpu")  # need Ray, or special hardware
HERE = Path(__file__).parent


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parts = f"of {', '.join(PARTS)}, or {', '.join(OPTIONAL_PARTS)}; without any, all but these"
    parser.add_argument("parts", nargs="*", metavar="part", help=parts)
    parser.add_argument("--quick", action="store_true", help="measure less; the results are not stored")
    options = parser.parse_args(arguments)
    for name in options.parts:
        if name not in PARTS + OPTIONAL_PARTS:
            parser.error(f"part: must be {parts}, got {name!r}")
    console = Console()
    for name in options.parts or PARTS:
        console.rule(name)
        part = importlib.import_module(f"benchmarks.parts.{name}")
        result = part.run(options.quick)
        for table in part.tables(result):
            console.print(table.rich())
        if not options.quick:
            _store(name, result)


def _store(name: str, result: dict[str, Any]) -> None:
    """Write a part's result to results.json, and rewrite the page."""
    file = HERE / "results.json"
    results = json.loads(file.read_text("utf-8")) if file.exists() else {}
    results[name] = {
        "command": f"python -m benchmarks {name}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": report.machine(),
        "result": result,
    }
    ordered = {part: results[part] for part in PARTS + OPTIONAL_PARTS if part in results}
    file.write_text(json.dumps(ordered, indent=1) + "\n", "utf-8")
    (HERE / "RESULTS.md").write_text(_page(ordered), "utf-8")


def _page(results: dict[str, Any]) -> str:
    lines = [
        "# Measurements",
        "",
        "Written by `python -m benchmarks`; the numbers are in `results.json`.",
        "",
    ]
    for name, entry in results.items():
        lines += [f"## {name}", "", _describe_measurement(entry), ""]
        part = importlib.import_module(f"benchmarks.parts.{name}")
        for table in part.tables(entry["result"]):
            lines += [table.markdown(), ""]
    return "\n".join(lines)


def _describe_measurement(entry: dict[str, Any]) -> str:
    m = entry["machine"]
    hardware = f"{m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB, {m['system']}"
    versions = f"Python {m['python']}, numpy {m['numpy']}, numba {m['numba']}"
    return f"`{entry['command']}`, {entry['date']}: {hardware}, {versions}."


if __name__ == "__main__":
    main(sys.argv[1:])
