"""Generations of XOR on one thread and on two, in turn; run by hand.

    python -m benchmarks.threads [--quick]

Both sides evolve the same seed, so that they do the same work, and take turns after each generation. The quantiles
are over the rounds, each of which repeats the run: on a machine that others use too, the lowest says most.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable

import numpy as np
from rich.console import Console

import neat
from benchmarks.busy import spinners
from benchmarks.report import Table, machine, seconds
from benchmarks.xor import Run
from neat.kernels import parallel

BEFORE, GENERATIONS, SEED = 10, 20, 1000
ROUNDS = {150: 60, 1_000: 60, 10_000: 10}  # by population
WORKERS = (parallel.Workers(1), parallel.Workers(2))
QUANTILES = (0.05, 0.25, 0.5)


def measure(population: int, rounds: int) -> np.ndarray:
    """Seconds of each generation in each round, float64 (threads, generations, rounds)."""
    times = np.empty((len(WORKERS), GENERATIONS, rounds))
    config = neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, population_size=population, seed=SEED)
    for round_ in range(rounds):
        runs = [Run(config, workers) for workers in WORKERS]
        for run in runs:
            run.advance(BEFORE)
        for generation in range(GENERATIONS):
            for side in (0, 1) if round_ % 2 else (1, 0):
                times[side, generation, round_] = runs[side].advance(1)["seconds"]
    return times


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
    Console(width=150).print(Table(title, columns, rows).rich())


if __name__ == "__main__":
    main()
