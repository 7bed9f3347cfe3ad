"""The speed of this checkout beside that of another one, in turns on the same machine.

    python -m benchmarks.pairs OTHER_CHECKOUT
    python -m benchmarks.pairs OTHER_CHECKOUT --rounds 15 --only forward --only second-start

Every number comes from a fresh process that sees one of the checkouts; the two take turns. One process of each runs
untimed before, which leaves Python's bytecode and the compiled kernels on disk. What is measured cold finds that
bytecode, but not those kernels: its cache of kernels lies in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.support import pair_work
from benchmarks.support.report import Table, seconds

ROOT = Path(__file__).parents[1]
START = """
import evaluators, neat
evaluator = evaluators.Supervised([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], device="cpu")
neat.Population(neat.Config.for_task(evaluator, seed=0)).run(evaluator, generations=3)
"""

Numbers = dict[str, float]  # seconds by row
Pairs = list[tuple[float, float]]  # of this and of the other checkout, for each round


class Measurement(NamedTuple):
    """What is measured in a checkout, given the folder of its cache of kernels (None: where the library has it)."""

    measure: Callable[[Path, Path | None], Numbers]
    is_cold: bool = False
    prepare: Callable[[Path, Path], object] | None = None
    """Fills the cache that every cold process starts with a copy of."""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pairs", description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=7, help="processes of each checkout for each number")
    parser.add_argument("--cold-rounds", type=int, default=3, help="the same for what is measured cold")
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="may be repeated; default: all")
    options = parser.parse_args(arguments)
    other = options.other.resolve()
    if not (other / "neat").is_dir():
        parser.error(f"other: there is no folder neat in {other}")
    for option in ("rounds", "cold_rounds"):
        if getattr(options, option) < 1:
            parser.error(f"{option}: must be at least 1, got {getattr(options, option)}")
    rows = []
    for name in options.only or MEASUREMENTS:
        measurement = MEASUREMENTS[name]
        rounds = options.cold_rounds if measurement.is_cold else options.rounds
        for row in _pairs(measurement, other, rounds).items():
            rows.append(_cells(*row))
            print(time.strftime("%H:%M:%S"), *rows[-1], sep="  ", file=sys.stderr, flush=True)
    print(_table(rows, other).markdown())


def _pairs(measurement: Measurement, other: Path, rounds: int) -> dict[str, Pairs]:
    """For each row the numbers of this and of the other checkout."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = {checkout: Path(folder) / name for name, checkout in (("this", ROOT), ("other", other))}
        for checkout, cache in prepared.items():
            measurement.measure(checkout, None)
            cache.mkdir()
            if measurement.prepare is not None:
                measurement.prepare(checkout, cache)
        found: dict[str, Pairs] = {}
        for _ in range(rounds):
            mine, theirs = (_once(measurement, checkout, prepared[checkout]) for checkout in (ROOT, other))
            for row in mine:
                found.setdefault(row, []).append((mine[row], theirs[row]))
        return found


def _once(measurement: Measurement, checkout: Path, prepared: Path) -> Numbers:
    if not measurement.is_cold:
        return measurement.measure(checkout, None)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        return measurement.measure(checkout, Path(folder))


def _cells(name: str, pairs: Pairs) -> list[str]:
    """Return a row of the table."""
    mine, theirs = zip(*pairs, strict=True)
    ratio = statistics.median(mine) / statistics.median(theirs)
    fastest = min(mine) / min(theirs)
    return [name, _spread(theirs), _spread(mine), f"{ratio:.3f}", f"{fastest:.3f}"]


def _table(rows: list[list[str]], other: Path) -> Table:
    return Table(
        f"This checkout beside {other}",
        ["what", "other (least – greatest)", "this (least – greatest)", "this / other", "fastest / fastest"],
        rows,
        [
            "Medians over processes that each see one of the checkouts, in turns. On a machine that others use too, the"
            " ratio of the fastest says more than that of the medians."
        ],
    )


def _spread(values: tuple[float, ...]) -> str:
    return f"{seconds(statistics.median(values))} ({seconds(min(values))} – {seconds(max(values))})"


def _environment(checkout: Path, cache: Path | None) -> dict[str, str]:
    """Return the environment variables of a process that imports this checkout."""
    ours = {"PYTHONPATH": str(checkout), "OPENBLAS_NUM_THREADS": "1"}
    ours |= {} if cache is None else {"NUMBA_CACHE_DIR": str(cache)}
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **ours}


def _work(name: str) -> Callable[[Path, Path | None], Numbers]:
    """Return a function that runs `pair_work` in a checkout and returns its numbers."""

    def measure(checkout: Path, cache: Path | None) -> Numbers:
        # -P: without it, a file beside the script would hide a module of the same name.
        done = subprocess.run(
            [sys.executable, "-P", pair_work.__file__, name],
            env=_environment(checkout, cache),
            cwd=checkout,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return json.loads(done.stdout)

    return measure


def _whole(title: str, *arguments: str) -> Callable[[Path, Path | None], Numbers]:
    """Wall-clock and CPU seconds of a whole process and the processes that it starts."""

    def measure(checkout: Path, cache: Path | None) -> Numbers:
        with tempfile.TemporaryDirectory() as output:
            command = [sys.executable, *(each.format(output=f"{output}/run") for each in arguments)]
            cpu, begin = _cpu_of_children(), time.perf_counter()
            subprocess.run(
                command,
                env=_environment(checkout, cache),
                cwd=checkout,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            wall = time.perf_counter() - begin
        return {f"{title}: CPU": _cpu_of_children() - cpu, f"{title}: wall clock": wall}

    return measure


def _cpu_of_children() -> float:
    """CPU seconds of all processes that have ended and that this one, or one of them, has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


LIBRARY = ("-c", START)
COMMAND = ("-m", "experiments", "xor", "--generations", "3", "--output", "{output}")

MEASUREMENTS = {
    **{name: Measurement(_work(name)) for name in pair_work.WORK if name != "first-gradient"},
    "second-start": Measurement(_whole("second start, three generations of XOR", *LIBRARY)),
    "second-command": Measurement(_whole("second `python -m experiments xor`", *COMMAND)),
    "first-start": Measurement(_whole("first start, three generations of XOR", *LIBRARY), is_cold=True),
    "first-command": Measurement(_whole("first `python -m experiments xor`", *COMMAND), is_cold=True),
    "first-gradient": Measurement(_work("first-gradient"), is_cold=True, prepare=_whole("", *LIBRARY)),
}

if __name__ == "__main__":
    main(sys.argv[1:])
