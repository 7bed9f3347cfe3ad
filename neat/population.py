"""Define the population, which evolves by `ask` and `tell`, or by `run` with an evaluator."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from neat.config.config import Config
from neat.evaluation import Evaluator, Inheriting, Learning, Refining, Restorable, Stateful, Validating
from neat.evolution.evaluation_results import check_values, validate_fitness
from neat.evolution.initial_genomes import check_memory, make_initial_genomes
from neat.evolution.lineage import Lineage
from neat.evolution.result import Result
from neat.evolution.run_arguments import MOST_GENERATIONS, check_limits, check_run
from neat.evolution.starting_genomes import make_first_generation
from neat.evolution.stopping import StopConditions, StoppedBy
from neat.evolution.target import Target
from neat.genome.genome import Genome, GenomeArrays, Genomes
from neat.kernels import parallel
from neat.state.arrays import to_arrays
from neat.state.generation_step import GenerationStep
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


class Population(GenerationStep):
    """Evolves genomes. It has the attributes of `neat.state.run_state.RunState`, and `workers`.

    Args:
        config: The settings.
        workers: The threads that make the offspring; None for the shared threads. They do not change the results.
        genomes: The genomes of generation 0; None for initial ones as the config says. If there are fewer than
            population_size, they are repeated in their order. Later ids are above theirs. With `innovation` "pairing"
            and "hashed", their connections are numbered anew; otherwise, hashed ids become counted ones.
        lineage: Whether to keep each generation's champion, the parents of individuals, all innovations and the origins
            of species in `lineage`, a `neat.evolution.lineage.Lineage`. It does not change the results.

    Raises:
        ValueError: `config` is no Config, or `lineage` no bool; the first population does not fit into memory; or the
            genomes do not fit the config, or cannot be aligned: an innovation number means two links, or a link has two
            numbers in the scheme "global".
    """

    def __init__(
        self,
        config: Config,
        workers: parallel.Workers | None = None,
        genomes: Genomes | None = None,
        lineage: bool = True,
    ) -> None:
        if not isinstance(config, Config):
            raise ValueError(f"config: must be a Config, got {quote(config)}")
        if not isinstance(lineage, bool):
            raise ValueError(f"lineage: must be True or False, got {quote(lineage)}")
        if genomes is None:
            check_memory(config)
        super().__init__(config, workers)
        if genomes is None:
            first = make_initial_genomes(config, self.innovations).arrays
        else:
            first = make_first_generation(genomes, config, self.innovations)
        self._set_genomes(0, first)
        self.lineage = Lineage(config, self._genomes) if lineage else None

    @classmethod
    def _without_genomes(cls, config: Config) -> Population:
        """Return a population without genomes, whose state a checkpoint will set."""
        population = cls.__new__(cls)
        GenerationStep.__init__(population, config)
        return population

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

    def run(
        self,
        evaluator: Evaluator,
        generations: int,
        fitness_target: float | None = None,
        *,
        solved: Callable[[Genome], bool] | None = None,
        reporters: Sequence[ReporterLike] = (),
        checkpoint: str | Path | None = None,
        checkpoint_every: int = 10,
        max_evaluations: int | None = None,
        max_seconds: float | None = None,
        stop: Callable[[Population], bool] | None = None,
    ) -> Result:
        """Evolve until the target is met, or until `generations` generations have been evaluated since generation 0.

        Other limits can end the run earlier, and `result.stopped_by` names the one that did. All are checked between
        generations.

        Use a population for one task only: it keeps the best genome and the candidates of earlier calls. It keeps the
        solution of an earlier call if that reached the same `fitness_target`, or if `solved` returns True for it. If
        nothing is left to run, `run` logs a warning.

        Args:
            evaluator: Takes Genomes and returns their fitness, shape (population_size,). `neat.evaluation` describes
                it and its optional members: a state for checkpoints, validation by new trials, learned weights.
            generations: The total number of generations, those before a checkpoint included.
            fitness_target: Stop after a generation whose best fitness reaches this.
            solved: Stop after a generation for whose champion this returns True; see also `SpeciesChampions`.
            reporters: Objects with the methods of `ReporterLike`, such as a `neat.reporting.Reporter`, called after
                each generation.
            checkpoint: The file to which the newest state is written.
            checkpoint_every: Generations between checkpoints. The last generation is always written.
            max_evaluations: The most genomes to evaluate in total, those before a checkpoint included. A generation
                that would exceed it does not begin.
            max_seconds: After these seconds of this call, no further generation begins. Where the run ends then depends
                on the speed of the machine.
            stop: Takes the population after each generation, whose row is `population.history.last`; the run ends if
                it returns True.

        Raises:
            ValueError: An argument is invalid, or `tell` refuses the fitness.
            LockedError: Another process is writing the checkpoint or a reporter's files.
        """
        check_run(evaluator, generations, fitness_target, solved, reporters, checkpoint_every)
        check_limits(self.config.population_size, max_evaluations, max_seconds, stop)
        file = None if checkpoint is None else resolve_file(checkpoint, "checkpoint")
        target = Target(fitness_target, solved)
        conditions = StopConditions.from_now(target, generations, max_evaluations, max_seconds, stop)
        return self._evolve(evaluator, conditions, reporters, file, checkpoint_every)

    def _evolve(
        self,
        evaluator: Evaluator,
        conditions: StopConditions,
        reporters: Sequence[ReporterLike],
        file: Path | None,
        checkpoint_every: int,
    ) -> Result:
        """Evolve as `run` describes, with checked arguments; return the Result."""
        if self.evaluator_state and not isinstance(evaluator, Restorable):
            raise ValueError(
                "evaluator: the checkpoint has the state of an evaluator, but this evaluator has no restore()"
            )
        stopped_by = conditions.find_reason_at_start(self)
        if stopped_by is not None:
            self._warn_nothing_to_run(stopped_by, conditions)
        with contextlib.ExitStack() as stack:
            stack.enter_context(lock_if_given(file))
            generations = conditions.count_generations(self.config.population_size)
            for reporter in reporters:
                close = getattr(reporter, "close", None)
                if callable(close):
                    stack.callback(close)
                reporter.start(self, generations)
            if self.evaluator_state and isinstance(evaluator, Restorable):
                evaluator.restore(self.evaluator_state)
            while stopped_by is None:
                genomes, fitness, timings = self._run_generation(evaluator)
                self.solution = conditions.target.find_solution(
                    genomes, fitness, self.history, self.parent_species
                )
                stopped_by = conditions.find_reason_after(self)
                for reporter in reporters:
                    reporter.generation(self, timings)
                if file is not None and (stopped_by is not None or self.generation % checkpoint_every == 0):
                    self._save(file, evaluator)
            result = self._make_result(evaluator, conditions.target, stopped_by)
            for reporter in reporters:
                reporter.finish(self, result)
            return result

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
        generation = int(generation)  # a checkpoint takes the births as int64
        own = self._adopt(self._genomes.with_arrays(genomes))
        self._set_genomes(generation, own)
        size = self.config.population_size
        self.first_parent, self.second_parent = np.full(size, -1), np.full(size, -1)
        self.birth = np.full(size, generation)
        self.kept = -1
        if self.lineage is not None:
            self.lineage.restart(self.generation, self._genomes)

    def immigrate(self, genomes: Genomes) -> None:
        """Replace the last genomes of the current generation, which is not evaluated yet, by copies of these.

        The copy of the best genome stays (`reproduction.keep_best`). Migrants have no parents.

        Raises:
            ValueError: There are as many as in the population, or more, or the population keeps its lineage; or see
                `resume_at`.
        """
        if self.lineage is not None:
            raise ValueError("lineage: cannot follow migrants; make the population with lineage=False")
        size, count = self.config.population_size, len(genomes)
        if not 0 < count < size:
            raise ValueError(f"genomes: expected from 1 to {size - 1} migrants, got {count}")
        places = np.arange(size)
        stay = np.setdiff1d(places, places[places != self.kept][-count:])
        own = self._adopt(Genomes.concatenate([self._genomes.take(stay), genomes]))
        self._set_genomes(self.generation, own)
        none = np.full(count, -1)
        self.first_parent = np.concatenate([self.first_parent[stay], none])
        self.second_parent = np.concatenate([self.second_parent[stay], none])
        self.birth = np.concatenate([self.birth[stay], np.full(count, self.generation)])
        if self.kept >= 0:
            self.kept = int(np.searchsorted(stay, self.kept))

    def _adopt(self, batch: Genomes) -> GenomeArrays:
        """Return copies of a whole generation of genomes that this population did not make, once they are checked."""
        batch.check()
        check_values(batch, self.config.genome)
        if len(batch) != self.config.population_size:
            raise ValueError(
                f"genomes: expected {self.config.population_size}, the population_size, got {len(batch)}"
            )
        own = GenomeArrays(*(array.copy() for array in batch.arrays))
        self.innovations.adopt(own, batch.input_count)
        return own

    def _warn_nothing_to_run(self, stopped_by: StoppedBy, conditions: StopConditions) -> None:
        """Log why there is nothing to run; raise ValueError if there is no champion to return either."""
        limit, done = conditions.generations, f"{self.generation} generations are done"
        if stopped_by == "max_evaluations" and conditions.max_evaluations is not None:
            limit, done = conditions.max_evaluations, f"{self.evaluations} evaluations are done"
        if self.best is None:
            raise ValueError(
                f"{stopped_by}: must be large enough to evaluate generation {self.generation}, the current one, "
                f"whose fitness is unknown, got {limit}"
            )
        reason = f"{done}, {limit} were asked for"
        if stopped_by == "target" and self.solution is not None:
            reason = f"the champion of generation {self.solution.genome.genomes.generation} meets the target"
        _log.warning("nothing to run: %s", reason)

    def _make_result(self, evaluator: Evaluator, target: Target, stopped_by: StoppedBy) -> Result:
        champion, fitness, is_validated = self.best, self.best_fitness, False
        if stopped_by == "target" and self.solution is not None:
            champion, fitness, _ = self.solution
        elif self.candidates.genomes and isinstance(evaluator, Validating):
            champion, fitness = self.candidates.choose(evaluator.validate, self.config.seed)
            is_validated = True
        assert champion is not None
        is_solved = stopped_by == "target"
        if not is_solved and isinstance(evaluator, Refining) and (refined := evaluator.refine(champion)):
            _log.info("the champion's fitness after refinement: %g, before: %g", refined[1], fitness)
            champion, fitness = refined
            is_validated = False
            is_solved = target.is_reached_by(champion, fitness)
        return Result(
            champion,
            fitness,
            is_solved,
            self.generation,
            self.evaluations,
            self.history,
            stopped_by,
            is_validated,
            self.lineage,
        )
