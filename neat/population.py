"""A population and its run: ask for the genomes, tell their fitness, and so on."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from neat.config.config import Config, to_record
from neat.evaluation import Evaluator, Inheriting, Learning, Restorable, Stateful, Validating
from neat.evolution import selection, speciation
from neat.evolution.evaluation_results import check_values, valid_fitness, with_learned
from neat.evolution.history import GENERATION, species_rows
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
from neat.support.messages import shown

_log = logging.getLogger("neat")


class ReporterLike(Protocol):
    """What `run` tells of its progress; `neat.reporting.Reporter` is one that does nothing.

    It may also have `close()`, which `run` calls when it ends, by an exception or not, even before `start`.
    """

    def start(self, population: Population, generations: int) -> None:
        """Before the first generation of a call; the run goes on up to `generations`."""

    def generation(self, population: Population, timings: Mapping[str, float]) -> None:
        """After each generation: `population.history.last` is its row, `timings` are seconds by activity."""

    def finish(self, population: Population, result: Result) -> None:
        """After the last generation."""


class Population(RunState):
    """A population under evolution. Its attributes are those of `neat.state.run_state.RunState`, and `workers`.

    Args:
        config: The settings.
        workers: The threads that reproduce; None: the shared ones. Results do not depend on them.

    Raises:
        ValueError: Memory cannot hold the first population.
    """

    def __init__(self, config: Config, workers: parallel.Workers | None = None) -> None:
        check_memory(config)
        self._prepare(config, workers)
        self._set_genomes(0, initial_genomes(config, self.innovations).arrays)

    @classmethod
    def _without_genomes(cls, config: Config) -> Population:
        """A population whose genomes and state a checkpoint has yet to give."""
        population = cls.__new__(cls)
        population._prepare(config)
        return population

    def _prepare(self, config: Config, workers: parallel.Workers | None = None) -> None:
        """All but the genomes."""
        super().__init__(config)
        self.workers = workers
        size = config.population_size
        self._run_settings = RunSettings.of(config)
        self._speciation = to_record(config.speciation)
        self._stagnation = to_record(config.stagnation)
        self._maker = OffspringMaker(self._run_settings, size)
        self._species_of = np.empty(size, np.int64)

    def ask(self) -> Genomes:
        """The current generation, read-only. Its arrays are used again two generations later."""
        return self._genomes

    def tell(self, fitness: np.ndarray, learned: Genomes | None = None, inherit: bool = True) -> None:
        """Speciate, select and reproduce; `generation` and `genomes` are then the next ones.

        Args:
            fitness: Shape (population_size,), higher is better. NaN and −inf count as the worst.
            learned: The same genomes with the weights, biases and responses that they have learned, to which the
                fitness belongs. The champion has them.
            inherit: Whether offspring inherit what was learned (Lamarckian inheritance) or what the genomes were
                before (Baldwin effect).

        Raises:
            ValueError: Another shape, +inf, or no valid value at all; or the learned genomes are not the
                generation's, or have numbers that are no float32, not finite, or beyond the config's bounds.
        """
        valid = valid_fitness(fitness, self.config.population_size)
        self._tell(valid, self._scored(learned, inherit))

    def _scored(self, learned: Genomes | None, inherit: bool) -> Genomes:
        """The generation's genomes with the weights that their fitness belongs to, inherited if this is so."""
        if learned is None:
            return self._genomes
        scored = with_learned(self._genomes, learned)
        if inherit:
            for name in NUMBERS:
                getattr(self._genes, name)[:] = getattr(scored.arrays, name)
        return scored

    def _tell(self, valid_fitness: np.ndarray, scored: Genomes) -> None:
        ranking, summary = self._speciate(valid_fitness)
        champion = ranking.member[ranking.offset[np.argmax(ranking.best)]]
        if valid_fitness[champion] > self.best_fitness:
            self.best = scored[champion]
            self.best_fitness = float(valid_fitness[champion])
            self.best_generation = self.improved_generation = self.generation
            self.kept = int(champion)
        offspring = self._share(valid_fitness, ranking)
        self._record(ranking, valid_fitness[champion], summary, offspring)
        self.threshold = speciation.adjusted_threshold(self.threshold, len(ranking.best), self.config)
        self._represent(ranking, offspring)
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
        """Evolve until the target is met or so many generations have been evaluated since the run began.

        A population is for one task: the best genome and the candidates of earlier calls stay. Its solution stays only
        if it reached the same `fitness_target` or `solved` holds for it. Where that leaves nothing to run, a warning is
        logged.

        Args:
            evaluator: Takes Genomes, returns their fitness, shape (population_size,). `neat.evaluation` describes it
                and what else it may have: a state for checkpoints, validation by fresh trials, learned weights.
            generations: Generations in all; a loaded run goes on up to this.
            fitness_target: Stop once a fitness reaches it.
            solved: Stop once this holds for a generation's champion.
            reporters: Are told of each generation. An object need not be a `neat.reporting.Reporter`: it needs the
                methods of `ReporterLike`.
            checkpoint: File that keeps the newest state.
            checkpoint_every: Generations between writing it; it is written at the end in any case.

        Raises:
            ValueError: Bad arguments, or fitness that `tell` refuses.
            LockedError: Another process writes the checkpoint or a reporter's files.
        """
        check_run(evaluator, generations, fitness_target, solved, reporters, checkpoint_every)
        file = None if checkpoint is None else resolve_file(checkpoint, "checkpoint")
        if self.evaluator_state and not isinstance(evaluator, Restorable):
            raise ValueError(
                "evaluator: the checkpoint is of a run whose evaluator had a state, this one has none"
            )
        target = Target(fitness_target, solved)
        is_solved = target.is_met_by(self.solution)
        if is_solved or self.generation >= generations:
            self._warn_idle(is_solved, generations)
        with contextlib.ExitStack() as ending:
            ending.enter_context(lock_if_given(file))
            self._start_reporters(reporters, generations, ending)
            if self.evaluator_state and isinstance(evaluator, Restorable):
                evaluator.restore(self.evaluator_state)
            while self.generation < generations and not is_solved:
                genomes, fitness, timings = self._run_generation(evaluator)
                self.solution = target.find(genomes, fitness)
                is_solved = self.solution is not None
                for reporter in reporters:
                    reporter.generation(self, timings)
                ends = self.generation >= generations or is_solved
                if file is not None and (ends or self.generation % checkpoint_every == 0):
                    self._save(file, evaluator)
            result = self._result(evaluator, is_solved)
            for reporter in reporters:
                reporter.finish(self, result)
            return result

    def _start_reporters(
        self, reporters: Sequence[ReporterLike], generations: int, ending: contextlib.ExitStack
    ) -> None:
        """Start reporters; `ending` will close them."""
        for reporter in reporters:
            close = getattr(reporter, "close", None)
            if callable(close):
                ending.callback(close)
            reporter.start(self, generations)

    def _run_generation(self, evaluator: Evaluator) -> tuple[Genomes, np.ndarray, dict[str, float]]:
        """Evaluate and reproduce; the generation's genomes as they were scored, their fitness, and seconds."""
        start = time.perf_counter()
        fitness = valid_fitness(evaluator(self.ask()), self.config.population_size)
        scored = self._scored(
            evaluator.learned if isinstance(evaluator, Learning) else None,
            evaluator.inherit if isinstance(evaluator, Inheriting) else True,
        )
        evaluated = time.perf_counter()
        if isinstance(evaluator, Validating):
            self.candidates.note(scored, fitness)
        self._tell(fitness, scored)
        self.evaluator_state = {}  # not before: a call that fails earlier leaves it to the next one
        timings = {"evaluate": evaluated - start, "reproduce": time.perf_counter() - evaluated}
        return scored, fitness, timings

    def _save(self, file: Path, evaluator: Evaluator) -> None:
        """Write a checkpoint, with the evaluator's state."""
        if isinstance(evaluator, Stateful):
            self.evaluator_state = evaluator.state()
        write_arrays(file, to_arrays(self))
        self.evaluator_state = {}

    def resume_at(self, generation: int, genomes: GenomeArrays) -> None:
        """Make copies of these the genomes of this generation, and let later ids begin above theirs.

        Args:
            generation: The current one or a later one.
            genomes: As many as the population has, with its inputs and outputs.

        Raises:
            ValueError: The generation lies in the past, or the genomes are not as many, break a rule of
                `Genomes.check`, have a number beyond the config's bounds or a node function that the config does not
                allow, or have a link with another innovation number than in this population (the scheme
                "generation" forgets links, so it does not compare their numbers).
        """
        if isinstance(generation, bool) or not isinstance(generation, int | np.integer):
            raise ValueError(f"generation: must be an integer, got {shown(generation)}")
        if not self.generation <= generation <= MOST_GENERATIONS:
            raise ValueError(
                f"generation: must be from {self.generation}, the current one, to {MOST_GENERATIONS}, "
                f"got {shown(generation)}"
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
        self._memory = genes  # in which they lie

    def _speciate(self, fitness: np.ndarray) -> tuple[Ranking, tuple[float, float, float, int]]:
        """Sort the genomes into species and rank them; `species` then has no representatives that fit its ids."""
        arrays, species_of = self._genes, self._species_of
        id_, founded, improved, record, representative = self.species
        rule, threshold = self._speciation, speciation.threshold_as_float32(self.threshold)
        arguments = arrays, representative, rule, threshold, species_of
        parallel.over(speciation.assign, len(species_of), *arguments, workers=self.workers)
        founders = speciation.found(arrays, len(id_), rule, threshold, species_of)
        living = speciation.settle(
            species_of, id_, founded, improved, record, founders, self.next_species, self.generation
        )
        self.next_species += founders
        self.species = self.species._replace(
            id=living[0], founded=living[1], improved=living[2], record=living[3]
        )
        *ranking, summary = selection.rank(fitness, species_of, len(living[0]))
        return Ranking(*ranking), summary

    def _share(self, fitness: np.ndarray, ranking: Ranking) -> np.ndarray:
        """Offspring of each species, after stagnation."""
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

    def _record(
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
        species = species_rows(self.generation, self.species, ranking, offspring)
        self.history.append(np.array([row], GENERATION), species)

    def _represent(self, ranking: Ranking, offspring: np.ndarray) -> None:
        """Keep the species that have offspring, each with a random member as its representative."""
        kept, genome, nodes, connections = speciation.draw_representatives(
            self.species.id, ranking, offspring, self._genes, self._run_settings.seed, self.generation
        )
        representative = buffers.empty(len(genome), nodes, connections)
        speciation.gather(self._genes, genome, representative)
        id_, founded, improved, record, _ = self.species
        self.species = Species(id_[kept], founded[kept], improved[kept], record[kept], representative)

    def _reproduce(self, fitness: np.ndarray, ranking: Ranking, offspring: np.ndarray) -> None:
        """Make the next generation, and make it the current one."""
        kept = self.kept if self.config.reproduction.keep_best else -1
        plan = Plan(
            *selection.plan(
                fitness,
                self._genes.connection_offset,
                self.birth,
                ranking,
                offspring,
                kept,
                self._run_settings,
                self.generation + 1,
            )
        )
        self._genes, self._memory = self._maker.make(
            self._genes, self._memory, plan, self.innovations, self.generation + 1, self.workers
        )
        self.generation += 1
        self._update_view()
        self.first_parent, self.second_parent, self.birth = plan.first, plan.second, plan.birth
        if kept >= 0:
            self.kept = int(np.flatnonzero((plan.first == kept) & (plan.second < 0) & ~plan.mutates)[0])

    def _warn_idle(self, is_solved: bool, generations: int) -> None:
        """Say why there is nothing to run; ValueError where there is no champion either."""
        if self.best is None:
            raise ValueError(
                f"generations: must be above {self.generation}, the population's, of which no fitness is known, "
                f"got {generations}"
            )
        reason = f"{self.generation} generations are done, {generations} were asked for"
        if is_solved and self.solution is not None:
            reason = f"the champion of generation {self.solution.genome.genomes.generation} meets the target"
        _log.warning("nothing to run: %s", reason)

    def _result(self, evaluator: Evaluator, is_solved: bool) -> Result:
        champion, fitness = self.best, self.best_fitness
        if is_solved and self.solution is not None:
            champion, fitness, _ = self.solution
        elif self.candidates.genomes and isinstance(evaluator, Validating):
            champion, fitness = self.candidates.choose(evaluator.validate, self.config.seed)
        assert champion is not None
        return Result(champion, fitness, is_solved, self.generation, self.evaluations, self.history)
