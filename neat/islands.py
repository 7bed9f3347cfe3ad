"""Evolve several populations side by side, of which some of the best genomes migrate (Whitley et al. 1999)."""

from __future__ import annotations

import concurrent.futures
import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from neat.config.config import Config
from neat.evaluation import Restorable, Stateful
from neat.evolution.evaluator_pool import borrow_evaluator, close_evaluator, close_evaluators
from neat.evolution.history import History
from neat.evolution.islands_result import IslandsResult
from neat.evolution.run_arguments import check_goal, check_process_count
from neat.evolution.target import Solution, Target
from neat.genome.genome import Genome, Genomes
from neat.population import Population
from neat.processes.worker_processes import WorkerProcesses, check_importable, share_threads
from neat.reporting.islands import IslandsReporter, check_reporters
from neat.state.arrays import from_arrays, to_arrays
from neat.support.archive import CheckpointError, join_groups, read_arrays, select_group, write_arrays
from neat.support.files import lock_if_given, resolve_file
from neat.support.messages import quote, shorten
from neat.support.text_files import shorten_path
from neat.support.validation import check_integer

Topology = Literal["ring", "complete", "random"]
Arrays = dict[str, np.ndarray]


class Islands:
    """Evolves populations that exchange genomes: after each round, every island gets migrants from others.

    Migrants are the best genomes of the last evaluated generation of their island. They replace the last children of
    the island to which they come, before these are evaluated. All islands must number genes alike without a common
    table, so `innovation` must be "hashed". They keep no lineage.

    The results do not depend on the number of workers, nor on interruptions.

    Attributes:
        populations: The population of each island.
        round: The number of finished rounds.

    Args:
        config: The settings of each island. The seed of an island is made from the config's seed and its number.
        make_evaluator: Returns a new evaluator, with `num_inputs` and `num_outputs`; worker processes import it by its
            name.
        islands: The number of islands.
        migrate_every: Generations of a round, after which genomes migrate.
        migrants: Genomes that each island gets after each round.
        topology: Where migrants come from: "ring": from the island before; "complete": from all others in turn;
            "random": from another one that is drawn for each migrant.
        checkpoint: A file from `run` to go on from; it must have the same arguments.

    Raises:
        ValueError: An argument is wrong, or contradicts the checkpoint.
        CheckpointError: The checkpoint cannot be read, or is damaged.
    """

    def __init__(
        self,
        config: Config,
        make_evaluator: Callable[[], Any],
        islands: int = 8,
        migrate_every: int = 10,
        migrants: int = 2,
        topology: Topology = "ring",
        checkpoint: str | Path | None = None,
    ) -> None:
        check_islands(config, make_evaluator, islands, migrate_every, migrants, topology)
        self.config = config
        self._make_evaluator = make_evaluator
        self._migrate_every, self._migrants, self._topology = migrate_every, migrants, topology
        self.populations = [
            Population(_island_config(config, island), lineage=False) for island in range(islands)
        ]
        self.round = 0
        self._token = uuid.uuid4().hex  # names its evaluators in all processes
        if checkpoint is not None:
            self._restore(read_arrays(checkpoint), checkpoint)

    def run(
        self,
        generations: int,
        fitness_target: float | None = None,
        solved: Callable[[Any], Callable[[Genome], bool] | None] | None = None,
        workers: int = 1,
        executor: concurrent.futures.Executor | None = None,
        checkpoint: str | Path | None = None,
        reporters: Sequence[IslandsReporter] = (),
    ) -> IslandsResult:
        """Evolve until an island meets the target, or for `generations` generations.

        Args:
            generations: Generations of each island, those before a checkpoint included.
            fitness_target: An island meets the target by a generation whose best fitness reaches this.
            solved: Takes an island's evaluator and returns a function that tells whether a champion meets the target.
                Worker processes import it by its name.
            workers: Processes that share the islands. One that dies is replaced, and its round is repeated.
            executor: Does the rounds instead of worker processes.
            checkpoint: The file to which the state of all islands is written after each round.
            reporters: Called after each round with the histories of all islands, such as a
                `neat.reporting.IslandsProgress`.

        Raises:
            ValueError: An argument is wrong.
            LockedError: Another process is writing the checkpoint.
        """
        check_goal(generations, fitness_target, solved)
        check_process_count(workers, executor)
        if workers > 1:
            check_importable("make_evaluator", self._make_evaluator, ", or use workers=1")
            if solved is not None:
                check_importable("solved", solved, ", or use workers=1")
        file = None if checkpoint is None else resolve_file(checkpoint, "checkpoint")
        target = _Target(fitness_target, solved)
        check_reporters(reporters)
        with contextlib.ExitStack() as stack:
            stack.enter_context(lock_if_given(file))
            stack.callback(close_evaluators, self._token)
            self._forget_other_solutions(target)
            do_rounds = stack.enter_context(_open_workers(workers, executor))
            for reporter in reporters:
                stack.callback(reporter.close)
                reporter.start(self._histories(), generations)
            while not self._solutions() and self.generation < generations:
                self._evolve(do_rounds, target, generations)
                if file is not None:
                    write_arrays(file, self._to_arrays())
                for reporter in reporters:
                    reporter.round(self._histories())
            result = self._result()
            for reporter in reporters:
                reporter.finish(result)
            return result

    def _evolve(self, do_rounds: _DoRounds, target: _Target, generations: int) -> None:
        """Evolve all islands up to the end of the round or the last generation, and let genomes migrate."""
        end = (self.round + 1) * self._migrate_every
        until = min(end, generations)
        tasks = [
            _RoundTask(self._token, self._make_evaluator, target, until, self._migrants, to_arrays(each))
            for each in self.populations
        ]
        done = list(do_rounds(tasks))
        self.populations = [_to_population(each.state) for each in done]
        if until == end:
            self._migrate([each.best for each in done])
            self.round += 1

    @property
    def generation(self) -> int:
        """The current generation of all islands."""
        return self.populations[0].generation

    def _histories(self) -> list[History]:
        return [population.history for population in self.populations]

    def _forget_other_solutions(self, target: _Target) -> None:
        """Forget the solutions that an earlier call found for another target."""
        for population in self.populations:
            if population.solution is not None:
                with borrow_evaluator(
                    self._token, self._make_evaluator, population.evaluator_state
                ) as evaluator:
                    if not target.bind(evaluator).is_met_by(population.solution):
                        population.solution = None

    def _solutions(self) -> list[tuple[int, int, Solution]]:
        """Return generation, island and solution of the islands that have met the target, the earliest first."""
        found = [
            (population.solution.genome.genomes.generation, island, population.solution)
            for island, population in enumerate(self.populations)
            if population.solution is not None
        ]
        return sorted(found, key=lambda each: each[:2])

    def _migrate(self, best: Sequence[Genomes]) -> None:
        """Give migrants to each island; `best` are the best genomes of each."""
        for island, population in enumerate(self.populations):
            sources = self._sources(island)
            chosen = [
                best[source].take(np.array([sources[:k].count(source)])) for k, source in enumerate(sources)
            ]
            if chosen:
                population.immigrate(Genomes.concatenate(chosen))

    def _sources(self, island: int) -> list[int]:
        """Return the island from which each migrant comes."""
        count = len(self.populations)
        if count == 1:
            return []
        if self._topology == "ring":
            return [(island - 1) % count] * self._migrants
        if self._topology == "complete":
            steps = [(self.round * self._migrants + k) % (count - 1) for k in range(self._migrants)]
        else:
            random = np.random.default_rng([self.config.seed, self.round, island])
            steps = random.integers(count - 1, size=self._migrants).tolist()
        return [(island + 1 + step) % count for step in steps]

    def _result(self) -> IslandsResult:
        solutions = self._solutions()
        champion: Genome | None
        if solutions:
            generation, island, (champion, fitness, _) = solutions[0]
            count = generation + 1
        else:
            island = max(range(len(self.populations)), key=lambda k: self.populations[k].best_fitness)
            champion, fitness = self.populations[island].best, self.populations[island].best_fitness
            count = self.generation
        assert champion is not None  # at least one generation has been evaluated
        evaluations = self.config.population_size * len(self.populations) * count
        histories = self._histories()
        return IslandsResult(champion, fitness, bool(solutions), count, evaluations, histories, island)

    def _migration(self) -> dict[str, Any]:
        """Return the arguments that a checkpoint must share."""
        return {
            "islands": len(self.populations),
            "migrate_every": self._migrate_every,
            "migrants": self._migrants,
            "topology": self._topology,
        }

    def _to_arrays(self) -> Arrays:
        head = {"round": self.round, **self._migration()}
        groups = {f"island{k}": to_arrays(population) for k, population in enumerate(self.populations)}
        return {**{name: np.array(value) for name, value in head.items()}, **join_groups(groups)}

    def _restore(self, arrays: Arrays, path: str | Path) -> None:
        """Set the state from a checkpoint's arrays, all of which are checked."""
        where = shorten_path(path)
        try:
            number = arrays["round"]
            for name, own in self._migration().items():
                if arrays[name].shape != () or arrays[name].item() != own:
                    raise ValueError(f"{name}: the checkpoint has {arrays[name]}, got {own}")
            populations = [
                _to_population(select_group(f"island{k}", arrays)) for k in range(len(self.populations))
            ]
            _check_round(number, [population.generation for population in populations], self._migrate_every)
        except KeyError as error:
            raise CheckpointError(
                f"{where}: is not a checkpoint of islands: it lacks the array {error}"
            ) from None
        except ValueError as error:
            raise CheckpointError(f"{where}: {shorten(str(error), 500)}") from None
        for island, population in enumerate(populations):
            if population.config != _island_config(self.config, island):
                raise ValueError(
                    f"config: differs from the config of {where}; use the same settings to continue"
                )
        self.populations, self.round = populations, int(number)


