"""Evaluators and factories for tests of workers, which import this module."""

import os
import signal
import time
from pathlib import Path

import numpy as np

import evaluators
from evaluators.environments import CartPole
from tests.support.gymnasium_environments import Walk


def learning():
    x = np.linspace(-1, 1, 24, dtype=np.float32)[:, None]
    return evaluators.Supervised(
        x, np.sin(3 * x), learn_steps=3, learn_best=0.4, learn_batch=16, device="cpu"
    )


def scoring():
    x = np.linspace(-1, 1, 24, dtype=np.float32)[:, None]
    return evaluators.Supervised(x, x * x, device="cpu")


def acting():
    return evaluators.Rollout(
        CartPole(), episodes=3, starts="genome", observations="normalised", device="cpu", combine="min"
    )


class Slow(evaluators.Rollout):
    """A rollout whose genomes take longer, so that workers die amid their chunks."""

    def play_part(self, genomes, *arguments):
        time.sleep(0.005 * len(genomes))
        return super().play_part(genomes, *arguments)


def slow():
    return Slow(CartPole(), episodes=3, starts="genome", observations="normalised", device="cpu")


def balancing():
    return evaluators.Rollout(CartPole(), episodes=2, device="cpu", combine="sum")


def walking():
    return evaluators.Gymnasium(Walk, episodes=2, starts="genome", observations="normalised")


def draw(network):
    """A random simulator that repeats: fitness from the network and its seed."""
    noise = np.random.default_rng(network.seed).normal()
    return float(network.activate([0.5])[0] + noise)


def drawing():
    return evaluators.PerGenome(draw)


class Hazard:
    """An evaluator with one input whose genomes can fail: the first bias of a genome is its place.

    Args:
        folder: Where a file named after a genome's place lets it end, stop or fail a worker. A file with text is
            deleted first, so that this happens once.
    """

    num_inputs = num_outputs = 1

    def __init__(self, folder):
        self._folder = Path(folder)

    def __call__(self, genomes):
        for index in range(len(genomes)):
            self._meet(genomes.first + index)
        return np.arange(len(genomes), dtype=float) + genomes.first

    def _meet(self, place):
        for kind in ("kill", "hang", "raise"):
            file = self._folder / f"{kind}-{place}"
            if not file.exists():
                continue
            if file.read_text():
                file.unlink()
            if kind == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "hang":
                time.sleep(1000)
            raise KeyError(f"no wheel on {place}")
