"""Whole generations of XOR beside neat-python, with the settings of its own example.

neat-python runs in a virtual environment of its own, which the first run creates. Both sides take turns on the same
seeds. The turns are long enough that batchneat's caches are as warm as in a run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import venv
from pathlib import Path
from typing import Any

from benchmarks.support.report import Table, seconds
from benchmarks.support.xor import Run
from neat.io.neat_python import config_from_ini

SUPPORT = Path(__file__).parents[1] / "support"
ENVIRONMENT = SUPPORT.parents[1] / ".venv-neat-python"
INI = SUPPORT / "xor.ini"

# population → (seeds, generations before measuring, turns, generations in a turn, least speed-up)
PLAN = {150: (5, 10, 2, 20, 20), 1_000: (4, 10, 2, 9, 50), 10_000: (3, 10, 1, 8, 100)}
QUICK_PLAN = {150: (2, 5, 3, 5, 20), 1_000: (1, 5, 3, 2, 50)}


class NeatPython:
    """neat-python in an isolated process, because both packages are called `neat`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [python(), "-I", "-W", "ignore", SUPPORT / "neat_python_worker.py", INI],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=SUPPORT,
        )

    def ask(self, **request: int) -> dict[str, Any]:
        """Send a request and return the worker's answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def version(self) -> str:
        program = "from importlib.metadata import version; print(version('neat-python'))"
        return subprocess.run(
            [python(), "-I", "-c", program], capture_output=True, text=True, check=True
        ).stdout.strip()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def python() -> Path:
    """Return the interpreter of neat-python's environment, which is created if necessary."""
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = ENVIRONMENT / folder / name
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "neat-python>=2"], check=True)
    return python


def run(quick: bool) -> dict[str, Any]:
    _compile()
    theirs = NeatPython()
    try:
        rows = [_measure(size, *plan, theirs) for size, plan in (QUICK_PLAN if quick else PLAN).items()]
        return {"neat_python": theirs.version(), "rows": rows}
    finally:
        theirs.close()


def _compile() -> None:
    """Build all kernels that the sizes need, among them the parallel ones."""
    for size in (150, 1_000):
        Run(config_from_ini(INI, population_size=size).config).advance(10)


def _measure(
    size: int, seeds: int, before: int, turns: int, generations: int, target: int, theirs: NeatPython
) -> dict[str, Any]:
    ours_turns, theirs_turns = [], []
    for seed in range(seeds):
        ours = Run(config_from_ini(INI, population_size=size, seed=seed).config)
        theirs.ask(population=size, seed=seed)
        ours.advance(before)
        theirs.ask(generations=before)
        for _ in range(turns):
            ours_turns.append(ours.advance(generations))
            theirs_turns.append(theirs.ask(generations=generations))
    return {
        "population": size,
        "turns": seeds * turns,
        "window": [before, before + turns * generations],
        "ours": _summary(ours_turns, generations),
        "theirs": _summary(theirs_turns, generations),
        "target": target,
    }


def _summary(turns: list[dict[str, Any]], generations: int) -> dict[str, float]:
    return {
        "seconds": statistics.median(turn["seconds"] for turn in turns) / generations,
        "genes": statistics.mean(turn["nodes"] + turn["connections"] for turn in turns),
        "species": statistics.mean(turn["species"] for turn in turns),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    rows = []
    for row in result["rows"]:
        ours, theirs = row["ours"], row["theirs"]
        rows.append(
            [
                f"{row['population']:,}",
                seconds(theirs["seconds"]),
                seconds(ours["seconds"]),
                f"{theirs['seconds'] / ours['seconds']:.0f}×",
                f"≥ {row['target']}×",
                f"{theirs['genes']:.1f}",
                f"{ours['genes']:.1f}",
                f"{theirs['species']:.1f}",
                f"{ours['species']:.1f}",
                f"{row['window'][0]}-{row['window'][1]}",
                str(row["turns"]),
            ]
        )
    columns = ["population", "neat-python", "batchneat", "speed-up", "target", "genes, theirs", "genes, ours"]
    columns += ["species, theirs", "species, ours", "generations", "turns"]
    return [
        Table(
            f"A generation of XOR: evaluate, speciate, reproduce (neat-python {result['neat_python']})",
            columns,
            rows,
            [
                "Both sides use benchmarks/support/xor.ini, neat-python's own example, which neat.neat_python imports.",
                "Medians of the turns after compilation; means of genes (nodes and connections) and species.",
            ],
        )
    ]
