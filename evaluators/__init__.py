"""Evaluators: what gives genomes their fitness, and networks compiled from genomes."""

from evaluators.gradient.differentiation import Differentiated, differentiate
from evaluators.gymnasium.evaluator import Gymnasium
from evaluators.network import Networks, compile
from evaluators.per_genome import Network, PerGenome
from evaluators.rollout import Rollout
from evaluators.supervised import Supervised

__all__ = [
    "Differentiated",
    "Gymnasium",
    "Network",
    "Networks",
    "PerGenome",
    "Rollout",
    "Supervised",
    "compile",
    "differentiate",
]
