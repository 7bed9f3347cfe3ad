"""What a run found."""

from __future__ import annotations

from dataclasses import dataclass

from neat.evolution.history import History
from neat.genome.genome import Genome


@dataclass(frozen=True)
class Result:
    """What a run found.

    Attributes:
        champion: The genome that solved the task, or else the best of the run; where the evaluator has `validate`,
            the one that is best in it among the generations' champions of the highest fitness.
        champion_fitness: Its fitness, there if it was chosen so.
        solved: Whether the target was met.
        generations: Generations evaluated.
        evaluations: Genomes evaluated.
        history: Rows of every generation.
    """

    champion: Genome
    champion_fitness: float
    solved: bool
    generations: int
    evaluations: int
    history: History
