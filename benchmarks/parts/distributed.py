"""Workers of a Ray cluster: a slow environment, what a chunk costs, and XOR, which does not gain."""

from __future__ import annotations

import functools
import json
import sys
import time
from typing import Any

import evaluators
from benchmarks.support.chunk_costs import make_genomes, make_waiting, measure_chunk, measure_in_namespace
from benchmarks.support.report import Table, seconds
from benchmarks.support.timing import median_seconds
from benchmarks.support.xor import XOR
from tests.support import ray_cluster

WORKERS, SLOTS = 4, 8
TARGET = 25  # times one process
STEPS, STEP = 20, 0.005  # steps of an episode, and seconds of a step, in which the simulator only waits


def make_xor() -> evaluators.Supervised:
    return evaluators.Supervised(*XOR, device="cpu")


def measure(quick: bool) -> dict[str, Any]:
    """Measure; called within a namespace."""
    count = 320 if quick else 1280
    result: dict[str, Any] = {"genomes": count}
    with ray_cluster.two_nodes(num_cpus=WORKERS / 2):
        slow, few, make_slow = make_genomes(1, count), 64, functools.partial(make_waiting, STEPS, STEP)
        # Genomes take the same time, so a part of them tells what one process takes for all.
        alone = make_slow()
        result["alone"] = median_seconds(lambda: alone(slow.part(0, few)), 1) * count / few
        start = time.perf_counter()
        with evaluators.Distributed(
            make_slow, cluster="auto", workers=WORKERS, slots_per_worker=SLOTS
        ) as spread:
            while spread.status.workers < WORKERS:
                spread(slow.part(0, WORKERS * SLOTS))
            result["start"] = time.perf_counter() - start
            result["spread"] = median_seconds(lambda: spread(slow), 2 if quick else 3)
            result["waiting"] = spread.status.waiting
        xor, whole = make_genomes(2, 10_000), make_xor()
        result["xor_alone"] = median_seconds(lambda: whole(xor), 5)
        with evaluators.Distributed(make_xor, cluster="auto", workers=2) as spread:
            result["xor_spread"] = median_seconds(lambda: spread(xor), 5)
        result["chunk"] = measure_chunk()._asdict()
    return result


def run(quick: bool) -> dict[str, Any]:
    return measure_in_namespace("distributed", quick, timeout=600)


def tables(result: dict[str, Any]) -> list[Table]:
    return [
        Table(
            f"{result['genomes']:,} genomes, {STEPS} steps of {1e3 * STEP:g} ms that wait; {WORKERS} workers of "
            f"{SLOTS} slots on two nodes of one machine",
            ["one process", "workers", "faster by", "target", "workers waited", "start"],
            [
                [
                    seconds(result["alone"]),
                    seconds(result["spread"]),
                    f"{result['alone'] / result['spread']:.1f}×",
                    f"≥ {TARGET}×",
                    f"{100 * result['waiting']:.0f} %",
                    seconds(result["start"]),
                ]
            ],
            [
                "One process: from 64 genomes, since all take the same time. Start: until all workers are ready."
            ],
        ),
        Table(
            "10,000 genomes of XOR, and what a chunk of one genome costs",
            [
                "one process",
                "two workers",
                "faster by",
                "a chunk: the driver's CPU",
                "the worker's CPU",
                "on the way",
            ],
            [
                [
                    seconds(result["xor_alone"]),
                    seconds(result["xor_spread"]),
                    f"{result['xor_alone'] / result['xor_spread']:.2f}×",
                    *(seconds(result["chunk"][name]) for name in ("driver", "worker", "delay")),
                ]
            ],
            [
                "A chunk: beside its evaluation, with one worker that has one slot. CPU: of all threads of the process."
            ],
        ),
    ]


if __name__ == "__main__":
    print(json.dumps(measure("--quick" in sys.argv)))
