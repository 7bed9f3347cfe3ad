"""Evaluators: what gives genomes their fitness, and networks compiled from genomes."""

from evaluators.network import Networks, compile
from evaluators.per_genome import Network, PerGenome
from evaluators.supervised import Supervised

__all__ = ["Network", "Networks", "PerGenome", "Supervised", "compile"]
