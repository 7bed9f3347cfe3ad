"""Tasks for the studies of tests, which worker processes import."""

import os
import signal
from pathlib import Path

import numpy as np

from evaluators import Supervised


def xor():
    return Supervised([[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]])


class Weights:
    """An evaluator of the sum of weights, with two inputs and one output."""

    num_inputs, num_outputs = 2, 1

    def __call__(self, genomes):
        sums = np.zeros(len(genomes))
        np.add.at(
            sums,
            np.repeat(np.arange(len(genomes)), np.diff(genomes.arrays.connection_offset)),
            genomes.arrays.connection_weight,
        )
        return sums


def weights():
    return Weights()


def count_links(champion, evaluator):
    return {"links": len(champion.connections)}


def raise_error():
    """Fail in runs, but not when the plan is checked."""
    evaluator = Weights()
    evaluator.__class__ = Failing
    return evaluator


class Failing(Weights):
    """An evaluator that raises."""

    def __call__(self, genomes):
        raise RuntimeError("no such luck")


def die_once():
    """Kill this process if it is a worker and the file that an environment variable names exists."""
    flag = Path(os.environ["DIE_ONCE"])
    if flag.exists() and os.getpid() != int(flag.read_text()):
        flag.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return Weights()
