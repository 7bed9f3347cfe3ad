"""Genomes for tasks of Gymnasium."""

import random

from neat.genome.genome import Genomes
from tests.support.reference import random_genome

ACTIVATIONS = ["tanh", "sigmoid", "identity", "gauss"]


def population(task, size=10, seed=3, feed_forward=True, generation=5):
    """Make genomes of any topology with a task's numbers of inputs and outputs."""
    draw, genomes = random.Random(seed), []
    while len(genomes) < size:
        one = random_genome(draw, activations=ACTIVATIONS, hidden=4, feed_forward=feed_forward)
        if (one["num_inputs"], one["num_outputs"]) == (task.num_inputs, task.num_outputs):
            genomes.append(one)
    batch = Genomes.from_list(genomes)
    batch.seed, batch.generation = seed, generation
    return batch
