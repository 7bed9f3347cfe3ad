"""A small generation while another process spins on every core, beside the same generation on an idle machine."""

from __future__ import annotations

import multiprocessing
import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import neat
from benchmarks.support.report import Table, seconds
from benchmarks.support.xor import Run, default_config

POPULATION, BEFORE, GENERATIONS, TURNS = 150, 50, 200, 5
TARGET = 3.0


@contextmanager
def beside(count: int, work: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Run processes within the context. Each calls `work(ready, *arguments)`, which calls `ready` and never returns."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count + 1)
    processes = [
        context.Process(target=_work, args=(barrier, work, arguments), daemon=True) for _ in range(count)
    ]
    for process in processes:
        process.start()
    try:
        barrier.wait(60)  # seconds; a process may have failed
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _work(barrier: Any, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    work(barrier.wait, *arguments)


def spinners() -> AbstractContextManager[None]:
    """A process that spins on every core."""
    return beside(os.cpu_count() or 1, _spin)


def _spin(ready: Callable[[], Any]) -> None:
    ready()
    while True:
        pass


def run(quick: bool) -> dict[str, Any]:
    config = default_config(POPULATION)
    idle, busy = [], []
    for _ in range(2 if quick else TURNS):
        # Both measure the same generations of the same run, so that only the load of the machine differs.
        idle.append(_generation(config))
        with spinners():
            busy.append(_generation(config))
    return {"population": POPULATION, "idle": statistics.median(idle), "busy": statistics.median(busy)}


def _generation(config: neat.Config) -> float:
    run_ = Run(config)
    run_.advance(BEFORE)
    return run_.advance(GENERATIONS)["seconds"] / GENERATIONS


def tables(result: dict[str, Any]) -> list[Table]:
    return [
        Table(
            f"A generation of {result['population']} genomes, XOR, default settings",
            ["idle", "another process on every core", "slower by", "target"],
            [
                [
                    seconds(result["idle"]),
                    seconds(result["busy"]),
                    f"{result['busy'] / result['idle']:.2f}×",
                    f"≤ {TARGET:g}×",
                ]
            ],
        )
    ]
