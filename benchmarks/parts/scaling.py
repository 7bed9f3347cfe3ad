"""Workers up to 10,000: what a generation costs the driver, and how much of their time workers evaluate.

The costs are measured on a Ray cluster of two nodes of this machine. The library's own loop then hands out chunks to
a cluster in simulated time, which is first held against the real one. Writes docs/distributed/efficiency.svg.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from typing import Any

import numpy as np

import evaluators
import neat
from benchmarks.support.chunk_costs import make_genomes, make_waiting, measure_chunk, measure_in_namespace
from benchmarks.support.efficiency import GENOMES_PER_WORKER, ROUND, WORKERS, draw, predict
from benchmarks.support.report import Table, seconds
from benchmarks.support.simulated_cluster import Costs, Evaluation, simulate
from benchmarks.support.timing import median_seconds
from evaluators.distributed.chunks import Cutter
from evaluators.distributed.ray_executor import RayExecutor
from evaluators.distributed.worker import Job, join
from tests.support import ray_cluster

MOST_DEVIATION = 0.1  # of the simulation from the measured cluster
STEP = 0.005  # seconds of a step, in which the simulator waits
PLACES = {2: (2, 1), 4: (4, 1), 8: (4, 2), 16: (4, 4), 32: (4, 8)}  # slots → workers, slots of each
STEPS = {1: 320, 4: 80, 20: 40}  # steps of an episode → genomes for each slot
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
ISLANDS = 40  # that are measured
MEMORY = 3_000_000_000  # bytes of a node's object store, which holds 10⁶ genomes


def count_nodes(genomes: neat.Genomes) -> np.ndarray:
    """Return a fitness that takes next to no time."""
    return np.diff(genomes.arrays.node_offset).astype(float)


def make_quick() -> Any:
    return count_nodes


def measure(quick: bool) -> dict[str, Any]:
    """Measure; called within a namespace."""
    with ray_cluster.two_nodes(num_cpus=2, memory=MEMORY):
        costs = measure_chunk(1 if quick else 5)
        check = [
            measure_waiting(slots, steps, costs, 1 if quick else 3)
            for steps in ((4,) if quick else STEPS)
            for slots in ((2, 8) if quick else PLACES)
        ]
        driver = [measure_driver(count) for count in SIZES[: 3 if quick else None]]
        return {"costs": costs._asdict(), "check": check, "driver": driver, "island": measure_islands()}


def measure_waiting(slots: int, steps: int, costs: Costs, repeats: int) -> dict[str, float]:
    """Return what genomes that wait take, measured and simulated."""
    workers, each = PLACES[slots]
    genomes, make = make_genomes(1, STEPS[steps] * slots), functools.partial(make_waiting, steps, STEP)
    evaluation = measure_alone(steps, genomes.part(0, 64))
    with evaluators.Distributed(make, cluster="auto", workers=workers, slots_per_worker=each) as distributed:
        while distributed.status.workers < workers:
            distributed(genomes.part(0, slots))
        distributed(genomes)
        measured = median_seconds(lambda: distributed(genomes), repeats)
    simulated = simulate(genomes, slots, costs, evaluation, len(os.sched_getaffinity(0))).seconds
    return {
        "slots": slots,
        "seconds": steps * STEP,
        "genomes": len(genomes),
        "measured": measured,
        "simulated": simulated,
    }


def measure_alone(steps: int, genomes: neat.Genomes) -> Evaluation:
    """Return what a genome takes in this process; it computes without a pause, as a busy core does."""
    waiting, computing = make_waiting(steps, STEP), make_waiting(steps, 0.0)
    whole = median_seconds(lambda: waiting(genomes), 1) / len(genomes)
    compute = median_seconds(lambda: computing(genomes), 9) / len(genomes)
    return Evaluation(whole - compute, compute, steps)


def measure_driver(count: int) -> dict[str, float]:
    """Return the seconds that the driver needs for a generation, beside its chunks."""
    import ray

    population = neat.Population(
        neat.Config(population_size=count, seed=1, genome={"num_inputs": 8, "num_outputs": 2})
    )
    breed = []
    for _ in range(4):
        fitness = count_nodes(population.ask())
        start = time.perf_counter()
        population.tell(fitness)
        genomes = population.ask()
        breed.append(time.perf_counter() - start)
    slots = max(1, count // GENOMES_PER_WORKER)
    cutter = Cutter(None)
    spans = cutter.cut(genomes, slots)
    took = [0.1 * (end - begin) for begin, end in spans]
    job = Job("__call__", genomes, (), False)
    parts = [{"fitness": np.zeros(end - begin)} for begin, end in spans]
    return {
        "genomes": count,
        "breed": float(np.median(breed[1:])),
        "cut": median_seconds(lambda: cutter.cut(genomes, slots), 3),
        "put": median_seconds(lambda: ray.put(job), 3),
        "join": median_seconds(lambda: (join(parts), cutter.learn(genomes, spans, took)), 3),
        "chunks": len(spans),
    }


def measure_islands() -> dict[str, float]:
    """Return the seconds that a round of an island costs the driver and the worker, beside evaluations."""
    config = neat.Config(
        population_size=GENOMES_PER_WORKER,
        seed=1,
        innovation="hashed",
        genome={"num_inputs": 8, "num_outputs": 2},
    )
    many = neat.Islands(config, make_quick, islands=ISLANDS, migrate_every=ROUND)
    with RayExecutor("auto") as executor:
        many.run(ROUND, executor=executor)  # processes start
        begun = time.process_time()
        many.run(4 * ROUND, executor=executor)
        driver = (time.process_time() - begun) / (3 * ISLANDS)
    few = neat.Islands(config, make_quick, islands=1, migrate_every=ROUND)
    few.run(ROUND)
    start = time.perf_counter()
    few.run(11 * ROUND)
    return {"driver": driver, "worker": (time.perf_counter() - start) / 10}


def run(quick: bool) -> dict[str, Any]:
    result = measure_in_namespace("scaling", quick, timeout=1200)
    result["efficiency"] = predict(result, quick)
    if not quick:
        draw(result["efficiency"])
    return result


def tables(result: dict[str, Any]) -> list[Table]:
    return [_costs(result), _check(result["check"]), _driver(result), _efficiency(result["efficiency"])]


def _costs(result: dict[str, Any]) -> Table:
    costs, island = result["costs"], result["island"]
    return Table(
        f"What a chunk costs, and a round of {ROUND} generations of an island of {GENOMES_PER_WORKER} genomes",
        ["", "driver", "worker", "on the way", "a look, for each chunk under way"],
        [
            ["chunk", *(seconds(costs[name]) for name in ("driver", "worker", "delay", "look"))],
            ["round of an island", seconds(island["driver"]), seconds(island["worker"]), "", ""],
        ],
        ["CPU time beside evaluations. The worker breeds its island, the driver the one population."],
    )


def _check(rows: list[dict[str, float]]) -> Table:
    cells = []
    for row in rows:
        deviation = row["simulated"] / row["measured"] - 1
        cells.append(
            [
                f"{row['seconds'] * 1e3:g} ms",
                f"{row['slots']}",
                f"{row['genomes']:,}",
                seconds(row["measured"]),
                seconds(row["simulated"]),
                f"{100 * deviation:+.0f} %",
            ]
        )
    title = f"The simulation beside the cluster of this machine; at most {100 * MOST_DEVIATION:.0f} % apart"
    columns = ["an evaluation waits", "slots", "genomes", "measured", "simulated", "deviation"]
    return Table(title, columns, cells)


def _driver(result: dict[str, Any]) -> Table:
    cells = []
    for row in result["driver"]:
        chunks = row["chunks"] * result["costs"]["driver"]
        parts = [row[name] for name in ("breed", "cut", "put")] + [chunks, row["join"]]
        cells.append([f"{row['genomes']:,}", *map(seconds, parts), seconds(sum(parts))])
    return Table(
        f"What a generation costs the driver, with {GENOMES_PER_WORKER} genomes for each worker",
        ["genomes", "breed", "cut", "put", "hand out chunks", "put together", "all"],
        cells,
        ["Networks of 8 inputs and 2 outputs. There are 4 chunks for each worker."],
    )


def _efficiency(rows: list[dict[str, Any]]) -> Table:
    last = len(rows[0]["population"])
    shown = [place for place in map(WORKERS.index, (1, 10, 100, 1_000, 10_000)) if place < last]
    cells = []
    for row in rows:
        for kind, name in (("population", "one population"), ("islands", "islands")):
            half = row[f"{kind}_half"]
            cells.append(
                [
                    f"{seconds(row['seconds'])}, {name}",
                    *(f"{100 * share:.0f} %" for share in np.array(row[kind])[shown]),
                    "more" if half is None else f"{half:,.0f}",
                ]
            )
    return Table(
        f"Time in which workers evaluate, simulated with {GENOMES_PER_WORKER} genomes for each worker",
        ["an evaluation", *(f"{WORKERS[place]:,} workers" for place in shown), "half the time up to"],
        cells,
    )


if __name__ == "__main__":
    print(json.dumps(measure("--quick" in sys.argv)))
