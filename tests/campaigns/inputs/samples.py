"""Undamaged populations, configs and evaluators, which the inputs damage."""

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
    {"innovation": "hashed", "mutation": {"delete_connection_rate": 0.2, "add_node_rate": 0.5}},
)
SIZE = 40


def config(number: int) -> neat.Config:
    """Return one of the configs, with the 4 inputs and 2 outputs of CartPole."""
    base = neat.Config(genome={"num_inputs": 4, "num_outputs": 2}, population_size=SIZE, seed=number)
    return base.updated(**SETTINGS[number % len(SETTINGS)])


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (7, 4) and targets (7, 2)."""
    generator = np.random.default_rng(0)
    return generator.normal(size=(7, 4)), generator.random((7, 2))


def evaluator_for(genomes: Any) -> Any:
    """Return an evaluator for the numbers of inputs and outputs of these genomes."""
    inputs = np.random.default_rng(0).normal(size=(5, genomes.num_inputs))
    return evaluators.Supervised(inputs, np.zeros((5, genomes.num_outputs)))


def rollout() -> evaluators.Rollout:
    """Return an evaluator with a state, its normalised observations."""
    return evaluators.Rollout(CartPole(), episodes=2, observations="normalised")


@functools.cache
def checkpoint_bytes(number: int) -> bytes:
    """Return a checkpoint after 4 generations; odd numbers have an evaluator with a state."""
    evaluator = rollout() if number % 2 else evaluators.Supervised(*data())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.npz"
        neat.Population(config(number)).run(evaluator, generations=4, checkpoint=path)
        return path.read_bytes()


def population(number: int) -> neat.Population:
    """Return a new population that has evolved for 4 generations."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.npz"
        path.write_bytes(checkpoint_bytes(number % 8))
        loaded = checkpoint.load(path)
    loaded.evaluator_state = {}
    return loaded


def live_on(population: neat.Population, generations: int = 3) -> None:
    """Evolve an accepted population, and check its genomes in each generation."""
    population.genomes.check()
    evaluator = evaluator_for(population.genomes)
    for _ in range(generations):
        population.tell(evaluator(population.ask()))
        population.genomes.check()
