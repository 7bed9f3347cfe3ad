"""NEAT: neural networks evolved together with their topology (Stanley and Miikkulainen 2002)."""

from neat.kernels import llvm_options  # noqa: F401  before numba, which reads its options
from neat.neat_python_conflict import refuse_neat_python

refuse_neat_python()

from neat import activations, plot, reporting  # noqa: E402
from neat.config.config import Config  # noqa: E402
from neat.config.models import GenomeConfig  # noqa: E402
from neat.evolution.result import Result  # noqa: E402
from neat.evolution.target import SpeciesChampions  # noqa: E402
from neat.genome.genome import Genome, GenomeError, Genomes  # noqa: E402
from neat.genome.layers import Layer  # noqa: E402
from neat.io import checkpoint, neat_python  # noqa: E402
from neat.islands import Islands  # noqa: E402
from neat.kernels import parallel  # noqa: E402
from neat.population import Population  # noqa: E402
from neat.reporting import notebook  # noqa: E402, F401  it defines what notebooks show of our objects
from neat.study import Study, StudyTask  # noqa: E402

__all__ = [
    "Config",
    "Genome",
    "GenomeConfig",
    "GenomeError",
    "Genomes",
    "Islands",
    "Layer",
    "Population",
    "Result",
    "SpeciesChampions",
    "Study",
    "StudyTask",
    "activations",
    "checkpoint",
    "neat_python",
    "parallel",
    "plot",
    "reporting",
]
