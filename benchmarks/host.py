"""The host's time for a generation that a GPU evaluates. It needs no GPU, and is run by hand.

    python -m benchmarks.host

The host does everything that it does with a GPU, but cupy, the driver and the GPU do nothing: no kernel runs, and
nothing is copied. With a GPU, add the kernels, the copies and the driver's part of about six calls.
"""

import functools
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

import evaluators
import neat
from benchmarks.parts.forward import CONNECTIONS, INPUTS, NODES, random_genomes
from benchmarks.parts.gpu import EPISODES, GENOMES, MANY, SAMPLES, in_one_block
from benchmarks.support.xor import XOR
from evaluators import devices
from evaluators.environments import CartPole
from evaluators.gpu import launcher
from neat.genome.genome import Genomes
from neat.kernels import parallel
from tests.gpu.emulator import EmulatedArrays, emulation

ROUNDS = 201


class _IdleDevice(EmulatedArrays):
    """A device that does nothing; all bytes that it returns are 1."""

    def fill(self, target, source):
        pass

    def set_bytes(self, block, value, size):
        pass

    def empty_host(self, size):
        return _ones(size)

    def fetch(self, target, source):
        pass


@functools.cache  # like the memory pool, which returns freed memory again
def _ones(size: int) -> np.ndarray:
    return np.ones(size, np.uint8)


@contextmanager
def _idle_device() -> Iterator[None]:
    @functools.cache
    def built(kernel, device, dynamic_bytes):
        return SimpleNamespace(makers=launcher.makers(kernel.signature))

    def start(kernel, blocks, dynamic_bytes, stream, *arguments):
        launcher.words(kernel.makers, arguments)

    with (
        tempfile.TemporaryDirectory() as folder,
        emulation(folder, built=built, start=start),
        mock.patch.object(devices, "_Cupy", _IdleDevice),
    ):
        yield


def main() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(SAMPLES, INPUTS)), rng.normal(size=SAMPLES)
    others = [random_genomes(rng, GENOMES, INPUTS, NODES, CONNECTIONS - k, "tanh") for k in (0, 1)]
    with _idle_device():
        for size in (150, GENOMES):
            task = evaluators.Rollout(CartPole(), EPISODES, device="cuda")
            name, generations = f"CartPole, {size:,} genomes × {EPISODES} episodes", _generations(task, size)
            _report(name, task, generations)
            _report(f"{name}, the same genomes again", task, itertools.repeat(next(generations)))
        data_set = evaluators.Supervised(*data, device="cuda")
        name = f"forward, {GENOMES:,} genomes × {SAMPLES:,} samples"
        _report(name, data_set, itertools.cycle(map(in_one_block, others)))
        many = in_one_block(random_genomes(rng, MANY, 2, 3, 8, "tanh", bias_input=True))
        xor = evaluators.Supervised(*XOR, device="cuda")
        _report(f"XOR, {MANY:,} genomes", xor, itertools.repeat(many, 21))
        parallel.set_threads(1)
        _report(
            "their programs, compiled on one core of the CPU", evaluators.compile, itertools.repeat(many, 5)
        )


def _generations(task: evaluators.Rollout, size: int) -> Iterator[Genomes]:
    """Yield the generations of a run with random fitness."""
    population = neat.Population(neat.Config.for_task(task, population_size=size, seed=1))
    rng = np.random.default_rng(0)
    while True:
        yield population.ask()
        population.tell(rng.random(size))


def _report(name: str, work: Callable[[Genomes], Any], populations: Iterable[Genomes]) -> None:
    spent = []
    for genomes in itertools.islice(populations, ROUNDS):
        begin = time.perf_counter()
        work(genomes)
        spent.append(time.perf_counter() - begin)
    print(f"{name}: {statistics.median(spent) * 1e6:.0f} µs")


if __name__ == "__main__":
    main()
