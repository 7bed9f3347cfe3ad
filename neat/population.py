"""Define the population, which evolves by `ask` and `tell`, or by `run` with an evaluator."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from neat.config.config import Config, to_record
from neat.evaluation import Evaluator, Inheriting, Learning, Refining, Restorable, Stateful, Validating
from neat.evolution import selection, speciation
from neat.evolution.evaluation_results import check_values, merge_learned, validate_fitness
from neat.evolution.history import GENERATION, make_species_rows
from neat.evolution.initial import check_memory, initial_genomes
from neat.evolution.offspring import OffspringMaker
from neat.evolution.result import Result
from neat.evolution.run_arguments import MOST_GENERATIONS, check_run
from neat.evolution.run_settings import RunSettings
from neat.evolution.selection import Plan, Ranking
from neat.evolution.speciation import Species
from neat.evolution.target import Target
from neat.genome import buffers
from neat.genome.gene_arrays import NUMBERS
from neat.genome.genome import Genome, GenomeArrays, Genomes
from neat.kernels import parallel
from neat.state.arrays import to_arrays
from neat.state.run_state import RunState
from neat.support.archive import write_arrays
from neat.support.files import lock_if_given, resolve_file
from neat.support.messages import quote

_log = logging.getLogger("neat")


class ReporterLike(Protocol):
    """The methods of a reporter, which `run` calls; `neat.reporting.Reporter` is a base class whose methods do nothing.

    If it also has `close()`, `run` calls it at the end, also after an exception, and even if `start` was not called.
    """

    def start(self, population: Population, generations: int) -> None:
        """Handle the start of a run, or of a resumed one, that ends after generation number `generations`."""

    def generation(self, population: Population, timings: Mapping[str, float]) -> None:
        """Handle a finished generation: `population.history.last` is its row, `timings` has seconds by activity."""

    def finish(self, population: Population, result: Result) -> None:
        """Handle the result after the last generation."""


class Population(RunState):
    """Evolves genomes. It has the attributes of `neat.state.run_state.RunState`, and `workers`.

    Args:
        config: The settings.
        workers: The threads that make the offspring; None for the shared threads. They do not change the results.

    Raises:
        ValueError: The first population does not fit into memory.
    """

    def __init__(self, config: Config, workers: parallel.Workers | None = None) -> None:
        check_memory(config)
        self._prepare(config, workers)
        self._set_genomes(0, initial_genomes(config, self.innovations).arrays)

    @classmethod
    def _without_genomes(cls, config: Config) -> Population:
        """Return a population without genomes, whose state a checkpoint will set."""
        population = cls.__new__(cls)
        population._prepare(config)
        return population

    def _prepare(self, config: Config, workers: parallel.Workers | None = None) -> None:
        """Set all attributes except the genomes."""
        parallel.check_workers(workers)
        super().__init__(config)
        self.workers = workers
        size = config.population_size
        self._run_settings = RunSettings.of(config)
        self._speciation = to_record(config.speciation)
        self._stagnation = to_record(config.stagnation)
        self._offspring_maker = OffspringMaker(self._run_settings, size)
        self._species_of = np.empty(size, np.int64)

    def ask(self) -> Genomes:
        """Return the current generation, read-only. Its arrays are overwritten two generations later."""
        return self._genomes

    def tell(self, fitness: np.ndarray, learned: Genomes | None = None, inherit: bool = True) -> None:
        """Take the fitness of the current generation, and make the next one by speciation, selection and reproduction.

        Args:
            fitness: Shape (population_size,), higher is better. NaN and −inf count as the worst.
            learned: The same genomes with learned weights, biases and responses, if the fitness belongs to these. The
                champion keeps them.
            inherit: True: offspring inherit learned values (Lamarckian inheritance). False: they inherit the values
                from before learning (Baldwin effect).

        Raises:
            ValueError: The fitness has another shape, contains +inf, or has no valid value; or `learned` has other
                genomes than the generation, or numbers that are not float32, not finite, or beyond the config's bounds.
        """
        valid = validate_fitness(fitness, self.config.population_size)
        self._finish_generation(valid, self._merge_learned(learned, inherit))

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
        if valid_fitness[champion] > self.best_fitness:
            self.best = scored[champion]
            self.best_fitness = float(valid_fitness[champion])
            self.best_generation = self.improved_generation = self.generation
            self.kept = int(champion)
        offspring = self._allocate_offspring(valid_fitness, ranking)
        self._append_history(ranking, valid_fitness[champion], summary, offspring)
        self.threshold = speciation.adjusted_threshold(self.threshold, len(ranking.best), self.config)
        self._draw_representatives(ranking, offspring)
        self._reproduce(valid_fitness, ranking, offspring)

    def run(
        self,
        evaluator: Evaluator,
        generations: int,
        fitness_target: float | None = None,
        solved: Callable[[Genome], bool] | None = None,
        reporters: Sequence[ReporterLike] = (),
        checkpoint: str | Path | None = None,
        checkpoint_every: int = 10,
    ) -> Result:
        """Evolve until the target is met, or until `generations` generations have been evaluated since generation 0.

        Use a population for one task only: it keeps the best genome and the candidates of earlier calls. It keeps the
        solution of an earlier call if that reached the same `fitness_target`, or if `solved` returns True for it. If
        nothing is left to run, `run` logs a warning.

        Args:
            evaluator: Takes Genomes and returns their fitness, shape (population_size,). `neat.evaluation` describes
                it and its optional members: a state for checkpoints, validation by new trials, learned weights.
            generations: The total number of generations, those before a checkpoint included.
            fitness_target: Stop after a generation whose best fitness reaches this.
            solved: Stop after a generation for whose champion this returns True.
            reporters: Objects with the methods of `ReporterLike`, such as a `neat.reporting.Reporter`, called after
                each generation.
            checkpoint: The file to which the newest state is written.
            checkpoint_every: Generations between checkpoints. The last generation is always written.

        Raises:
            ValueError: An argument is invalid, or `tell` refuses the fitness.
            LockedError: Another process is writing the checkpoint or a reporter's files.
        """
        check_run(evaluator, generations, fitness_target, solved, reporters, checkpoint_every)
        file = None if checkpoint is None else resolve_file(checkpoint, "checkpoint")
        if self.evaluator_state and not isinstance(evaluator, Restorable):
            raise ValueError(
                "evaluator: the checkpoint has the state of an evaluator, but this evaluator has no restore()"
            )
        target = Target(fitness_target, solved)
        is_solved = target.is_met_by(self.solution)
        if is_solved or self.generation >= generations:
            self._warn_nothing_to_run(is_solved, generations)
        with contextlib.ExitStack() as stack:
            stack.enter_context(lock_if_given(file))
            self._start_reporters(reporters, generations, stack)
            if self.evaluator_state and isinstance(evaluator, Restorable):
                evaluator.restore(self.evaluator_state)
            while self.generation < generations and not is_solved:
                genomes, fitness, timings = self._run_generation(evaluator)
                self.solution = target.find_solution(genomes, fitness)
                is_solved = self.solution is not None
                for reporter in reporters:
                    reporter.generation(self, timings)
                is_last = self.generation >= generations or is_solved
                if file is not None and (is_last or self.generation % checkpoint_every == 0):
                    self._save(file, evaluator)
            result = self._make_result(evaluator, target, is_solved)
            for reporter in reporters:
                reporter.finish(self, result)
            return result

    def _start_reporters(
        self, reporters: Sequence[ReporterLike], generations: int, stack: contextlib.ExitStack
    ) -> None:
        """Start reporters, and make `stack` close them."""
        for reporter in reporters:
            close = getattr(reporter, "close", None)
            if callable(close):
                stack.callback(close)
            reporter.start(self, generations)

    def _run_generation(self, evaluator: Evaluator) -> tuple[Genomes, np.ndarray, dict[str, float]]:
        """Evaluate and reproduce; return the genomes as they were scored, their fitness, and seconds by activity."""
        start = time.perf_counter()
        fitness = validate_fitness(evaluator(self.ask()), self.config.population_size)
        scored = self._merge_learned(
            evaluator.learned if isinstance(evaluator, Learning) else None,
            evaluator.inherit if isinstance(evaluator, Inheriting) else True,
        )
        evaluated = time.perf_counter()
        if isinstance(evaluator, Validating):
            self.candidates.add_champion(scored, fitness)
        self._finish_generation(fitness, scored)
        # Cleared only here, so that the next call can still restore it if this call fails earlier.
        self.evaluator_state = {}
        timings = {"evaluate": evaluated - start, "reproduce": time.perf_counter() - evaluated}
        return scored, fitness, timings

    def _save(self, file: Path, evaluator: Evaluator) -> None:
        """Write a checkpoint that includes the evaluator's state."""
        if isinstance(evaluator, Stateful):
            self.evaluator_state = evaluator.state()
        write_arrays(file, to_arrays(self))
        self.evaluator_state = {}

    def resume_at(self, generation: int, genomes: GenomeArrays) -> None:
        """Replace the population's genomes by copies of these, and start later ids above theirs.

        Args:
            generation: The number of the current generation, or a higher one.
            genomes: population_size genomes with the population's inputs and outputs.

        Raises:
            ValueError: The generation is in the past, or the number of genomes differs. Or a genome breaks a rule of
                `Genomes.check`, has a number beyond the config's bounds or a node function that the config does not
                allow, or a link with another innovation number than in this population. (The scheme "generation" does
                not compare innovation numbers, since it forgets links.)
        """
        if isinstance(generation, bool) or not isinstance(generation, int | np.integer):
            raise ValueError(f"generation: must be an integer, got {quote(generation)}")
        if not self.generation <= generation <= MOST_GENERATIONS:
            raise ValueError(
                f"generation: must be from {self.generation}, the current one, to {MOST_GENERATIONS}, "
                f"got {quote(generation)}"
            )
        batch = self._genomes.with_arrays(genomes)
        batch.check()
        check_values(batch, self.config.genome)
        if len(batch) != self.config.population_size:
            raise ValueError(
                f"genomes: expected {self.config.population_size}, the population_size, got {len(batch)}"
            )
        own = GenomeArrays(*(array.copy() for array in genomes))
        self.innovations.adopt(own, batch.input_count)
        self._set_genomes(int(generation), own)
        self.first_parent, self.second_parent = np.full(len(batch), -1), np.full(len(batch), -1)
        self.birth = np.full(len(batch), generation)
        self.kept = -1

    def _set_genomes(self, generation: int, genes: GenomeArrays) -> None:
        super()._set_genomes(generation, genes)
        self._buffer = genes  # the arrays, which may have room to spare, of which the genes are views

    def _speciate(self, fitness: np.ndarray) -> tuple[Ranking, tuple[float, float, float, int]]:
        """Assign genomes to species and rank them. `species.representative` then still has the order of the old ids.

        Returns the Ranking, and the (mean, standard deviation, median, number) of all valid fitness values.
        """
        arrays, species_of = self._genes, self._species_of
        id_, founded, improved, record, representative = self.species
        rule, threshold = self._speciation, speciation.threshold_as_float32(self.threshold)
        arguments = arrays, representative, rule, threshold, species_of
        parallel.over(speciation.assign, len(species_of), *arguments, workers=self.workers)
        founders = speciation.found_species(arrays, len(id_), rule, threshold, species_of)
        living = speciation.update_species(
            species_of, id_, founded, improved, record, founders, self.next_species, self.generation
        )
        self.next_species += founders
        self.species = self.species._replace(
            id=living[0], founded=living[1], improved=living[2], record=living[3]
        )
        *ranking, summary = selection.rank(fitness, species_of, len(living[0]))
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
        """Add this generation to the history."""
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
        species = make_species_rows(self.generation, self.species, ranking, offspring)
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

    def _reproduce(self, fitness: np.ndarray, ranking: Ranking, offspring: np.ndarray) -> None:
        """Make the offspring, which become the current generation."""
        kept = self.kept if self.config.reproduction.keep_best else -1
        plan = Plan(
            *selection.plan(
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
        if kept >= 0:
            self.kept = int(np.flatnonzero((plan.first == kept) & (plan.second < 0) & ~plan.mutates)[0])

    def _warn_nothing_to_run(self, is_solved: bool, generations: int) -> None:
        """Log why there is nothing to run; raise ValueError if there is no champion to return either."""
        if self.best is None:
            raise ValueError(
                f"generations: must be above {self.generation}, the current generation, whose fitness is unknown, "
                f"got {generations}"
            )
        reason = f"{self.generation} generations are done, {generations} were asked for"
        if is_solved and self.solution is not None:
            reason = f"the champion of generation {self.solution.genome.genomes.generation} meets the target"
        _log.warning("nothing to run: %s", reason)

    def _make_result(self, evaluator: Evaluator, target: Target, is_solved: bool) -> Result:
        champion, fitness = self.best, self.best_fitness
        if is_solved and self.solution is not None:
            champion, fitness, _ = self.solution
        elif self.candidates.genomes and isinstance(evaluator, Validating):
            champion, fitness = self.candidates.choose(evaluator.validate, self.config.seed)
        assert champion is not None
        if not is_solved and isinstance(evaluator, Refining) and (refined := evaluator.refine(champion)):
            _log.info("the champion's fitness after refinement: %g, before: %g", refined[1], fitness)
            champion, fitness = refined
            is_solved = target.is_reached_by(champion, fitness)
        return Result(champion, fitness, is_solved, self.generation, self.evaluations, self.history)
