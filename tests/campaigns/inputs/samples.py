"""Sound populations, configs and evaluators, from which the damage starts; made once in each process."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import evaluators
import neat
from evaluators.environments import CartPole
from neat.io import checkpoint

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"innovation": "generation", "genome": {"feed_forward": False, "bias_input": True}},
    {
        "innovation": "pairing",
        "genome": {
            "activation": "random",
            "activation_options": ("tanh", "relu", "sin"),
            "aggregation": "random",
            "aggregation_options": ("sum", "max", "median"),
            "hidden_layers": (2, 1),
        },
        "mutation": {"delete_node_rate": 0.2, "delete_connection_rate": 0.2, "add_node_rate": 0.3},
    },
    {"innovation": "pairing", "pairing": "cantor", "mutation": {"disable_rate": 0.1, "add_node_rate": 0.5}},
)
SIZE = 40


def config(number: int) -> neat.Config:
    """One of the configs: 4 inputs and 2 outputs, as CartPole wants."""
    base = neat.Config(genome={"num_inputs": 4, "num_outputs": 2}, population_size=SIZE, seed=number)
    return base.updated(**SETTINGS[number % len(SETTINGS)])


def data() -> tuple[np.ndarray, np.ndarray]:
    """Inputs (7, 4) and targets (7, 2)."""
    generator = np.random.default_rng(0)
    return generator.normal(size=(7, 4)), generator.random((7, 2))


def evaluator_for(genomes: Any) -> Any:
    """One that takes genomes of any numbers of inputs and outputs."""
    inputs = np.random.default_rng(0).normal(size=(5, genomes.num_inputs))
    return evaluators.Supervised(inputs, np.zeros((5, genomes.num_outputs)))


def rollout() -> evaluators.Rollout:
    """An evaluator that has a state: normalised observations."""
    return evaluators.Rollout(CartPole(), episodes=2, observations="normalised")


@functools.cache
def checkpoint_bytes(number: int) -> bytes:
    """A checkpoint after some generations; every second one of a run whose evaluator has a state."""
    evaluator = rollout() if number % 2 else evaluators.Supervised(*data())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.npz"
        neat.Population(config(number)).run(evaluator, generations=4, checkpoint=path)
        return path.read_bytes()


def population(number: int) -> neat.Population:
    """A population after some generations, a new one at each call."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.npz"
        path.write_bytes(checkpoint_bytes(number % 8))
        loaded = checkpoint.load(path)
    loaded.evaluator_state = {}
    return loaded


def live_on(population: neat.Population, generations: int = 3) -> None:
    """Whatever was accepted passes `check` and evolves on."""
    population.genomes.check()
    evaluator = evaluator_for(population.genomes)
    for _ in range(generations):
        population.tell(evaluator(population.ask()))
        population.genomes.check()
