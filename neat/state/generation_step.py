"""Define the step of a run from one generation to the next, once its fitness is known."""

from __future__ import annotations

import logging

import numpy as np

from neat.config.config import Config, to_record
from neat.evolution import selection, speciation
from neat.evolution.evaluation_results import merge_learned
from neat.evolution.history import GENERATION, SPECIES
from neat.evolution.innovation_kernels import Requests
from neat.evolution.lineage_kernels import Membership
from neat.evolution.offspring import OffspringMaker
from neat.evolution.run_settings import RunSettings
from neat.evolution.selection import BreedingPlan, Ranking
from neat.evolution.speciation import Species
from neat.genome import buffers
from neat.genome.gene_arrays import NUMBERS
from neat.genome.genome import GenomeArrays, Genomes
from neat.kernels import parallel
from neat.state.run_state import RunState

_log = logging.getLogger("neat")


class GenerationStep(RunState):
    """The state of a run that makes its next generation by speciation, selection and reproduction.

    Args:
        config: The settings.
        workers: The threads that make the offspring; None for the shared threads.

    Attributes:
        parent_fitness: float64 (P,), the fitness of the generation before, -inf where it was invalid. NaN before the
            first step of this object.
        parent_species: int64 (P,), the species of each genome of the generation before, as the position of its row in
            `history.last_species`. Undefined before the first step of this object.
    """

    def __init__(self, config: Config, workers: parallel.Workers | None = None) -> None:
        parallel.check_workers(workers)
        super().__init__(config)
        self.workers = workers
        size = config.population_size
        self._run_settings = RunSettings.of(config)
        self._speciation = to_record(config.speciation)
        self._stagnation = to_record(config.stagnation)
        self._offspring_maker = OffspringMaker(self._run_settings, size)
        self.parent_species = np.empty(size, np.int64)
        self.parent_fitness = np.full(size, np.nan)

    @property
    def requests(self) -> Requests:
        """The additions that the children of the last step requested, with their ids. The next step overwrites them."""
        return self._offspring_maker.requests

    def _set_genomes(self, generation: int, genes: GenomeArrays) -> None:
        super()._set_genomes(generation, genes)
        self._buffer = genes  # the arrays, which may have room to spare, of which the genes are views

    def _merge_learned(self, learned: Genomes | None, inherit: bool) -> Genomes:
        """Return the genomes that were scored; with `inherit`, write their learned values to the population."""
        if learned is None:
            return self._genomes
        scored = merge_learned(self._genomes, learned)
        if inherit:
            for name in NUMBERS:
                getattr(self._genes, name)[:] = getattr(scored.arrays, name)
        return scored

    def _finish_generation(self, valid_fitness: np.ndarray, scored: Genomes) -> None:
        ranking, summary = self._speciate(valid_fitness)
        champion = ranking.member[ranking.offset[np.argmax(ranking.best)]]
        is_better = valid_fitness[champion] > self.best_fitness
        if is_better:
            self.best = scored[champion]
            self.best_fitness = float(valid_fitness[champion])
            self.best_generation = self.improved_generation = self.generation
            if self.config.reproduction.keep_best:
                self.kept = int(champion)
        if self.lineage is not None:
            best = int(champion) if is_better else None
            self.lineage.add_champions(valid_fitness, best, scored)
        membership = Membership(self.species.id, self.species.founded, self.parent_species)
        offspring = self._allocate_offspring(valid_fitness, ranking)
        self._append_history(ranking, valid_fitness[champion], summary, offspring)
        self.threshold = speciation.adjusted_threshold(self.threshold, len(ranking.best), self.config)
        self._draw_representatives(ranking, offspring)
        plan = self._reproduce(valid_fitness, ranking, offspring)
        if self.lineage is not None:
            self.lineage.add_children(membership, plan, self.requests, self._genomes)

    def _speciate(self, fitness: np.ndarray) -> tuple[Ranking, tuple[float, float, float, int]]:
        """Assign genomes to species and rank them. `species.representative` then still has the order of the old ids.

        Returns the Ranking, and the (mean, standard deviation, median, number) of all valid fitness values.
        """
        arrays, species_of = self._genes, self.parent_species
        id_, founded, improved, record, representative = self.species
        rule, threshold = self._speciation, speciation.threshold_as_float32(self.threshold)
        arguments = arrays, representative, rule, threshold, species_of
        parallel.over(speciation.assign, len(species_of), *arguments, workers=self.workers)
        founders = speciation.found_species(arrays, len(id_), rule, threshold, species_of)
        id_, founded, improved, record = speciation.update_species(
            species_of, id_, founded, improved, record, founders, self.next_species, self.generation
        )
        self.next_species += founders
        self.species = Species(id_, founded, improved, record, representative)
        *ranking, summary = selection.rank(fitness, species_of, len(id_))
        return Ranking(*ranking), summary

    def _allocate_offspring(self, fitness: np.ndarray, ranking: Ranking) -> np.ndarray:
        """Apply stagnation; return the number of offspring of each species, int64 (S,)."""
        stagnates = (
            self.generation - self.improved_generation >= self.config.stagnation.population_generations
        )
        allowed = speciation.stagnate(
            self.species.improved,
            self.species.record,
            ranking.best,
            ranking.mean,
            self._stagnation,
            stagnates,
            self.generation,
        )
        if stagnates:
            self.improved_generation = self.generation
            _log.info("generation %d: no improvement; only the two best species reproduce", self.generation)
        return selection.allocate(fitness, ranking, allowed, self.config.population_size)

    def _append_history(
        self, ranking: Ranking, best: float, summary: tuple[float, float, float, int], offspring: np.ndarray
    ) -> None:
        size = self.config.population_size
        mean, std, median, valid = summary
        arrays = self._genes
        row = (
            self.generation,
            self.evaluations + size,
            best,
            mean,
            std,
            median,
            self.best_fitness,
            size - valid,
            len(ranking.best),
            self.threshold,
            len(arrays.node_id) / size - self.config.genome.num_outputs,
            len(arrays.connection_enabled) / size,
            np.count_nonzero(arrays.connection_enabled) / size,
            self.innovations.count,
        )
        species = np.empty(len(ranking.best), SPECIES)
        species["generation"] = self.generation
        species["id"] = self.species.id
        species["size"] = np.diff(ranking.offset)
        species["age"] = self.generation - self.species.founded
        species["best"] = ranking.best
        species["mean"] = ranking.mean
        species["stagnation"] = self.generation - self.species.improved
        species["offspring"] = offspring
        self.history.append(np.array([row], GENERATION), species)

    def _draw_representatives(self, ranking: Ranking, offspring: np.ndarray) -> None:
        """Keep only species that have offspring, and draw a member of each as its representative."""
        kept, genome, nodes, connections = speciation.draw_representatives(
            self.species.id,
            ranking,
            offspring,
            self._genes.node_offset,
            self._genes.connection_offset,
            self._run_settings.seed,
            self.generation,
        )
        representative = buffers.empty(len(genome), nodes, connections)
        speciation.gather(self._genes, genome, representative)
        id_, founded, improved, record, _ = self.species
        self.species = Species(id_[kept], founded[kept], improved[kept], record[kept], representative)

    def _reproduce(self, fitness: np.ndarray, ranking: Ranking, offspring: np.ndarray) -> BreedingPlan:
        """Make the offspring, which become the current generation; return how each was made."""
        kept = self.kept
        plan = BreedingPlan(
            *selection.plan_offspring(
                selection.Parents(fitness, self._genes.connection_offset, self.birth),
                ranking,
                offspring,
                kept,
                self._run_settings.config,
                self._run_settings.seed,
                self.generation + 1,
            )
        )
        self._genes, self._buffer = self._offspring_maker.make(
            self._genes, self._buffer, plan, self.innovations, self.generation + 1, self.workers
        )
        self.generation += 1
        self._update_view()
        self.first_parent, self.second_parent, self.birth = plan.first, plan.second, plan.birth
        self.parent_fitness = fitness
        if kept >= 0:
            self.kept = int(np.flatnonzero((plan.first == kept) & (plan.second < 0) & ~plan.mutates)[0])
        return plan
