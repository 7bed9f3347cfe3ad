"""`python -m tests.campaigns.cluster_kills` kills workers of a Ray cluster, and removes and adds its nodes.

A run on two nodes, each with room for one worker, loses a worker or a node in every other generation, at a random
moment. The generation after that has the workers that are left; then the node comes back. The campaign passes if every
generation ends, and its fitness and the evaluator's state have the same bytes as without workers.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time

import numpy as np

import neat
from evaluators import Distributed
from tests.support import distributed_tasks as tasks
from tests.support.ray_cluster import add_node, is_inside, missing, run_in_namespace, two_nodes

_MOST_WAIT = 60.0  # seconds for a worker to start


def population():
    evaluator = tasks.slow()
    genome = {"num_inputs": evaluator.num_inputs, "num_outputs": evaluator.num_outputs}
    return neat.Population(neat.Config(population_size=80, seed=1, genome=genome))


def wait_for_workers(distributed, count):
    """Evaluate nothing until this many workers are ready."""
    backend, end = distributed._backend, time.monotonic() + _MOST_WAIT
    while backend.workers < count:
        assert time.monotonic() < end, f"{backend.workers} of {count} workers after {_MOST_WAIT:g} s"
        backend._replace()
        backend.wait(0.2)


def kill_worker(distributed, draws):
    """Kill a random worker that is ready."""
    ready = [worker for worker in distributed._backend._workers if worker.is_ready]
    os.kill(int(ready[draws.integers(len(ready))].name.rpartition(" ")[2]), signal.SIGKILL)


class Losses:
    """Kills workers and removes nodes at random moments; every third loss is a node's.

    Attributes:
        killed: The number of workers killed.
        removed: The number of nodes removed.
    """

    def __init__(self, cluster, node, distributed, seed):
        self._cluster, self._node, self._distributed = cluster, node, distributed
        self._draws = np.random.default_rng(seed)
        self.killed = self.removed = 0

    def bring_back(self):
        """Add the node again that was removed, and let the worker on it start."""
        if self._node is None:
            self._node = add_node(self._cluster)
        wait_for_workers(self._distributed, 2)

    def begin(self):
        """Return a timer for the next loss, which has begun."""
        if (self.killed + self.removed) % 3 == 2:
            self.removed, node, self._node = self.removed + 1, self._node, None
            # Without grace, as if its power failed.
            timer = threading.Timer(self._draws.uniform(0, 0.2), self._cluster.remove_node, [node, False])
        else:
            self.killed += 1
            arguments = [self._distributed, self._draws]
            timer = threading.Timer(self._draws.uniform(0, 0.2), kill_worker, arguments)
        timer.start()
        return timer


def campaign(cluster, node, losses, seed=0):
    """Run the campaign on a cluster of two nodes, of which `node` is the second and may be gone afterwards.

    Returns:
        The numbers of workers that were killed and of nodes that were removed.
    """
    alone, expected, spread = tasks.slow(), population(), population()
    with Distributed(tasks.slow, cluster="auto") as distributed:
        trouble = Losses(cluster, node, distributed, seed)
        for generation in range(2 * losses + 1):
            if generation % 2 == 0:  # as few workers as are left
                timer = None
            else:
                trouble.bring_back()
                timer = trouble.begin()
            fitness = [alone(expected.ask()), distributed(spread.ask())]
            check_same(generation, fitness, [alone.state(), distributed.state()])
            expected.tell(fitness[0])
            spread.tell(fitness[1])
            if timer is not None:
                timer.join()
        return trouble.killed, trouble.removed


def check_same(generation, fitness, states):
    assert fitness[0].tobytes() == fitness[1].tobytes(), f"the fitness of generation {generation} differs"
    for name, array in states[0].items():
        assert array.tobytes() == states[1][name].tobytes(), f"{name} after generation {generation} differs"


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.cluster_kills", description=__doc__)
    parser.add_argument("--losses", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if is_inside():
        with two_nodes() as (cluster, node):
            killed, removed = campaign(cluster, node, options.losses, options.seed)
        print(f"{killed} workers killed, {removed} nodes removed and added: the same bytes")
        return
    if missing():
        sys.exit(missing())
    timeout = 60 + 20 * options.losses
    done = run_in_namespace("tests.campaigns.cluster_kills", *sys.argv[1:], timeout=timeout)
    # Ray tells of each loss before.
    print(done.stderr if done.returncode else done.stdout.strip().rpartition("\n")[2])
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
