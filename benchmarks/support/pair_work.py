"""The work that `pairs` measures, in a process of its own: `python -P pair_work.py NAME` prints seconds as JSON.

The script uses nothing but the public API, so that it runs unchanged in checkouts with other folders.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import evaluators
import neat
from evaluators import gradient
from evaluators.environments import CartPole
from evaluators.gradient import fit_weights, losses, nn, optim, ppo

BEFORE, LAST = 10, 30  # generations of which the time between is taken
XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([[0], [1], [1], [0]], np.float32)
GENOMES, SAMPLES, LEARNING_SAMPLES = 1_000, 1_024, 256
LAYERS, BATCH = (64, 128, 128, 10), 256


def main(name: str) -> None:
    print(json.dumps(WORK[name]()))


def generation(size: int, turns: int, last: int = LAST) -> dict[str, float]:
    """A generation of XOR, default settings: evaluate and reproduce. Every turn is the same run."""
    evaluator = evaluators.Supervised(*XOR, device="cpu")
    config = neat.Config.for_task(evaluator, population_size=size, seed=0)

    def one() -> float:
        population = neat.Population(config)
        _advance(population, evaluator, BEFORE)
        return _timed(lambda: _advance(population, evaluator, last - BEFORE)) / (last - BEFORE)

    return _by_threads(f"a generation of {size:,}", one, turns, timed=lambda call: call())


def _advance(population: neat.Population, evaluator: Callable[[neat.Genomes], Any], generations: int) -> None:
    for _ in range(generations):
        population.tell(evaluator(population.ask()))


def forward() -> dict[str, float]:
    genomes = _evolved()
    inputs, _ = _data(SAMPLES)
    return _by_threads(
        f"forward, {GENOMES:,} genomes × {SAMPLES:,} samples",
        lambda: evaluators.compile(genomes, device="cpu").activate(inputs),
        25,
    )


def learning() -> dict[str, float]:
    genomes, data, steps = _evolved(), _data(LEARNING_SAMPLES), 10

    def fit() -> None:
        fit_weights(genomes, *data, lambda parameters: optim.Adam(parameters, 0.01), steps=steps)

    return {
        f"`fit_weights`, a step, {GENOMES:,} genomes × {LEARNING_SAMPLES} samples": _median(fit, 7) / steps
    }


def _evolved() -> neat.Genomes:
    """The thirtieth generation of a regression on eight inputs."""
    evaluator = evaluators.Supervised(*_data(64), device="cpu")
    genome = {"activation": "tanh"}
    population = neat.Population(
        neat.Config.for_task(evaluator, population_size=GENOMES, seed=0, genome=genome)
    )
    _advance(population, evaluator, LAST)
    return population.ask()


def _data(samples: int) -> tuple[np.ndarray, np.ndarray]:
    inputs = np.random.default_rng(0).normal(size=(samples, 8)).astype(np.float32)
    return inputs, np.sin(inputs[:, :4] @ np.ones(4, np.float32)) * inputs[:, 4]


def rollout() -> dict[str, float]:
    """Time the episodes of a late generation, which are long."""
    task = evaluators.Rollout(CartPole(), episodes=5, device="cpu")
    population = neat.Population(neat.Config.for_task(task, population_size=GENOMES, seed=0))
    _advance(population, task, BEFORE)
    genomes = population.ask()
    return _by_threads(f"CartPole, {GENOMES:,} genomes × 5 episodes", lambda: task(genomes), 15)


def ppo_iteration() -> dict[str, float]:
    learner = ppo.Learner(CartPole(), ppo.TASKS[CartPole], seed=0)
    return {"PPO on CartPole, an update": _median(learner.update, 25)}


def training_step() -> dict[str, float]:
    """Time a training step of a layered relu network with Adam."""
    draw = np.random.default_rng(0)
    layers: list[Any] = []
    for inputs, outputs in itertools.pairwise(LAYERS):
        layers += [nn.Dense(inputs, outputs), nn.Activation("relu")]
    model = nn.Sequential(*layers[:-1]).initialise(0)
    optimiser = optim.Adam(model.parameters())
    x = gradient.Tensor(draw.normal(size=(BATCH, LAYERS[0])).astype(np.float32))
    labels = draw.integers(0, LAYERS[-1], BATCH)

    def step() -> None:
        optimiser.zero_grad()
        losses.softmax_cross_entropy(model(x), labels).backward()
        optimiser.step()

    return {f"a training step of {'-'.join(map(str, LAYERS))}, a batch of {BATCH}": _median(step, 300)}


def first_gradient() -> dict[str, float]:
    """CPU seconds of the first `fit_weights` after some generations; the caches decide what has to be compiled."""
    evaluator = evaluators.Supervised(*XOR, device="cpu")
    population = neat.Population(neat.Config.for_task(evaluator, seed=0))
    _advance(population, evaluator, 3)
    begin = _cpu_seconds()
    fit_weights(population.ask(), *XOR, lambda parameters: optim.Adam(parameters, 0.01), steps=2)
    return {"first gradient kernel: CPU": _cpu_seconds() - begin}


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and of the children that it has waited for."""
    return sum(os.times()[:4])


def _timed(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _median(
    call: Callable[[], Any], repeats: int, timed: Callable[[Callable[[], Any]], float] = _timed
) -> float:
    """Return the median time of a call, after one that is not timed."""
    call()
    return statistics.median(timed(call) for _ in range(repeats))


def _by_threads(
    row: str, call: Callable[[], Any], repeats: int, timed: Callable[[Callable[[], Any]], float] = _timed
) -> dict[str, float]:
    """Return the median time of a call on one thread and on all."""
    all_threads, result = neat.parallel.get_threads(), {}
    for name, threads in (("one thread", 1), (f"{all_threads} threads", all_threads)):
        neat.parallel.set_threads(threads)
        result[f"{row}, {name}"] = _median(call, repeats, timed)
    return result


WORK: dict[str, Callable[[], dict[str, float]]] = {
    "generation-150": lambda: generation(150, 20),
    "generation-1000": lambda: generation(1_000, 7),
    "generation-10000": lambda: generation(10_000, 1),
    "generation-100000": lambda: generation(100_000, 1, BEFORE + 3),
    "forward": forward,
    "rollout": rollout,
    "learning": learning,
    "ppo": ppo_iteration,
    "training-step": training_step,
    "first-gradient": first_gradient,
}

if __name__ == "__main__":
    main(sys.argv[1])
