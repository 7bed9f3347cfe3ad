"""The optional parts of an evaluator are seen in what has them, and in nothing else."""

import numpy as np
import pytest

import neat
from evaluators import PerGenome, Rollout, Supervised
from evaluators.environments import CartPole
from neat.evaluation import Inheriting, Learning, Refining, Restorable, Stateful, Validating

PARTS = (Stateful, Restorable, Validating, Learning, Inheriting, Refining)


def zeros(genomes):
    return np.zeros(len(genomes))


@pytest.mark.parametrize(
    ("evaluator", "parts"),
    [
        (zeros, ()),
        (PerGenome(lambda network: 0.0), ()),
        (Supervised([[0.0]], [[0.0]], device="cpu"), (Learning, Inheriting, Refining)),
        (Rollout(CartPole(), device="cpu"), (Stateful, Restorable, Validating)),
    ],
    ids=["function", "PerGenome", "Supervised", "Rollout"],
)
def test_parts_of_evaluators(evaluator, parts):
    assert tuple(part for part in PARTS if isinstance(evaluator, part)) == parts


def test_what_was_learned_is_inherited_where_the_evaluator_does_not_say_otherwise():
    class Learns:
        def __call__(self, genomes):
            self.learned = genomes.take(range(len(genomes)))
            self.learned.arrays.connection_weight[:] = 0.5
            return zeros(genomes)

    population = neat.Population(
        neat.Config(
            genome={"num_inputs": 2, "num_outputs": 1},
            population_size=4,
            mutation={"weight": {"genome_rate": 0.0}, "add_node_rate": 0.0, "add_connection_rate": 0.0},
        )
    )
    population.run(Learns(), 1)
    assert (population.genomes.arrays.connection_weight == 0.5).all()
