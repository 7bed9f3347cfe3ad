"""NEAT: neural networks evolved together with their topology (Stanley and Miikkulainen 2002)."""

from neat import vectors  # noqa: F401  first, since numba reads what it sets
from neat.neighbour import refuse_neat_python

refuse_neat_python()

from neat import activations, checkpoint, neat_python, parallel, plot, reporting  # noqa: E402
from neat.config import Config, GenomeConfig  # noqa: E402
from neat.genome import Genome, GenomeError, Genomes  # noqa: E402
from neat.population import Population  # noqa: E402
from neat.result import Result  # noqa: E402

__all__ = [
    "Config",
    "Genome",
    "GenomeConfig",
    "GenomeError",
    "Genomes",
    "Population",
    "Result",
    "activations",
    "checkpoint",
    "neat_python",
    "parallel",
    "plot",
    "reporting",
]
