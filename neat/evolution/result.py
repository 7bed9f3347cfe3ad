"""Define the result of a run."""

from __future__ import annotations

from dataclasses import dataclass

from neat.evolution.history import History
from neat.evolution.lineage import Lineage
from neat.evolution.lineage_tables import Individual
from neat.evolution.stopping import StoppedBy
from neat.genome.genome import Genome


@dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes:
        champion: The genome that met the target. If none did, the best genome of the run; with an evaluator that has
            `validate`, the best in new trials of those champions of generations that have the highest fitness. An
            evaluator that has `refine` improves it: a `Supervised` whose genomes learn polishes it.
        champion_fitness: The fitness of the champion; its fitness in the new trials if these chose it.
        solved: Whether the target was met.
        generations: The number of generations evaluated.
        evaluations: The number of genomes evaluated.
        history: The rows of every generation.
        stopped_by: What ended the run: "target", or the argument of `run`, "generations", "max_evaluations",
            "max_seconds" or "stop".
        validated: Whether new trials chose the champion, so that `champion_fitness` is from these and not from the
            generation in which it was lucky.
        lineage: The champions of all generations, the parents of individuals, all innovations and the origins of
            species; None if the population does not keep them.
    """

    champion: Genome
    champion_fitness: float
    solved: bool
    generations: int
    evaluations: int
    history: History
    stopped_by: StoppedBy
    validated: bool = False
    lineage: Lineage | None = None

    def ancestors(self, champion: Genome | None = None, both: bool = False) -> list[Individual]:
        """Return the ancestors of the champion, or of a champion of a generation (see `Lineage.ancestors`).

        Args:
            champion: The champion of a generation; None for the champion of the run.
            both: Whether to return all ancestors by both parents, not only the line of primary parents.

        Raises:
            ValueError: The run keeps no lineage, or the genome is no champion of its generation.
        """
        if self.lineage is None:
            raise ValueError("lineage: this run keeps none; make its population with lineage=True")
        return self.lineage.ancestors(self.champion if champion is None else champion, both)