class _Target(NamedTuple):
    """The target of a call of `Islands.run`."""

    fitness: float | None
    solved: Callable[[Any], Callable[[Genome], bool] | None] | None

    def bind(self, evaluator: Any) -> Target:
        """Return the target of an island with this evaluator."""
        return Target(self.fitness, None if self.solved is None else self.solved(evaluator))


class _RoundTask(NamedTuple):
    """What a worker needs to evolve an island up to a generation."""

    token: str
    make_evaluator: Callable[[], Any]
    target: _Target
    until: int
    most: int
    state: Arrays


class _RoundResult(NamedTuple):
    """An island after a round."""

    state: Arrays
    best: Genomes
    """The best genomes of the last evaluated generation, the best first."""


_DoRounds = Callable[[Sequence[_RoundTask]], Iterable[_RoundResult]]


def do_round(task: _RoundTask) -> _RoundResult:
    """Evolve an island up to the end of a round, and note its first solution."""
    population = _to_population(task.state)
    with borrow_evaluator(task.token, task.make_evaluator, population.evaluator_state) as evaluator:
        target = task.target.bind(evaluator)
        while population.generation < task.until:
            genomes, fitness, _ = population._run_generation(evaluator)
            if population.solution is None:
                population.solution = target.find_solution(
                    genomes, fitness, population.history, population.parent_species
                )
        if isinstance(evaluator, Stateful):
            population.evaluator_state = evaluator.state()
    order = np.argsort(-fitness, kind="stable")[: task.most]
    return _RoundResult(to_arrays(population), genomes.take(order))


