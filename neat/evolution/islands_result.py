"""Define the result of a run on islands."""

from __future__ import annotations

from typing import NamedTuple

from neat.evolution.history import History
from neat.genome.genome import Genome


class IslandsResult(NamedTuple):
    """The result of a run on islands.

    Attributes:
        champion: The genome that met the target. If none did, the best genome of all islands.
        champion_fitness: Its fitness.
        solved: Whether the target was met.
        generations: Generations of each island: up to the first one that met the target, or all.
        evaluations: Genomes that all islands evaluated in these generations.
        histories: The history of each island, which goes on to the end of the last round.
        island: The number of the champion's island.
    """

    champion: Genome
    champion_fitness: float
    solved: bool
    generations: int
    evaluations: int
    histories: list[History]
    island: int
