"""Evaluators: what gives genomes their fitness, and networks compiled from genomes."""

from evaluators.distributed.evaluator import Distributed
from evaluators.gradient.differentiation import Differentiated, differentiate
from evaluators.gymnasium.evaluator import Gymnasium
from evaluators.models.model import Model
from evaluators.network import Networks, compile
from evaluators.per_genome import Network, PerGenome
from evaluators.rollout import Rollout
from evaluators.supervised import Supervised

load = Model.load
"""Return the model in a file that `Model.save` wrote (see `evaluators.models.Model.load`)."""

__all__ = [
    "Differentiated",
    "Distributed",
    "Gymnasium",
    "Model",
    "Network",
    "Networks",
    "PerGenome",
    "Rollout",
    "Supervised",
    "compile",
    "differentiate",
    "load",
]