@contextlib.contextmanager
def _open_workers(workers: int, executor: concurrent.futures.Executor | None) -> Iterator[_DoRounds]:
    """Yield a function that does a round of all islands, and end the processes that do it."""
    if executor is not None:
        yield lambda tasks: executor.map(do_round, tasks)
    elif workers == 1:
        yield lambda tasks: map(do_round, tasks)
    else:
        with WorkerProcesses(do_round, workers, prepare=share_threads(workers)) as processes:
            yield lambda tasks: processes.map(tasks, [f"island {k}" for k in range(len(tasks))])


def _to_population(state: Arrays) -> Population:
    """Return the population with a state, whose arrays stay as they are."""
    own = {name: array.copy() for name, array in state.items()}
    return from_arrays(own, Population._without_genomes)


def _check_round(number: np.ndarray, generations: list[int], migrate_every: int) -> None:
    """Raise ValueError unless a checkpoint's number of finished rounds fits the generations of its islands."""
    if len(set(generations)) > 1:
        raise ValueError(f"generation: must be the same on all islands, got {quote(generations)}")
    expected = generations[0] // migrate_every
    if number.shape != () or number.dtype.kind not in "iu" or number != expected:
        raise ValueError(
            f"round: must be {expected}, since the islands are in generation {generations[0]}, "
            f"got {quote(number.tolist())}"
        )


def _island_config(config: Config, island: int) -> Config:
    seed = int(np.random.SeedSequence([config.seed, island]).generate_state(1, np.uint64)[0] >> 1)
    return config.updated(seed=seed)


def check_islands(
    config: Any,
    make_evaluator: Any,
    islands: Any,
    migrate_every: Any = 10,
    migrants: Any = 2,
    topology: Any = "ring",
) -> None:
    """Raise ValueError for the first wrong argument of `Islands`."""
    if not isinstance(config, Config):
        raise ValueError(f"config: must be a Config, got {quote(config)}")
    if config.innovation != "hashed":
        raise ValueError(
            f'innovation: must be "hashed" for islands, since they share no table of numbers, '
            f"got {config.innovation!r}"
        )
    check_integer("islands", islands, 1, 10_000)
    check_integer("migrate_every", migrate_every, 1, 10**9)
    check_integer("migrants", migrants, 0, config.population_size // 2)
    if topology not in ("ring", "complete", "random"):
        raise ValueError(f"topology: must be ring, complete or random, got {quote(topology)}")
    if not callable(make_evaluator):
        raise ValueError(f"make_evaluator: must return a new evaluator, got {quote(make_evaluator)}")
    evaluator = make_evaluator()
    try:
        if isinstance(evaluator, Stateful) and not isinstance(evaluator, Restorable):
            raise ValueError(
                "make_evaluator: the evaluator has a state, but no restore(), which each round needs"
            )
        for name in ("num_inputs", "num_outputs"):
            known = getattr(evaluator, name, None)
            if known is not None and known != getattr(config.genome, name):
                raise ValueError(
                    f"genome.{name}: must be {known}, as the evaluator has, got {getattr(config.genome, name)}"
                )
    finally:
        close_evaluator(evaluator)
