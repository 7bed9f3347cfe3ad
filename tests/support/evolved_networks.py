"""Evolved networks that gradients train, and what they are trained with."""

import random

import numpy as np

from evaluators.gradient import optim
from neat.genome.genome import Genomes
from tests.support.reference import random_genome

CURVE = np.linspace(-1, 1, 40)[:, np.newaxis]


def one_hidden_node(activation, aggregation):
    """Return plain data of a genome whose only hidden node has these functions."""
    names = [
        {"activation": activation, "aggregation": aggregation},
        {"activation": "identity", "aggregation": "sum"},
    ]
    nodes = [
        {"id": id_, "bias": 0.15, "response": 0.9, **name} for id_, name in zip((5, 3), names, strict=True)
    ]
    ends = [(0, 5, 0.6), (1, 5, -0.7), (2, 5, 0.8), (5, 3, 1.2)]
    connections = [
        {"innovation": k, "source": s, "target": t, "weight": w, "enabled": True}
        for k, (s, t, w) in enumerate(ends)
    ]
    return {
        "num_inputs": 3,
        "num_outputs": 1,
        "bias_input": False,
        "feed_forward": True,
        "nodes": nodes,
        "connections": connections,
    }


def population(count=60, seed=2, feed_forward=True):
    """Return genomes of any topology with 2 inputs and 1 output."""
    rng = random.Random(seed)
    names = ["tanh", "sigmoid", "relu"]
    return Genomes.from_list(
        [
            random_genome(
                rng, sizes=(2, 1), activations=names, aggregations=["sum"], feed_forward=feed_forward
            )
            for _ in range(count)
        ]
    )


def adam(parameters):
    """Return the optimiser of these parameters."""
    return optim.Adam(parameters, 0.02)
