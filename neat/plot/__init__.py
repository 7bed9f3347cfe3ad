"""Draw figures of runs, networks, predictions and training."""

from neat.plot.champion_growth import growth
from neat.plot.classification import confusion
from neat.plot.comparison import compare, runs
from neat.plot.gradients import ppo, rates, training
from neat.plot.islands import islands
from neat.plot.network import topology
from neat.plot.run import fitness, species
from neat.plot.trade_offs import pareto

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
