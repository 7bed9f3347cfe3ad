"""Hold genomes as arrays, and convert them to and from plain data."""

from neat.genome.gene_arrays import GenomeArrays
from neat.genome.genome import Genome, GenomeError, Genomes

__all__ = [
    "Genome",
    "GenomeArrays",
    "GenomeError",
    "Genomes",
]
