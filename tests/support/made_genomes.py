"""Genomes made by hand, from those of a population."""

from neat.genome.genome import Genomes


def remade(genomes, description=None, **arrays):
    """Return genomes with other arrays, or with another description."""
    return Genomes(genomes.arrays._replace(**arrays), *(description or genomes.description))


def changed(genomes, name, position, value):
    """Return genomes of which one element of an array is another."""
    array = getattr(genomes.arrays, name).copy()
    array[position] = value
    return remade(genomes, **{name: array})
