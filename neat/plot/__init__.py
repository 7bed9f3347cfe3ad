"""Draw figures of runs and networks."""

from neat.plot.network import topology
from neat.plot.run import fitness, runs, species

__all__ = [
    "fitness",
    "runs",
    "species",
    "topology",
]
