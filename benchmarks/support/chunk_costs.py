"""What a chunk costs the driver and its worker, measured on a Ray cluster, and what such measurements share.

Ray listens on all interfaces, so they run in a network namespace of their own, on two nodes of one machine.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from typing import Any

import numpy as np

import evaluators
import neat
from benchmarks.support.simulated_cluster import Costs
from benchmarks.support.timing import median_seconds
from tests.support import ray_cluster

CHUNKS = 1000
BUSY_SLOTS = 8
REFERENCES = 1000


def measure_in_namespace(part: str, quick: bool, timeout: float) -> dict[str, Any]:
    """Return what a part prints as JSON in a namespace; exit if that is not possible."""
    if ray_cluster.missing():
        sys.exit(f"{part}: {ray_cluster.missing()}")
    arguments = ["--quick"] if quick else []
    done = ray_cluster.run_in_namespace(f"benchmarks.parts.{part}", *arguments, timeout=timeout)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def wait(steps: int, seconds: float, network: evaluators.Network) -> float:
    """Return the fitness in an environment whose steps do not use the CPU while they wait."""
    total = 0.0
    for step in range(steps):
        time.sleep(seconds)
        total += float(network.activate([step / steps])[0])
    return total


def make_waiting(steps: int, seconds: float) -> evaluators.PerGenome:
    return evaluators.PerGenome(functools.partial(wait, steps, seconds))


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
