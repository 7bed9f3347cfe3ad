"""How the rewards of a genome's episodes become its fitness."""

from __future__ import annotations

from evaluators.episodes.episode import combined
from neat.kernels.jit import kernel


@kernel(allocates=False)
def combine_rewards(reward, length, least, factor, fitness):
    """Fill `fitness`, float64 (genomes,), from arrays (genomes, episodes), and return the number of all steps."""
    total = 0
    for genome in range(len(fitness)):
        fitness[genome], steps = combined(reward[genome], length[genome], least, factor)
        total += steps
    return total
