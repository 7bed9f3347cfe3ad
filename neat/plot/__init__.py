"""Draw figures of runs, networks, predictions and training."""

from neat.plot.champion_growth import growth
from neat.plot.classification import confusion
from neat.plot.comparison import compare, runs
from neat.plot.generations import fitness, species
from neat.plot.islands import islands
from neat.plot.network import topology
from neat.plot.pareto_front import pareto
from neat.plot.training_curves import ppo, rates, training

__all__ = [
    "compare",
    "confusion",
    "fitness",
    "growth",
    "islands",
    "pareto",
    "ppo",
    "rates",
    "runs",
    "species",
    "topology",
    "training",
]
