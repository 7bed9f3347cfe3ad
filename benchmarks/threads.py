"""Generations of XOR on one thread and on two, in turn; run by hand.

    python -m benchmarks.threads [--quick]

Both sides evolve the same seed, so that they do the same work, and take turns after each generation. The quantiles
are over the rounds, each of which repeats the run: on a machine that others use too, the lowest says most.

Before that, a run on one thread is timed alone and beside another process that evolves too, in turn. Threads cannot
gain more than two processes do. Cores that share their arithmetic units, as virtual ones can, do less than twice the
work.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.parts.busy import beside, spinners
from benchmarks.support.report import Table, machine, seconds
from benchmarks.support.xor import Run, default_config
from neat.kernels import parallel

BEFORE, GENERATIONS, SEED = 10, 20, 1000
ROUNDS = {150: 60, 1_000: 60, 10_000: 10}  # by population
WORKERS = (parallel.Workers(1), parallel.Workers(2))
QUANTILES = (0.05, 0.25, 0.5)


def measure(population: int, rounds: int) -> np.ndarray:
    """Seconds of each generation in each round, float64 (threads, generations, rounds)."""
    times = np.empty((len(WORKERS), GENERATIONS, rounds))
    config = default_config(population, seed=SEED)
    for round_ in range(rounds):
        runs = [Run(config, workers) for workers in WORKERS]
        for run in runs:
            run.advance(BEFORE)
        for generation in range(GENERATIONS):
            for side in (0, 1) if round_ % 2 else (1, 0):
                times[side, generation, round_] = runs[side].advance(1)["seconds"]
    return times


def compare_cores(population: int, rounds: int) -> np.ndarray:
    """Return how many times the work of one core two cores do in separate processes, float64 (len(QUANTILES),)."""
    is_on = multiprocessing.get_context("spawn").Event()
    times = np.empty((2, rounds))  # alone, and beside the other process
    config = default_config(population, seed=SEED)
    with beside(1, _evolve, population, is_on):
        for round_ in range(rounds):
            for side in (0, 1) if round_ % 2 else (1, 0):
                if side:
                    is_on.set()
                times[side, round_] = Run(config, WORKERS[0]).advance(BEFORE + GENERATIONS)["seconds"]
                is_on.clear()
    alone, together = np.quantile(times, QUANTILES, axis=1).T
    return 2 * alone / together


def _evolve(ready: Callable[[], Any], population: int, is_on: Any) -> None:
    """Evolve on one thread while an event is set, without end."""
    config = default_config(population, seed=SEED)
    Run(config, WORKERS[0]).advance(1)
    ready()
    while True:
        run = Run(config, WORKERS[0])
        for _ in range(BEFORE + GENERATIONS):
            is_on.wait()
            run.advance(1)


def _row(label: str, times: np.ndarray) -> list[str]:
    row = [label]
    for quantile in QUANTILES:
        one, two = np.quantile(times, quantile, axis=2).mean(axis=1)
        row += [seconds(one), seconds(two), f"{one / two:.2f}×"]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threads", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the rounds")
    share = 4 if parser.parse_args().quick else 1
    console = Console(width=150)
    for population, rounds in ROUNDS.items():
        *others, last = (f"{ratio:.2f}" for ratio in compare_cores(population, rounds // share))
        console.print(f"{population:,}: two cores do {', '.join(others)} or {last} times the work of one")
    rows = []
    circumstances: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
        "": contextlib.nullcontext,
        ", a process spins on every core": spinners,
    }
    for label, circumstance in circumstances.items():
        with circumstance():
            for population, rounds in ROUNDS.items():
                rows.append(_row(f"{population:,}{label}", measure(population, rounds // share)))
    columns = ["population"]
    for quantile in QUANTILES:
        columns += [f"{100 * quantile:.0f} %: one thread", "two", "speed-up"]
    title = f"A generation of XOR, plain settings ({machine()['processor']})"
    console.print(Table(title, columns, rows).rich())


if __name__ == "__main__":
    main()
