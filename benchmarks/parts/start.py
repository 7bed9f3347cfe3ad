"""The time of whole processes: the first start compiles everything, the second loads the builds from disk."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.support.report import Table, seconds

ROOT = Path(__file__).parents[2]
EXPERIMENT = ("-m", "experiments", "xor", "--generations", "100")
ROLLOUT = """
import evaluators, neat
from evaluators.environments import {name}
task = evaluators.Rollout({name}(), device="cpu")
task(neat.Population(neat.Config.for_task(task, population_size=10)).ask())
"""
REPEATS, FIRST_REPEATS = 5, 3


def run(quick: bool) -> dict[str, Any]:
    # Imports come first, because they write Python's bytecode for the rest.
    imports = [_timed(("-c", "import neat"), dict(os.environ)) for _ in range(2 if quick else REPEATS)]
    first, second, another = [], [], []
    for _ in range(1 if quick else FIRST_REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            first.append(_experiment(environment))
            second += [_experiment(environment) for _ in range(1 if quick else 2)]
            _timed(("-c", ROLLOUT.format(name="CartPole")), environment)
            another.append(_timed(("-c", ROLLOUT.format(name="MountainCar")), environment))
    medians = [statistics.median(times) for times in (first, second, imports, another)]
    return dict(zip(("first", "second", "import", "another"), medians, strict=True))


def _experiment(environment: dict[str, str]) -> float:
    with tempfile.TemporaryDirectory() as output:
        return _timed((*EXPERIMENT, "--output", f"{output}/run"), environment)


def _timed(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - begin


def tables(result: dict[str, Any]) -> list[Table]:
    command = f"python {' '.join(EXPERIMENT)}"
    return [
        Table(
            "Whole processes",
            ["what", "time", "target"],
            [
                [f"first `{command}`", seconds(result["first"]), "≤ 45 s"],
                [f"second `{command}`", seconds(result["second"]), "≤ 3 s"],
                ["`import neat`", seconds(result["import"]), "≤ 1 s"],
                [
                    "first generation in an environment, after another environment",
                    seconds(result["another"]),
                    "–",
                ],
            ],
        )
    ]
