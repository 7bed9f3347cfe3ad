"""What a chunk costs the driver and its worker, measured on a Ray cluster."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import evaluators
import neat
from benchmarks.simulated_cluster import Costs

CHUNKS = 1000
BUSY_SLOTS = 8
REFERENCES = 1000


def median_seconds(work: Any, repeats: int) -> float:
    """Return the median seconds of some calls, after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def make_genomes(inputs: int, count: int) -> Any:
    """Return the first generation of a run."""
    config = neat.Config(population_size=count, genome={"num_inputs": inputs, "num_outputs": 1})
    return neat.Population(config).ask()


def make_clock() -> Any:
    """Return an evaluator whose fitness is the CPU time of its process."""
    return lambda genomes: np.full(len(genomes), time.process_time())


def measure_chunk(repeats: int = 3) -> Costs:
    """Return the costs of a chunk: the computations while driver and worker are busy, the delay while they are not."""
    driver, worker, _ = _measure_chunks(BUSY_SLOTS, repeats)
    idle_driver, idle_worker, whole = _measure_chunks(1, repeats)
    return Costs(driver, worker, max(0.0, whole - idle_driver - idle_worker), _measure_look())


def _measure_chunks(slots: int, repeats: int) -> list[float]:
    """Return the CPU seconds of driver and worker and the seconds of the clock, for each chunk of one genome."""
    genomes = make_genomes(2, CHUNKS)
    spent = []
    with evaluators.Distributed(
        make_clock, cluster="auto", workers=1, slots_per_worker=slots, chunk_size=1
    ) as distributed:
        distributed(genomes)
        for _ in range(repeats):
            begun = time.process_time(), time.perf_counter()
            clock = distributed(genomes)
            driver, whole = time.process_time() - begun[0], time.perf_counter() - begun[1]
            spent.append((driver / CHUNKS, np.ptp(clock) / (CHUNKS - 1), whole / CHUNKS))
    return np.median(spent, axis=0).tolist()


def _measure_look() -> float:
    """Return the seconds that the driver needs to look for answers, for each chunk that is under way."""
    import ray

    never = ray.remote(lambda: None).options(resources={"absent": 1})
    references = [never.remote() for _ in range(REFERENCES)]
    seconds = median_seconds(lambda: ray.wait(references, num_returns=1, timeout=0), 5)
    for reference in references:
        ray.cancel(reference)
    return 2 * seconds / REFERENCES  # it looks for the first, then for all
